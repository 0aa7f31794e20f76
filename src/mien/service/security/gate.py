"""The door: nothing but the public list is reached without proof of who asks, and no body is read before it."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError
from mien.service.security import cookies, csrf, origins
from mien.service.security.authentication import Means, Proof, authenticate
from mien.service.security.limits import address_of

PUBLIC: Final = frozenset(
    {
        "/api/health",
        "/api/connections/count",
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/logout",
        "/openapi.json",
        "/docs",
        "/redoc",
    }
)
"""Paths that need no proof. Those under ``/auth`` check what they need themselves."""
PUBLIC_FOLDERS: Final = ("/docs/",)
"""Below these there are files that anybody may have."""
OWN: Final = "/api/v1/"
"""Below it a token must be of a user known here, and a browser's write carry a CSRF token. What lies elsewhere under
``/api`` is for clients of earlier systems, which know neither."""


class Gate:
    """Lets requests through whose caller is known; sockets see to it themselves (:mod:`.sockets`).

    Args:
        app: what answers; it finds a :class:`Proof` in the request's state.
        parts: of the service.
    """

    def __init__(self, app: ASGIApp, parts: ServiceParts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http":
            request = Request(scope)
            state = scope.setdefault("state", {})
            try:
                if public(scope["path"]):
                    await self._parts.limits.public(address_of(request))
                    proof = None
                else:
                    proof = await self._prove(request)
            except ProblemError as problem:
                state["auth"] = "refused"
                await problem.response(state.get("request_id"))(scope, receive, send)
                return
            if proof is not None:
                state["proof"], state["auth"] = proof, proof.means.value
        await self._app(scope, receive, send)

    async def _prove(self, request: Request) -> Proof:
        own = request.url.path.startswith(OWN)
        try:
            proof = await authenticate(request, self._parts, foreign=not own)
        except ProblemError:
            await self._parts.limits.refused(address_of(request))
            raise
        await self._parts.limits.request(proof.caller.actor)
        if proof.means is Means.COOKIE and request.method not in csrf.SAFE_METHODS:
            check_page(request, self._parts, strict=own)
            if own and not self._knows_token(request, proof):
                raise ProblemError(403, "csrf", "Send the cookie __Host-csrf again in the header X-CSRF-Token.")
        return proof

    def _knows_token(self, request: Request, proof: Proof) -> bool:
        number = proof.caller.user_number
        sent = request.cookies.get(cookies.CSRF), request.headers.get(csrf.HEADER)
        return number is not None and csrf.holds(self._parts.settings.signing_key, number, *sent)


def public(path: str) -> bool:
    """Whether a path needs no proof."""
    return path in PUBLIC or path.startswith(PUBLIC_FOLDERS)


def check_page(connection: HTTPConnection, parts: ServiceParts, *, strict: bool) -> None:
    """Refuse what a page of another origin sends with a browser's cookies.

    Args:
        connection: a request.
        parts: of the service.
        strict: also refuse where nothing says which page it is. Browsers always say so of writes.

    Raises:
        ProblemError: 403.
    """
    if origins.told(connection):
        fine = origins.allowed(connection, parts.settings.origins)
    else:
        fine = not strict and connection.headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    if not fine:
        raise ProblemError(403, "origin", "Pages of this origin may not call: the operator can add it to MIEN_ORIGINS.")

"""The largest body of a request, by where it goes: counted as it comes, so that one sent in chunks is refused as well.

It stands behind the gate: who proved nothing is told so, whatever they send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.service.problems import ProblemError
from mien.service.settings import ServiceSettings

FORM_BYTES: Final = 64 * 1024
"""What a form may hold besides its file."""

LARGER: Final[Mapping[str, Callable[[ServiceSettings], int]]] = MappingProxyType(
    {
        "/api/predict": lambda settings: settings.max_predict_bytes + FORM_BYTES,
        "/api/predict/": lambda settings: settings.max_predict_bytes + FORM_BYTES,
    }
)
"""Paths that take more than ``max_body_bytes``."""


class BodyLimits:
    """Refuses what is too large with 413.

    Args:
        app: what answers.
        settings: what is too large.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        larger = LARGER.get(scope["path"])
        most = larger(self._settings) if larger else self._settings.max_body_bytes
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > most:
            problem = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", _words(most))
            await problem.response(scope.get("state", {}).get("request_id"))(scope, receive, send)
            return
        size = 0

        async def counting() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > most:
                    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _words(most))
            return message

        await self._app(scope, counting, send)


def _words(most: int) -> str:
    return f"The request is larger than {most:,} bytes, which is the limit here."

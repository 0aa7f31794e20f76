"""What routes ask for: the parts, who is asking, and a unit of work of their organisation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from mien.service import principal
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, unauthenticated
from mien.service.security import cookies
from mien.service.security.authentication import KEY_HEADER, Proof
from mien.store.records import Role
from mien.store.work import Work

_SCHEMES = (
    HTTPBearer(scheme_name="token", auto_error=False, description="A token from sign-in, or an API key."),
    APIKeyHeader(name=KEY_HEADER, scheme_name="key", auto_error=False, description="An API key."),
    APIKeyCookie(name=cookies.ACCESS, scheme_name="cookie", auto_error=False, description="A signed-in browser."),
)
"""For the description only: the gate has asked already."""


def parts_of(connection: HTTPConnection) -> ServiceParts:
    """The parts that the application was made from."""
    found: ServiceParts = connection.app.state.parts
    return found


Parts = Annotated[ServiceParts, Depends(parts_of)]


def _caller(
    request: Request,
    _token: Annotated[object, Security(_SCHEMES[0])],
    _key: Annotated[object, Security(_SCHEMES[1])],
    _cookie: Annotated[object, Security(_SCHEMES[2])],
) -> principal.Caller:
    proof: Proof | None = request.scope.get("state", {}).get("proof")
    if proof is None:
        raise unauthenticated()
    return proof.caller


Caller = Annotated[principal.Caller, Depends(_caller)]
"""Whoever is signed in."""


def _at_least(role: Role) -> Callable[[principal.Caller], principal.Caller]:
    def check(caller: Caller) -> principal.Caller:
        if not caller.role.includes(role):
            raise ProblemError(403, "role", f"This needs the role {role.value}; yours is {caller.role.value}.")
        return caller

    return check


RequireAnalyst = Annotated[principal.Caller, Depends(_at_least(Role.ANALYST))]
RequireAdmin = Annotated[principal.Caller, Depends(_at_least(Role.ADMIN))]


async def _reading(parts: Parts, caller: Caller) -> AsyncIterator[Work]:
    async with parts.store.begin(caller.organisation_id, read_only=True) as work:
        yield work


async def _writing(parts: Parts, caller: Caller) -> AsyncIterator[Work]:
    async with parts.store.begin(caller.organisation_id) as work:
        yield work


# scope="function": the transaction ends, and its changes are durable, before the answer is sent.
Reading = Annotated[Work, Depends(_reading, scope="function")]
"""A transaction of the caller's organisation that cannot write: no audit entry either."""
Writing = Annotated[Work, Depends(_writing, scope="function")]
"""A transaction of the caller's organisation, kept before the answer is sent, or not at all where it is an error."""

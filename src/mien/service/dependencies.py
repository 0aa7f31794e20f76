"""What routes ask for: the parts, who is asking, and a unit of work of their organisation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer
from starlette.requests import HTTPConnection

from mien.service import principal
from mien.service.idempotency import STATE
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, unauthenticated
from mien.service.security import cookies
from mien.service.security.authentication import KEY_HEADER, Proof
from mien.store.errors import NotFoundError
from mien.store.records import Role
from mien.store.work import Work

_SCHEMES = (
    HTTPBearer(scheme_name="token", auto_error=False, description="A token from sign-in, or an API key."),
    APIKeyHeader(name=KEY_HEADER, scheme_name="key", auto_error=False, description="An API key."),
    APIKeyCookie(name=cookies.ACCESS, scheme_name="cookie", auto_error=False, description="A signed-in browser."),
)
"""For the description only: the gate has asked already."""
TAKEN_OVER: Final = "This request took so long that it was sent and taken up again: ask for the answer in a moment."


def parts_of(connection: HTTPConnection) -> ServiceParts:
    """The parts that the application was made from."""
    found: ServiceParts = connection.app.state.parts
    return found


# Dependencies are coroutines: FastAPI sends plain functions to a thread, which costs more than all else they do.
async def _parts(connection: HTTPConnection) -> ServiceParts:
    return parts_of(connection)


Parts = Annotated[ServiceParts, Depends(_parts)]


async def _caller(
    request: Request,
    _token: Annotated[object, Security(_SCHEMES[0])],
    _key: Annotated[object, Security(_SCHEMES[1])],
    _cookie: Annotated[object, Security(_SCHEMES[2])],
) -> principal.Caller:
    return _proof(request).caller


def _proof(request: Request) -> Proof:
    proof: Proof | None = request.scope.get("state", {}).get("proof")
    if proof is None:
        raise unauthenticated()
    return proof


Caller = Annotated[principal.Caller, Depends(_caller)]
"""Whoever is signed in."""


def at_least(role: Role, request: Request) -> principal.Caller:
    """Whoever asks, for a route that asks for no dependencies.

    Raises:
        ProblemError: 401 where nobody is signed in, 403 where their role does not do.
    """
    return _with_role(role, _proof(request).caller)


def _with_role(role: Role, caller: principal.Caller) -> principal.Caller:
    if not caller.role.includes(role):
        raise ProblemError(403, "role", f"This needs the role {role.value}; yours is {caller.role.value}.")
    return caller


def _at_least(role: Role) -> Callable[[principal.Caller], Awaitable[principal.Caller]]:
    async def check(caller: Caller) -> principal.Caller:
        return _with_role(role, caller)

    return check


RequireAnalyst = Annotated[principal.Caller, Depends(_at_least(Role.ANALYST))]
RequireAdmin = Annotated[principal.Caller, Depends(_at_least(Role.ADMIN))]


async def _reading(parts: Parts, caller: Caller) -> AsyncIterator[Work]:
    async with parts.store.begin(caller.organisation_id, read_only=True) as work:
        yield work


@asynccontextmanager
async def writing(request: Request) -> AsyncIterator[Work]:
    """What :data:`Writing` is, for a route that must begin it later, such as after a slow reckoning."""
    async with parts_of(request).store.begin(_proof(request).caller.organisation_id) as work:
        yield work
        answer_id = request.scope["state"].get(STATE)
        if answer_id is not None:
            try:
                await work.answers.carry_out(answer_id)
            except NotFoundError:
                raise ProblemError(409, "in-progress", TAKEN_OVER, headers={"Retry-After": "1"}) from None


async def _writing(request: Request, _caller: Caller) -> AsyncIterator[Work]:
    async with writing(request) as work:
        yield work


# scope="function": the transaction ends, and its changes are durable, before the answer is sent.
Reading = Annotated[Work, Depends(_reading, scope="function")]
"""A transaction of the caller's organisation that cannot write: no audit entry either."""
Writing = Annotated[Work, Depends(_writing, scope="function")]
"""A transaction of the caller's organisation, kept before the answer is sent, or not at all where it is an error."""

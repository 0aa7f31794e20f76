"""What tests of the service are made of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI

from mien.service.first_run import ORGANISATION
from mien.service.parts import ServiceParts
from mien.service.security.passwords import Passwords
from mien.service.sockets import OTHER_BYTES, LimitedSockets
from mien.store.records import Role, User
from tests.store.support import VirtualClock, add_organisation

SECRET = bytes(range(64))
PASSWORD = "correct horse battery staple"
URL = "https://mien.test"
"""Cookies are Secure, so a client's address is one of TLS."""

ROLES = {"admin": Role.ADMIN, "analyst": Role.ANALYST, "viewer": Role.VIEWER}


@dataclass(frozen=True)
class Service:
    """A started service.

    Attributes:
        app: as uvicorn runs it.
        parts: of it.
        organisation: of ``admin``, ``analyst`` and ``viewer``.
        other: of ``other_admin``.
        people: users by who they are.
    """

    app: FastAPI
    parts: ServiceParts
    organisation: UUID
    other: UUID
    people: dict[str, User]

    @property
    def clock(self) -> VirtualClock:
        """A test moves it."""
        assert isinstance(self.parts.clock, VirtualClock)
        return self.parts.clock

    def token(self, who: str) -> str:
        """A good access token."""
        organisation = self.other if who == "other_admin" else self.organisation
        return self.parts.tokens.issue(self.people[who], organisation, self.parts.clock.now())

    async def renew(self, who: str) -> str:
        """A good access token after whatever ended those before."""
        organisation = self.other if who == "other_admin" else self.organisation
        async with self.parts.store.begin(organisation, read_only=True) as work:
            self.people[who] = await work.users.get(self.people[who].id)
        return self.token(who)

    def client(self, who: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A client in this process that sends somebody's token; nothing where None.

        Every error that it is answered is one that the operation's description tells of.
        """
        headers = {} if who is None else {"Authorization": f"Bearer {self.token(who)}"}
        headers.update(options.pop("headers", {}))
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=options.pop("raises", True))
        return httpx.AsyncClient(
            transport=transport, base_url=URL, headers=headers, event_hooks={"response": [self._described]}, **options
        )

    async def _described(self, answer: httpx.Response) -> None:
        if answer.status_code < 400:
            return
        method, path = answer.request.method.lower(), answer.request.url.path
        for template, operations in _answers(self.app).items():
            if template.fullmatch(path) and method in operations:
                told = operations[method]
                assert str(answer.status_code) in told, f"{method} {path} does not tell of {answer.status_code}"
                return


async def populated(app: FastAPI, parts: ServiceParts) -> Service:
    """Two organisations and their people; everybody's password is :data:`PASSWORD`."""
    organisation = await add_organisation(parts.store, parts.settings.organisation or ORGANISATION)
    other = await add_organisation(parts.store, "Studio South")
    people = {}
    hashed = await asyncio.to_thread(_hash)
    async with parts.store.begin(organisation) as work:
        for who, role in ROLES.items():
            people[who] = await work.users.add(who, hashed, role)
    async with parts.store.begin(other) as work:
        people["other_admin"] = await work.users.add("other_admin", hashed, Role.ADMIN)
    return Service(app, parts, organisation, other, people)


_TOLD: dict[re.Pattern[str], dict[str, frozenset[str]]] = {}
"""Statuses by pattern of path and method; plain paths first, as they match. Every application tells of the same."""


def _answers(app: FastAPI) -> dict[re.Pattern[str], dict[str, frozenset[str]]]:
    if not _TOLD:
        paths: dict[str, Any] = app.openapi()["paths"]
        for path in sorted(paths, key=lambda path: "{" in path):
            operations = {method: frozenset(operation["responses"]) for method, operation in paths[path].items()}
            _TOLD[re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))] = operations
    return _TOLD


@cache
def _hash() -> str:
    return asyncio.run(Passwords().hashed(PASSWORD))


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The application behind a real socket on the loopback, for WebSockets and streams; its address.

    Its lifespan is the ``service`` fixture's.
    """
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=5,
        ws=LimitedSockets,
        ws_max_size=OTHER_BYTES,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise RuntimeError("the server ended before it started")
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving

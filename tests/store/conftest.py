"""Both databases, empty for every test, and a clock that a test moves."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from mien.store.database import Store
from tests.postgres import Server
from tests.store.support import VirtualClock, add_organisation

_numbers = itertools.count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for all tests of this process; without one they fail."""
    server = Server()
    yield server
    server.stop()


def on_server(server: Server, *statements: str) -> None:
    """Run statements in the maintenance database."""

    async def run() -> None:
        connection = await asyncpg.connect(**server.dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


async def _migrate(url: str) -> None:
    await (await Store.open(url)).close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them."""
    path = tmp_path_factory.mktemp("template") / "mien.db"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> str:
    """The same on PostgreSQL."""
    on_server(postgres, "CREATE DATABASE template_mien")
    asyncio.run(_migrate(postgres.url("template_mien")))
    return "template_mien"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which of the two a test runs on."""
    return str(request.param)


@pytest.fixture
def bare_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where there is a database without a table."""
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'bare.db'}"
        return
    server: Server = request.getfixturevalue("postgres")
    name = f"bare_{next(_numbers)}"
    on_server(server, f"CREATE DATABASE {name}")
    yield server.url(name)
    on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where there is a database with its tables and nothing in them."""
    if database == "sqlite":
        path = tmp_path / "mien.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    server: Server = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"
    on_server(server, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
    yield server.url(name)
    on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    opened = await Store.open(url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def organisation(store: Store) -> UUID:
    return await add_organisation(store, "Cinema North")


@pytest.fixture
async def other(store: Store) -> UUID:
    """Another tenant."""
    return await add_organisation(store, "Studio South")

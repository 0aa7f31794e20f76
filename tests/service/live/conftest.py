"""Both databases, and the bus on Redis, for what passes between them."""

from __future__ import annotations

import base64
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.streams.bus import Bus, StreamOptions
from mien.streams.opening import BusOptions, open_bus
from tests.redis_server import RedisServer
from tests.service.support import SECRET
from tests.store.conftest import (  # noqa: F401
    anyio_backend,
    bare_url,
    database,
    postgres,
    postgres_template,
    sqlite_template,
    url,
)
from tests.store.support import add_organisation

_numbers = itertools.count()


@pytest.fixture
def settings(tmp_path: Path, url: str) -> ServiceSettings:  # noqa: F811
    """Routes are tested on both databases."""
    told = {"data_folder": tmp_path, "security_secret": base64.b64encode(SECRET).decode(), "database_url": url}
    return ServiceSettings.model_validate(told)


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A durable server for all tests of this process."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def bus_options() -> BusOptions:
    return BusOptions(streams=StreamOptions(min_idle_seconds=1.0, most_deliveries=3), prefix=f"live-{next(_numbers)}")


@pytest.fixture
async def redis_bus(redis: RedisServer, bus_options: BusOptions) -> AsyncIterator[Bus]:
    bus = await open_bus(redis.url, bus_options)
    yield bus
    await bus.close()


@pytest.fixture
async def real_store(url: str) -> AsyncIterator[Store]:  # noqa: F811
    """With the machine's clock, which processes share."""
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def cinema(real_store: Store) -> UUID:
    return await add_organisation(real_store, "Cinema North")

"""Both buses, empty for every test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from mien.streams.bus import Bus, LiveOptions, PresenceOptions, StreamOptions
from mien.streams.opening import BusOptions, open_bus
from tests.redis_server import RedisServer

_numbers = itertools.count()

Opening = Callable[..., Awaitable[Bus]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A durable server for all tests of this process."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two a test runs on."""
    return str(request.param)


@pytest.fixture
async def opening(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Opening]:
    """Opens a bus with options; on Redis every call with the same test opens another process's view of it."""
    prefix = f"test-{next(_numbers)}"
    url = None if kind == "memory" else request.getfixturevalue("redis").url
    async with AsyncExitStack() as stack:

        async def opened(**options: Any) -> Bus:
            told: dict[str, Any] = {
                "streams": StreamOptions(min_idle_seconds=5.0),
                "live": LiveOptions(),
                "presence": PresenceOptions(lease_seconds=5.0),
            }
            bus = await open_bus(url, BusOptions(**{**told, **options}, prefix=prefix))
            stack.push_async_callback(bus.close)
            return bus

        yield opened


@pytest.fixture
async def bus(opening: Opening) -> Bus:
    return await opening()

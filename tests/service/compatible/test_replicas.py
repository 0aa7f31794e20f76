"""Presence over several processes of the service, one of which dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mien.service.first_run import ORGANISATION
from mien.service.security.tokens import Tokens
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.store.records import Role, User
from tests.redis_server import RedisServer
from tests.service.compatible.replica import LEASE_SECONDS
from tests.service.compatible.test_socket import SENTENCE, count_until, talking, told
from tests.store.support import add_organisation


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@asynccontextmanager
async def replica(database: str, redis: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A process of the service, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.service.compatible.replica", database, redis, stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
        yield f"ws://127.0.0.1:{port}/api/ws", process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def counting(address: str) -> str:
    """Where a process tells how many are connected."""
    return address.replace("ws", "http", 1).replace("/api/ws", "/api/connections/count")


async def test_the_count_spans_replicas_and_drops_when_one_is_killed(
    settings: ServiceSettings, service_template: Path, redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "mien.db"
    path.write_bytes(service_template.read_bytes())
    database = f"sqlite+aiosqlite:///{path}"
    store = await Store.open(database)
    organisation = await add_organisation(store, ORGANISATION)
    async with store.begin(organisation) as work:
        user: User = await work.users.add("viewer", "no password", Role.VIEWER)
    await store.close()
    token = Tokens(settings).issue(user, organisation, datetime.now(UTC))

    async with (
        replica(database, redis.url) as (one, _),
        replica(database, redis.url) as (other, dying),
        talking(one, token) as survivor,
        talking(other, token),
        talking(other, token),
    ):
        await count_until(survivor, 3)
        async with httpx.AsyncClient() as client:
            for address in (one, other):
                assert (await client.get(counting(address))).json() == {"active_connections": 3}
        began = asyncio.get_running_loop().time()
        dying.send_signal(signal.SIGKILL)
        await count_until(survivor, 1, seconds=LEASE_SECONDS * 5)
        assert asyncio.get_running_loop().time() - began < LEASE_SECONDS * 4
        await survivor.send(SENTENCE)
        assert (await told(survivor, "emotion_classification"))["label"] == "joy"

"""``mien stream`` on a real Redis: what was given up is seen, without what it holds, and sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.streams.opening import open_bus
from mien.streams.snapshots import RECORDERS, STREAM
from tests.redis_server import RedisServer


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


def mien(redis: RedisServer | None, *arguments: str) -> Result:
    env = {"MIEN_REDIS_URL": None if redis is None else redis.url}
    return CliRunner().invoke(main, ["stream", *arguments, "--env-file", "/nowhere/.env"], env=env)


async def give_up(redis: RedisServer, payloads: list[bytes]) -> None:
    bus = await open_bus(redis.url)
    try:
        await bus.streams.publish(STREAM, payloads)
        for message in await bus.streams.receive(STREAM, RECORDERS, "one", most=len(payloads)):
            await bus.streams.bury(STREAM, RECORDERS, message, "it cannot be read")
    finally:
        await bus.close()


async def waiting(redis: RedisServer) -> list[bytes]:
    bus = await open_bus(redis.url)
    try:
        return [message.payload for message in await bus.streams.receive(STREAM, RECORDERS, "two", wait_seconds=0.1)]
    finally:
        await bus.close()


def test_what_was_given_up_is_told_and_sent_again(redis: RedisServer) -> None:
    assert mien(redis, "status").output == "0 messages wait, 0 were given up.\n"
    asyncio.run(give_up(redis, [b"first", b"second"]))
    told = mien(redis, "status").output.splitlines()
    assert told[0] == "0 messages wait, 2 were given up."
    assert all(line.endswith("delivered 1 times: it cannot be read") for line in told[1:])
    assert "first" not in "".join(told)
    assert mien(redis, "revive").output == "2 messages were sent again.\n"
    assert asyncio.run(waiting(redis)) == [b"first", b"second"]
    assert mien(redis, "revive").output == "0 messages were sent again.\n"


def test_without_redis_there_is_nothing_to_look_after() -> None:
    refused = mien(None, "status")
    assert refused.exit_code == 2
    assert "MIEN_REDIS_URL" in refused.output

"""Redis is killed, cut off and slow; processes are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core.errors import SettingsError
from mien.streams.bus import Announcement, Bus, Event, Message, Missed, PresenceOptions, StreamOptions
from mien.streams.errors import BusUnavailableError
from mien.streams.opening import BusOptions, open_bus
from tests.redis_server import Proxy, RedisServer
from tests.streams.process import LEASE_SECONDS, options

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A server that a test may kill."""
    server = RedisServer()
    yield server
    server.stop()


async def publish_steadily(bus: Bus, count: int, acknowledged: list[bytes]) -> None:
    """One message after the other; whoever gets no answer hands it in again."""
    for number in range(count):
        payload = str(number).encode()
        while True:
            try:
                await bus.streams.publish("results", [payload], wait_seconds=0.5)
                break
            except BusUnavailableError:
                await asyncio.sleep(0.05)
        acknowledged.append(payload)


async def consume_until(bus: Bus, consumer: str, wanted: int, found: Counter[bytes]) -> None:
    while len(found) < wanted:
        try:
            messages = await bus.streams.receive("results", "recorder", consumer, most=50, wait_seconds=0.5)
            await bus.streams.acknowledge("results", "recorder", messages)
        except BusUnavailableError:
            await asyncio.sleep(0.05)
            continue
        found.update(m.payload for m in messages)


async def test_a_cut_of_a_slow_line_loses_no_acknowledged_message(redis: RedisServer) -> None:
    async with Proxy(redis.port, delay_seconds=0.05) as proxy:
        told = BusOptions(streams=StreamOptions(min_idle_seconds=1.0), prefix="cut")
        bus = await open_bus(proxy.url, told)
        acknowledged: list[bytes] = []
        found: Counter[bytes] = Counter()
        publishing = asyncio.create_task(publish_steadily(bus, 30, acknowledged))
        consuming = asyncio.create_task(consume_until(bus, "a", 30, found))
        await asyncio.sleep(1.0)
        before = len(acknowledged)
        proxy.cut()
        await asyncio.sleep(1.5)
        assert len(acknowledged) <= before + 1, "nothing is acknowledged while it is cut"
        proxy.heal()
        healed = time.monotonic()
        while len(acknowledged) <= before + 1:
            await asyncio.sleep(0.02)
        assert time.monotonic() - healed < 10
        await asyncio.wait_for(asyncio.gather(publishing, consuming), 30)
        assert set(found) == set(acknowledged) == {str(i).encode() for i in range(30)}
        await bus.close()


async def test_a_killed_redis_comes_back_with_everything_it_acknowledged(own: RedisServer) -> None:
    bus = await open_bus(own.url, options("killed"))
    acknowledged: list[bytes] = []
    publishing = asyncio.create_task(publish_steadily(bus, 3000, acknowledged))
    while len(acknowledged) < 300:
        await asyncio.sleep(0.01)
    own.kill()
    safe = set(acknowledged)
    health = await bus.check()
    assert not health.ready
    own.start()
    started = time.monotonic()
    while not (await bus.check()).ready:
        await asyncio.sleep(0.05)
    assert time.monotonic() - started < 10
    await asyncio.wait_for(publishing, 30)
    found: Counter[bytes] = Counter()
    await asyncio.wait_for(consume_until(bus, "a", 3000, found), 30)
    assert safe <= set(found)
    assert sum(found.values()) <= 3001, "at most the one whose answer was lost is there twice"
    await bus.close()


async def test_what_a_consumer_held_when_redis_was_killed_comes_again(own: RedisServer) -> None:
    bus = await open_bus(own.url, options("held"))
    await bus.streams.publish("results", [b"a", b"b"])
    held = await bus.streams.receive("results", "recorder", "one", most=1)
    await bus.streams.acknowledge("results", "recorder", held)
    await bus.streams.receive("results", "recorder", "one")
    own.kill()
    own.start()
    found: list[Message] = []
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        found += await bus.streams.receive("results", "recorder", "two")
    assert [m.payload for m in found] == [b"b"], "what was acknowledged stays so"
    await bus.close()


async def test_followers_over_a_cut_get_every_event_once_and_in_order(redis: RedisServer) -> None:
    async with Proxy(redis.port, delay_seconds=0.05) as proxy:
        near = await open_bus(redis.url, options("followers"))
        far = await open_bus(proxy.url, options("followers"))
        seen: list[float | None] = []

        async def follow() -> None:
            async with far.live.follow("session:1") as events:
                following.set()
                async for event in events:
                    assert not isinstance(event, Missed)
                    seen.append(event.at_seconds)
                    if event.at_seconds == 59:
                        return

        following = asyncio.Event()
        task = asyncio.create_task(follow())
        await asyncio.wait_for(following.wait(), 5)
        for number in range(60):
            if number == 20:
                proxy.cut()
            if number == 40:
                await asyncio.sleep(1.5)
                proxy.heal()
            await near.live.announce([Announcement("session:1", "snapshot", b"{}", float(number))])
        await asyncio.wait_for(task, 15)
        assert seen == [float(n) for n in range(60)]
        await near.close()
        await far.close()


async def test_followers_survive_a_killed_redis(own: RedisServer) -> None:
    bus = await open_bus(own.url, options("live"))
    async with bus.live.follow("session:1") as events:
        await bus.live.announce([Announcement("session:1", "snapshot", b"{}", 1.0)])
        assert isinstance(await asyncio.wait_for(anext(events), 5), Event)
        own.kill()
        with pytest.raises(BusUnavailableError, match="Redis does not answer"):
            await bus.live.announce([Announcement("session:1", "snapshot", b"{}", 2.0)])
        own.start()
        await bus.live.announce([Announcement("session:1", "snapshot", b"{}", 3.0)])
        assert await asyncio.wait_for(anext(events), 10) == Missed(1.0), "the second was never told"
        event = await asyncio.wait_for(anext(events), 10)
        assert isinstance(event, Event)
        assert event.at_seconds == 3.0
    await bus.close()


async def test_a_killed_process_leaves_its_rooms_within_its_lease(redis: RedisServer) -> None:
    bus = await open_bus(redis.url, options("killed-process"))
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    async with bus.presence.watch("sockets") as changes, bus.presence.present("sockets"):
        assert await asyncio.wait_for(anext(changes), 5) == 1
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.streams.process", redis.url, "killed-process", "3",
            env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert other.stdout is not None
            assert await asyncio.wait_for(other.stdout.readline(), 30) == b"present\n"
            assert [await asyncio.wait_for(anext(changes), 5) for _ in range(3)] == [2, 3, 4]
            assert await bus.presence.count("sockets") == 4
        finally:
            other.send_signal(signal.SIGKILL)
            await other.wait()
        killed = time.monotonic()
        assert await asyncio.wait_for(anext(changes), 5) == 1
        assert time.monotonic() - killed < LEASE_SECONDS * 2
    assert await bus.presence.count("sockets") == 0
    await bus.close()


async def test_presence_is_told_again_after_redis_lost_everything(own: RedisServer) -> None:
    bus = await open_bus(own.url, options("lost"))
    async with bus.presence.present("sockets"):
        own.kill()
        for file in own.folder.glob("appendonlydir/*"):
            file.unlink()
        async with bus.presence.present("sockets"):
            own.start()
            deadline = time.monotonic() + 10
            while await bus.presence.count("sockets") != 2:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
    await bus.close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"appendonly": "no"}, "appendonly yes"),
        ({"appendfsync": "everysec"}, "appendfsync always"),
        ({"maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"}, "maxmemory-policy noeviction"),
    ],
)
async def test_a_redis_that_may_lose_what_it_acknowledged_is_refused(settings: dict[str, str], named: str) -> None:
    server = RedisServer(**settings)
    try:
        with pytest.raises(SettingsError, match=f"Redis may lose what it acknowledged: set {named}") as refused:
            await open_bus(server.url)
        assert "MIEN_REDIS_DURABLE=false" in str(refused.value)
        bus = await open_bus(server.url, BusOptions(require_durable=False))
        health = await bus.check()
        assert (health.ready, health.durable) == (True, False)
        assert named in (health.detail or "")
        await bus.close()
    finally:
        server.stop()


@pytest.mark.parametrize("url", ["http://localhost", "redis//x", "redis://localhost:port"])
async def test_what_is_no_redis_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingsError, match="the Redis URL cannot be read") as raised:
        await open_bus(url)
    assert url not in str(raised.value)


async def test_a_redis_that_is_not_there_is_told_and_its_password_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.streams.redis.bus._OPEN_SECONDS", 0.3)
    with pytest.raises(BusUnavailableError, match="Redis does not answer") as raised:
        await open_bus("redis://:secret@127.0.0.1:1/0", BusOptions(presence=PresenceOptions()))
    assert "secret" not in str(raised.value)

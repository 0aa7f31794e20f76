from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mien.service.live.intake import Intake
from mien.service.live.recorder import Recorder
from mien.store.database import Store
from mien.store.records import SessionRecord
from mien.streams.bus import Bus
from mien.streams.opening import BusOptions
from mien.streams.snapshots import STREAM, message
from tests.postgres import Server
from tests.redis_server import RedisServer
from tests.service.live.process import MIN_IDLE_SECONDS
from tests.store.support import add_organisation, draft, step

ROOT = Path(__file__).resolve().parents[3]


async def begun(store: Store, organisation: UUID) -> SessionRecord:
    async with store.begin(organisation) as work:
        return await work.sessions.begin(draft())


async def stored(store: Store, organisation: UUID, session: SessionRecord) -> list[float]:
    async with store.begin(organisation, read_only=True) as work:
        return list((await work.snapshots.timeline(session.id))["media_time"])


async def emptied(bus: Bus, recorder: Recorder, *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while (await bus.streams.backlog(STREAM)).waiting:
        assert time.monotonic() < deadline
        await recorder.step(wait_seconds=0.1)


@pytest.fixture
def recorder(real_store: Store, redis_bus: Bus) -> Recorder:
    return Recorder(redis_bus.streams, real_store, Intake(real_store, redis_bus))


async def test_a_killed_consumer_of_2000_results_costs_none_and_doubles_none(
    real_store: Store, cinema: UUID, url: str, redis: RedisServer, redis_bus: Bus, bus_options: BusOptions,
    recorder: Recorder,
) -> None:  # fmt: skip
    session = await begun(real_store, cinema)
    results = [message(cinema, [step(session, i * 0.5)]) for i in range(2000)]
    await redis_bus.streams.publish(STREAM, results)
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.service.live.process", url, redis.url, bus_options.prefix]
    other = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    for _ in range(4):
        assert await asyncio.wait_for(other.stdout.readline(), 60) == b"holds\n"
    other.send_signal(signal.SIGKILL)
    await other.wait()
    killed = time.monotonic()
    before = len(await stored(real_store, cinema, session))
    assert 0 < before < 2000
    await emptied(redis_bus, recorder)
    assert time.monotonic() - killed < MIN_IDLE_SECONDS + 2
    assert await stored(real_store, cinema, session) == [i * 0.5 for i in range(2000)]


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_stored(
    real_store: Store, cinema: UUID, redis_bus: Bus, recorder: Recorder
) -> None:
    session = await begun(real_store, cinema)
    good = [message(cinema, [step(session, i * 0.5)]) for i in range(3)]
    poison = [b"", b"x" * 40, cinema.bytes + b'[{"box": [1, 2, 3, 4]}]', cinema.bytes + b"{"]
    await redis_bus.streams.publish(STREAM, [good[0], *poison, *good[1:]])
    await emptied(redis_bus, recorder)
    assert await stored(real_store, cinema, session) == [0.0, 0.5, 1.0]
    letters = await redis_bus.streams.dead_letters(STREAM)
    assert [letter.payload for letter in letters] == poison
    assert all(letter.reason for letter in letters)


async def test_snapshots_of_sessions_that_are_gone_are_let_go_and_counted(
    real_store: Store, cinema: UUID, redis_bus: Bus, recorder: Recorder
) -> None:
    session, ended = await begun(real_store, cinema), await begun(real_store, cinema)
    async with real_store.begin(cinema) as work:
        await work.sessions.end(ended.id)
    snapshots = [step(session, 0.0), step(ended, 0.0), step(uuid4(), 0.0), step(session, 0.5)]
    await redis_bus.streams.publish(STREAM, [message(cinema, snapshots), message(uuid4(), [step(session, 9.0)])])
    await emptied(redis_bus, recorder)
    assert await stored(real_store, cinema, session) == [0.0, 0.5]
    assert (recorder.recorded.stored, recorder.recorded.refused) == (2, 3)
    assert (await redis_bus.streams.backlog(STREAM)).dead == 0, "what was to be deleted is not kept as a dead letter"


async def test_a_message_that_the_database_will_not_take_is_given_up_and_the_others_are_stored(
    real_store: Store, cinema: UUID, redis_bus: Bus
) -> None:
    session = await begun(real_store, cinema)

    class Choking(Intake):
        async def take(self, organisation_id, snapshots):  # type: ignore[no-untyped-def]
            if any(s.media_time == 2.0 for s in snapshots):
                raise RuntimeError("this one kills")
            return await super().take(organisation_id, snapshots)

    recorder = Recorder(redis_bus.streams, real_store, Choking(real_store, redis_bus))
    await redis_bus.streams.publish(STREAM, [message(cinema, [step(session, i * 0.5)]) for i in range(10)])
    deadline = time.monotonic() + 20
    while (await redis_bus.streams.backlog(STREAM)).waiting and time.monotonic() < deadline:
        try:
            await recorder.step(wait_seconds=0.2)
        except RuntimeError:
            continue
    assert await stored(real_store, cinema, session) == [i * 0.5 for i in range(10) if i != 4]
    [letter] = await redis_bus.streams.dead_letters(STREAM)
    assert letter.payload == message(cinema, [step(session, 2.0)])


@pytest.fixture
def durable() -> Iterator[Server]:
    """A server of its own, which waits for the disk."""
    server = Server(durable=True)
    yield server
    server.stop()


async def test_when_postgresql_is_killed_messages_wait_and_none_is_given_up(redis_bus: Bus, durable: Server) -> None:
    store = await Store.open(durable.url("postgres"))
    cinema = await add_organisation(store, "Cinema North")
    session = await begun(store, cinema)
    running = asyncio.create_task(Recorder(redis_bus.streams, store, Intake(store, redis_bus)).run())

    async def publish() -> None:
        for i in range(60):
            await redis_bus.streams.publish(STREAM, [message(cinema, [step(session, i * 0.5)])])
            await asyncio.sleep(0.05)

    publishing = asyncio.create_task(publish())
    while len(await stored(store, cinema, session)) < 5:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(durable.restart_after_kill)
    restarted = time.monotonic()
    while not await store.ready():
        assert time.monotonic() - restarted < 10
        await asyncio.sleep(0.1)
    await publishing
    while (await redis_bus.streams.backlog(STREAM)).waiting:
        assert time.monotonic() - restarted < 15
        await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait({running})
    assert await stored(store, cinema, session) == [i * 0.5 for i in range(60)]
    assert (await redis_bus.streams.backlog(STREAM)).dead == 0
    await store.close()

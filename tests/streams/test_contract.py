"""What both buses promise."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from mien.streams.bus import Announcement, Backlog, Bus, Event, LiveOptions, Message, Missed, StreamOptions
from mien.streams.errors import StreamFullError
from tests.streams.conftest import Opening


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [str(i).encode() for i in range(start, start + count)]


async def drained(bus: Bus, consumer: str, *, group: str = "recorder", most: int = 100) -> list[Message]:
    """Everything a consumer gets until nothing comes, acknowledged."""
    found: list[Message] = []
    while messages := await bus.streams.receive("results", group, consumer, most=most, wait_seconds=0.05):
        await bus.streams.acknowledge("results", group, messages)
        found += messages
    return found


async def test_messages_come_in_order_once_and_are_gone_when_acknowledged(bus: Bus) -> None:
    await bus.streams.publish("results", numbered(250))
    assert [m.payload for m in await drained(bus, "a")] == numbered(250)
    assert (await bus.streams.backlog("results")).waiting == 0
    assert await drained(bus, "a") == []


async def test_payloads_are_bytes_of_any_kind(bus: Bus) -> None:
    payloads = [bytes(range(256)), b"", "é\n".encode(), b"x" * 100_000]
    await bus.streams.publish("results", payloads)
    assert [m.payload for m in await drained(bus, "a")] == payloads


async def test_consumers_of_a_group_share_and_groups_do_not(bus: Bus) -> None:
    await bus.streams.publish("results", numbered(40))
    one, two = await asyncio.gather(drained(bus, "a", most=5), drained(bus, "b", most=5))
    assert Counter(m.payload for m in one + two) == Counter(numbered(40))
    await bus.streams.publish("results", numbered(10, 100))
    assert [m.payload for m in await drained(bus, "c", group="alarms")] == numbered(10, 100), "the rest was done with"
    assert (await bus.streams.backlog("results")).waiting == 10, "the first group has not had them"
    assert [m.payload for m in await drained(bus, "a")] == numbered(10, 100)
    assert (await bus.streams.backlog("results")).waiting == 0


async def test_a_waiting_consumer_gets_what_comes_at_once(bus: Bus) -> None:
    async def late() -> None:
        await asyncio.sleep(0.2)
        await bus.streams.publish("results", [b"late"])

    task = asyncio.create_task(late())
    started = time.monotonic()
    [message] = await bus.streams.receive("results", "recorder", "a", wait_seconds=30)
    assert message.payload == b"late"
    assert time.monotonic() - started < 10, "it does not wait its time out"
    await task


IDLE_SECONDS = 2.0
"""Much longer than a busy machine holds a test up: who holds messages must not lose them by that."""


async def test_what_the_dead_held_goes_to_the_living_after_the_idle_time(opening: Opening) -> None:
    bus = await opening(streams=StreamOptions(min_idle_seconds=IDLE_SECONDS))
    await bus.streams.publish("results", numbered(20))
    started = time.monotonic()
    held = await bus.streams.receive("results", "recorder", "dead", most=10)
    assert [m.deliveries for m in held] == [1] * 10
    assert [m.payload for m in await drained(bus, "b")] == numbered(10, 10)
    again = await bus.streams.receive("results", "recorder", "b", wait_seconds=30)
    assert IDLE_SECONDS <= time.monotonic() - started < 20, "neither sooner nor when the wait ends"
    assert [(m.payload, m.deliveries) for m in again] == [(p, 2) for p in numbered(10)]


async def test_whoever_extends_keeps_and_it_counts_as_no_delivery(opening: Opening) -> None:
    bus = await opening(streams=StreamOptions(min_idle_seconds=IDLE_SECONDS))
    await bus.streams.publish("results", numbered(2))
    held = await bus.streams.receive("results", "recorder", "a")
    for _ in range(5):
        await asyncio.sleep(IDLE_SECONDS / 4)
        await bus.streams.extend("results", "recorder", "a", held)
        assert await bus.streams.receive("results", "recorder", "b", wait_seconds=0) == ()
    [first, _] = await bus.streams.receive("results", "recorder", "b", wait_seconds=30)
    assert first.deliveries == 2
    await bus.streams.extend("results", "recorder", "a", held)
    assert await bus.streams.receive("results", "recorder", "a", wait_seconds=0) == (), "another has them"


async def test_a_poison_message_becomes_a_dead_letter_alone_and_the_queue_drains(opening: Opening) -> None:
    bus = await opening(streams=StreamOptions(min_idle_seconds=0.1, most_deliveries=3))
    await bus.streams.publish("results", [*numbered(5), b"poison", *numbered(5, 5)])
    done: list[bytes] = []
    deadline = time.monotonic() + 10
    while (await bus.streams.backlog("results")).waiting and time.monotonic() < deadline:
        messages = await bus.streams.receive("results", "recorder", "a", wait_seconds=0.1)
        if any(m.deliveries > 2 for m in messages):
            assert len(messages) == 1, "what was delivered more often comes alone"
        for message in messages:
            if message.payload == b"poison":
                break  # Its consumer dies, with everything else it holds.
            await bus.streams.acknowledge("results", "recorder", [message])
            done.append(message.payload)
    assert Counter(done) == Counter(numbered(10))
    [letter] = await bus.streams.dead_letters("results")
    assert (letter.payload, letter.group, letter.deliveries) == (b"poison", "recorder", 3)
    assert letter.reason == "delivered 3 times and never acknowledged"


async def test_a_message_that_cannot_be_worked_off_is_buried_and_can_be_revived(bus: Bus) -> None:
    await bus.streams.publish("results", [b"unreadable"])
    [message] = await bus.streams.receive("results", "recorder", "a")
    await bus.streams.bury("results", "recorder", message, "no JSON")
    await bus.streams.bury("results", "recorder", message, "no JSON")
    assert await bus.streams.backlog("results") == Backlog(waiting=0, dead=1)
    letters = await bus.streams.dead_letters("results")
    assert [(d.payload, d.reason) for d in letters] == [(b"unreadable", "no JSON")]
    assert await bus.streams.revive("results", letters) == 1
    assert await bus.streams.revive("results", letters) == 0
    assert [m.payload for m in await drained(bus, "a")] == [b"unreadable"]
    assert (await bus.streams.backlog("results")).dead == 0


async def test_dead_letters_are_bounded(opening: Opening) -> None:
    bus = await opening(streams=StreamOptions(most_dead=3))
    await bus.streams.publish("results", numbered(5))
    for message in await bus.streams.receive("results", "recorder", "a"):
        await bus.streams.bury("results", "recorder", message, "not wanted")
    assert [d.payload for d in await bus.streams.dead_letters("results")] == numbered(3, 2)


async def test_a_full_stream_refuses_and_drops_nothing(opening: Opening) -> None:
    bus = await opening(streams=StreamOptions(most_waiting=10, min_idle_seconds=5))
    await bus.streams.publish("results", numbered(8))
    with pytest.raises(StreamFullError, match="results holds 10 messages"):
        await bus.streams.publish("results", numbered(3, 8), wait_seconds=0.1)
    assert (await bus.streams.backlog("results")).waiting == 8, "all or none"
    held = await bus.streams.receive("results", "recorder", "a", most=5)
    with pytest.raises(StreamFullError):
        await bus.streams.publish("results", numbered(3, 8), wait_seconds=0.1)
    waiting = asyncio.create_task(bus.streams.publish("results", numbered(3, 8), wait_seconds=5))
    await asyncio.sleep(0.1)
    assert not waiting.done(), "a publisher waits for room"
    await bus.streams.acknowledge("results", "recorder", held)
    await asyncio.wait_for(waiting, 1)
    assert [m.payload for m in await drained(bus, "a")] == numbered(6, 5)
    with pytest.raises(ValueError, match="at most 10 messages"):
        await bus.streams.publish("results", numbered(11))


def snapshot(at: float, channel: str = "session:1") -> Announcement:
    return Announcement(channel, "snapshot", f'{{"media_time":{at}}}'.encode(), at)


async def test_followers_get_every_event_in_order(opening: Opening, kind: str) -> None:
    here = await opening()
    there = here if kind == "memory" else await opening()
    async with here.live.follow("session:1") as one, there.live.follow("session:1") as two:
        for i in range(50):
            await here.live.announce([snapshot(i), snapshot(i, "session:2")])
        for follower in (one, two):
            events = [await asyncio.wait_for(anext(follower), 5) for _ in range(50)]
            found = [e for e in events if isinstance(e, Event)]
            assert [(e.kind, e.at_seconds) for e in found] == [("snapshot", i) for i in range(50)]
            assert len({e.id for e in found}) == 50


async def test_who_comes_later_begins_with_what_comes_then(bus: Bus) -> None:
    async with bus.live.follow("session:1") as one:
        await bus.live.announce([snapshot(0)])
        await asyncio.wait_for(anext(one), 5)
        async with bus.live.follow("session:1") as two:
            await bus.live.announce([snapshot(1)])
            [first, second] = [await asyncio.wait_for(anext(f), 5) for f in (one, two)]
            assert first == second
            assert isinstance(second, Event)
            assert second.at_seconds == 1


async def test_who_comes_back_gets_what_came_meanwhile(bus: Bus) -> None:
    async with bus.live.follow("session:1") as events:
        await bus.live.announce([snapshot(0)])
        last = await asyncio.wait_for(anext(events), 5)
    assert isinstance(last, Event)
    await bus.live.announce([snapshot(1), snapshot(2)])
    async with bus.live.follow("session:1", after=last.id) as events:
        await bus.live.announce([snapshot(3)])
        found = [await asyncio.wait_for(anext(events), 5) for _ in range(3)]
    assert [e.at_seconds for e in found if isinstance(e, Event)] == [1, 2, 3]


async def test_who_was_away_for_too_long_is_told_so(opening: Opening) -> None:
    bus = await opening(live=LiveOptions(linger_seconds=1.0))
    async with bus.live.follow("session:1") as events:
        await bus.live.announce([snapshot(7.5)])
        last = await asyncio.wait_for(anext(events), 5)
    assert isinstance(last, Event)
    await asyncio.sleep(1.3)
    await bus.live.announce([snapshot(8)])
    async with bus.live.follow("session:1", after=last.id) as events:
        assert await asyncio.wait_for(anext(events), 5) == Missed(7.5)
        await bus.live.announce([snapshot(9)])
        event = await asyncio.wait_for(anext(events), 5)
        assert isinstance(event, Event)
        assert event.at_seconds == 9


@pytest.mark.parametrize("after", ["", "nonsense", "1-1", "9999999999999-0", "-1--1", "1-1:nan", "²-1", "1" * 500])
async def test_an_id_that_nobody_gave_out_is_answered_with_missed(bus: Bus, after: str) -> None:
    async with bus.live.follow("session:1") as first, bus.live.follow("session:1", after=after) as events:
        await bus.live.announce([snapshot(1)])
        assert await asyncio.wait_for(anext(events), 5) == Missed(None)
        assert await asyncio.wait_for(anext(events), 5) == await asyncio.wait_for(anext(first), 5)


async def test_a_slow_follower_is_told_where_it_lost_events_and_goes_on(opening: Opening) -> None:
    bus = await opening(live=LiveOptions(queue_events=5))
    async with bus.live.follow("session:1") as slow, bus.live.follow("session:1") as quick:
        for i in range(20):
            await bus.live.announce([snapshot(i)])
            event = await asyncio.wait_for(anext(quick), 5)
            assert isinstance(event, Event)
            assert event.at_seconds == i
        found = [await asyncio.wait_for(anext(slow), 5) for _ in range(6)]
        assert [e.at_seconds for e in found if isinstance(e, Event)] == [0, 1, 2, 3, 4]
        assert found[-1] == Missed(4)
        await bus.live.announce([snapshot(20)])
        event = await asyncio.wait_for(anext(slow), 5)
        assert isinstance(event, Event)
        assert event.at_seconds == 20


async def test_rooms_are_counted_and_changes_told(bus: Bus) -> None:
    async with bus.presence.watch("sockets") as changes:
        async with bus.presence.present("sockets"), bus.presence.present("other"):
            assert await bus.presence.count("sockets") == 1
            async with bus.presence.present("sockets"):
                assert await bus.presence.count("sockets") == 2
            assert await bus.presence.count("sockets") == 1
        assert await bus.presence.count("sockets") == await bus.presence.count("other") == 0
        assert [await asyncio.wait_for(anext(changes), 5) for _ in range(4)] == [1, 2, 1, 0]


async def test_many_come_and_go_at_once_and_the_count_holds(bus: Bus) -> None:
    leave = asyncio.Event()

    async def stay() -> None:
        async with bus.presence.present("sockets"):
            await leave.wait()

    async with bus.presence.watch("sockets") as changes:
        tasks = [asyncio.create_task(stay()) for _ in range(30)]
        seen = [await asyncio.wait_for(anext(changes), 5) for _ in range(30)]
        assert seen == list(range(1, 31)), "each arrival is told"
        for task in tasks[:10]:
            task.cancel()
        assert [await asyncio.wait_for(anext(changes), 5) for _ in range(10)] == list(range(29, 19, -1))
        leave.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await bus.presence.count("sockets") == 0


async def test_it_says_how_it_stands(bus: Bus, kind: str) -> None:
    health = await bus.check()
    assert (health.ready, health.kind, health.durable) == (True, kind, kind == "redis")


async def test_closing_ends_whoever_listens(opening: Opening) -> None:
    bus = await opening()
    async with bus.live.follow("session:1") as events, bus.presence.watch("sockets") as changes:
        await bus.close()
        assert [e async for e in events] == []
        assert [c async for c in changes] == []


async def test_whether_anybody_follows_is_asked_by_how_names_begin(opening: Opening) -> None:
    bus = await opening()
    assert not await bus.live.anybody("session:")
    async with bus.live.follow("staff"):
        assert await bus.live.anybody("st")
        assert not await bus.live.anybody("session:")
        async with bus.live.follow("session:1"):
            assert await bus.live.anybody("session:")

"""Streams in memory."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from mien.streams.bus import Backlog, DeadLetter, Message, StreamOptions
from mien.streams.limits import WORN_OUT, check_publishable, full

_DAY_SECONDS = 86_400.0


@dataclass(slots=True)
class _Held:
    consumer: str
    deliveries: int
    since: float


@dataclass(slots=True)
class _Group:
    """Messages up to ``read`` were delivered; those of them that were not acknowledged are ``held``."""

    read: int = 0
    held: dict[int, _Held] = field(default_factory=dict)


@dataclass(slots=True)
class _Stream:
    messages: dict[int, bytes] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)
    dead: dict[int, tuple[DeadLetter, float]] = field(default_factory=dict)
    last: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)


class MemoryStreams:
    """Streams that end with the process.

    Args:
        options: how they behave.
    """

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self._streams: dict[str, _Stream] = {}
        self._letters = itertools.count(1)

    async def publish(self, stream: str, payloads: Sequence[bytes], *, wait_seconds: float = 5.0) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        check_publishable(payloads, self._options)
        found, until = self._stream(stream), time.monotonic() + wait_seconds
        while len(found.messages) + len(payloads) > self._options.most_waiting:
            if not await _wait(found.left, until - time.monotonic()):
                raise full(stream, self._options)
        for payload in payloads:
            found.last += 1
            found.messages[found.last] = bytes(payload)
        found.arrived.set()

    async def receive(
        self, stream: str, group: str, consumer: str, *, most: int = 100, wait_seconds: float = 1.0
    ) -> tuple[Message, ...]:
        """See :class:`mien.streams.bus.Streams`."""
        found, until = self._stream(stream), time.monotonic() + wait_seconds
        mine = found.groups.setdefault(group, _Group())
        look_again = min(self._options.min_idle_seconds / 2, 1.0)
        while True:
            messages = self._reclaim(found, group, consumer, most) or _new(found, mine, consumer, most)
            left = until - time.monotonic()
            if messages or left <= 0:
                return messages
            await _wait(found.arrived, min(left, look_again))

    async def acknowledge(self, stream: str, group: str, messages: Sequence[Message]) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        found = self._stream(stream)
        mine = found.groups.setdefault(group, _Group())
        for message in messages:
            self._done(found, mine, int(message.id))

    async def extend(self, stream: str, group: str, consumer: str, messages: Sequence[Message]) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        mine = self._stream(stream).groups.setdefault(group, _Group())
        for message in messages:
            held = mine.held.get(int(message.id))
            if held is not None and held.consumer == consumer:
                held.since = time.monotonic()

    async def bury(self, stream: str, group: str, message: Message, reason: str) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        found = self._stream(stream)
        self._bury(found, group, int(message.id), message.deliveries, reason)

    async def dead_letters(self, stream: str, *, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See :class:`mien.streams.bus.Streams`."""
        return tuple(letter for letter, _ in itertools.islice(self._stream(stream).dead.values(), limit))

    async def revive(self, stream: str, letters: Sequence[DeadLetter]) -> int:
        """See :class:`mien.streams.bus.Streams`."""
        found = self._stream(stream)
        there = [letter for letter in letters if int(letter.id) in found.dead]
        if there:
            await self.publish(stream, [letter.payload for letter in there], wait_seconds=0.0)
        for letter in there:
            found.dead.pop(int(letter.id), None)
        return len(there)

    async def backlog(self, stream: str) -> Backlog:
        """See :class:`mien.streams.bus.Streams`."""
        found = self._stream(stream)
        return Backlog(len(found.messages), len(found.dead))

    def _stream(self, name: str) -> _Stream:
        return self._streams.setdefault(name, _Stream())

    def _reclaim(self, stream: _Stream, group: str, consumer: str, most: int) -> tuple[Message, ...]:
        now, mine = time.monotonic(), stream.groups[group]
        idle = [n for n, h in mine.held.items() if now - h.since >= self._options.min_idle_seconds]
        for number in [n for n in idle if mine.held[n].deliveries >= self._options.most_deliveries]:
            deliveries = mine.held[number].deliveries
            self._bury(stream, group, number, deliveries, WORN_OUT.replace("#", str(deliveries)))
            idle.remove(number)
        once = [n for n in idle if mine.held[n].deliveries == 1]
        taken = []
        for number in (once or idle[:1])[:most]:
            deliveries = mine.held[number].deliveries + 1
            mine.held[number] = _Held(consumer, deliveries, now)
            taken.append(Message(str(number), stream.messages[number], deliveries))
        return tuple(taken)

    def _done(self, stream: _Stream, group: _Group, number: int) -> bool:
        """Acknowledge for one group; the message goes when no group needs it any more."""
        if group.held.pop(number, None) is None:
            return False
        if all(number <= g.read and number not in g.held for g in stream.groups.values()):
            stream.messages.pop(number, None)
            stream.left.set()
        return True

    def _bury(self, stream: _Stream, group: str, number: int, deliveries: int, reason: str) -> None:
        payload = stream.messages.get(number)
        if payload is None or not self._done(stream, stream.groups.setdefault(group, _Group()), number):
            return
        key, now = next(self._letters), time.monotonic()
        stream.dead[key] = DeadLetter(str(key), group, payload, deliveries, reason), now
        oldest = now - self._options.dead_days * _DAY_SECONDS
        for old in [k for k, (_, at) in stream.dead.items() if at < oldest]:
            del stream.dead[old]
        while len(stream.dead) > self._options.most_dead:
            del stream.dead[next(iter(stream.dead))]


def _new(stream: _Stream, group: _Group, consumer: str, most: int) -> tuple[Message, ...]:
    now = time.monotonic()
    if group.read >= stream.last:
        return ()
    numbers = list(itertools.islice((n for n in stream.messages if n > group.read), most))
    for number in numbers:
        group.held[number] = _Held(consumer, 1, now)
    group.read = numbers[-1] if numbers else stream.last
    return tuple(Message(str(n), stream.messages[n], 1) for n in numbers)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Until something happens; False where nothing did."""
    if seconds <= 0:
        return False
    event.clear()
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True

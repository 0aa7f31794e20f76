"""Durable streams on Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from mien.streams.bus import Backlog, DeadLetter, Message, StreamOptions
from mien.streams.errors import BusUnavailableError
from mien.streams.limits import WORN_OUT, check_publishable, full
from mien.streams.redis import scripts
from mien.streams.redis.connection import ANSWER_SECONDS, Connection

_DAY_MS: Final = 86_400_000
_FULL_PAUSE_SECONDS: Final = 0.02
_STEADY_SECONDS: Final = 5.0
"""How long an acknowledgement is tried: without it work is done twice."""


class RedisStreams:
    """Streams that outlive every process, as safe as Redis's append-only file.

    Args:
        connection: to Redis.
        options: how they behave.
    """

    def __init__(self, connection: Connection, options: StreamOptions) -> None:
        self._connection = connection
        self._options = options
        client = connection.client
        self._publish = client.register_script(scripts.PUBLISH)
        self._reclaim_script = client.register_script(scripts.RECLAIM)
        self._bury_script = client.register_script(scripts.BURY)
        self._extend_script = client.register_script(scripts.EXTEND)
        self._revive_script = client.register_script(scripts.REVIVE)
        self._look_again: dict[tuple[str, str, str], float] = {}

    async def publish(self, stream: str, payloads: Sequence[bytes], *, wait_seconds: float = 5.0) -> None:
        """See :class:`mien.streams.bus.Streams`. While Redis is cut off it is tried again for as long as may be waited:
        messages whose answer was lost are then there twice.
        """
        check_publishable(payloads, self._options)
        if not payloads:
            return
        until = time.monotonic() + wait_seconds
        arguments = [self._options.most_waiting, *payloads]
        while True:
            taken = await self._connection.call(
                lambda: self._publish(keys=[self._key(stream)], args=arguments),
                patience_seconds=until - time.monotonic(),
            )
            if taken:
                return
            if time.monotonic() + _FULL_PAUSE_SECONDS >= until:
                raise full(stream, self._options)
            await asyncio.sleep(_FULL_PAUSE_SECONDS)

    async def receive(
        self, stream: str, group: str, consumer: str, *, most: int = 100, wait_seconds: float = 1.0
    ) -> tuple[Message, ...]:
        """See :class:`mien.streams.bus.Streams`."""
        until = time.monotonic() + wait_seconds
        every = min(self._options.min_idle_seconds / 2, 1.0)
        place = (stream, group, consumer)
        while True:
            now = time.monotonic()
            if now >= self._look_again.get(place, 0.0):
                messages = await self._reclaim(stream, group, consumer, most)
                if messages:
                    return messages
                self._look_again[place] = now + every
            left = max(0.0, until - time.monotonic())
            messages = await self._new(stream, group, consumer, most, min(left, every, ANSWER_SECONDS / 2))
            if messages or time.monotonic() >= until:
                return messages

    async def acknowledge(self, stream: str, group: str, messages: Sequence[Message]) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        if messages:
            ids = [m.id for m in messages]
            await self._connection.call(
                lambda: self._connection.client.xackdel(self._key(stream), group, *ids, ref_policy="ACKED"),
                patience_seconds=_STEADY_SECONDS,
            )

    async def extend(self, stream: str, group: str, consumer: str, messages: Sequence[Message]) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        if messages:
            arguments = [group, consumer, *(m.id for m in messages)]
            await self._connection.call(lambda: self._extend_script(keys=[self._key(stream)], args=arguments))

    async def bury(self, stream: str, group: str, message: Message, reason: str) -> None:
        """See :class:`mien.streams.bus.Streams`."""
        arguments = [group, message.id, message.deliveries, reason, self._options.most_dead, self._dead_ms]
        await self._connection.call(
            lambda: self._bury_script(keys=self._both(stream), args=arguments), patience_seconds=_STEADY_SECONDS
        )

    async def dead_letters(self, stream: str, *, limit: int = 100) -> tuple[DeadLetter, ...]:
        """See :class:`mien.streams.bus.Streams`."""
        client = self._connection.client
        found = await self._connection.call(lambda: client.xrange(self._both(stream)[1], count=limit))
        return tuple(
            DeadLetter(key.decode(), told[b"g"].decode(), told[b"p"], int(told[b"n"]), told[b"r"].decode())
            for key, told in found
        )

    async def revive(self, stream: str, letters: Sequence[DeadLetter]) -> int:
        """See :class:`mien.streams.bus.Streams`."""
        arguments = [self._options.most_waiting, *(letter.id for letter in letters)]
        done = await self._connection.call(lambda: self._revive_script(keys=self._both(stream), args=arguments))
        if int(done) < 0:
            raise full(stream, self._options)
        return int(done)

    async def backlog(self, stream: str) -> Backlog:
        """See :class:`mien.streams.bus.Streams`."""
        client = self._connection.client
        waiting, dead = self._both(stream)
        return Backlog(
            int(await self._connection.call(lambda: client.xlen(waiting))),
            int(await self._connection.call(lambda: client.xlen(dead))),
        )

    @property
    def _dead_ms(self) -> int:
        return int(self._options.dead_days * _DAY_MS)

    def _key(self, stream: str) -> str:
        return self._connection.key("stream", stream)

    def _both(self, stream: str) -> list[str]:
        return [self._key(stream), self._connection.key("dead", stream)]

    async def _reclaim(self, stream: str, group: str, consumer: str, most: int) -> tuple[Message, ...]:
        options = self._options
        idle_ms = int(options.min_idle_seconds * 1000)
        limits = [options.most_deliveries, most, options.most_dead, self._dead_ms]
        arguments = [group, consumer, idle_ms, *limits, WORN_OUT]
        found = await self._grouped(
            stream, group, lambda: self._reclaim_script(keys=self._both(stream), args=arguments)
        )
        return tuple(Message(key.decode(), payload, int(deliveries)) for key, deliveries, payload in found)

    async def _new(self, stream: str, group: str, consumer: str, most: int, wait_seconds: float) -> tuple[Message, ...]:
        client, key = self._connection.client, self._key(stream)
        block = max(1, int(wait_seconds * 1000))
        found = await self._grouped(
            stream, group, lambda: client.xreadgroup(group, consumer, {key: ">"}, count=most, block=block)
        )
        return tuple(
            Message(number.decode(), told[b"p"], 1) for _, entries in _pairs(found) for number, told in entries
        )

    async def _grouped(self, stream: str, group: str, operation: Any) -> Any:
        """Do something as a member of a group, which is made where it is missing."""
        from redis.exceptions import ResponseError

        for _ in range(2):
            try:
                return await self._connection.call(operation)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
            await self._make_group(stream, group)
        raise BusUnavailableError(f"the group {group} of the stream {stream} is taken away again and again.")

    async def _make_group(self, stream: str, group: str) -> None:
        from redis.exceptions import ResponseError

        client = self._connection.client
        try:
            await self._connection.call(lambda: client.xgroup_create(self._key(stream), group, id="0", mkstream=True))
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _pairs(found: Any) -> list[tuple[Any, Any]]:
    """Streams and entries, as both protocols of Redis tell them."""
    if not found:
        return []
    if isinstance(found, dict):
        return [(key, [entry for part in parts for entry in part]) for key, parts in found.items()]
    return [(key, entries) for key, entries in found]

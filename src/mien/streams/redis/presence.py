"""Presence on Redis: a lease and a count of each process in each room."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mien.streams.bus import PresenceOptions
from mien.streams.errors import BusUnavailableError
from mien.streams.following import Watcher
from mien.streams.redis import scripts
from mien.streams.redis.beat import Beat
from mien.streams.redis.connection import Connection
from mien.streams.redis.hub import Hub

_ENTER_SECONDS: Final = 1.0
"""How long entering waits for Redis."""


class _Notices:
    """Counts of one room as they change."""

    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self._last: int | None = None

    async def joined(self) -> None:
        """Nothing is lost: the beat tells the count."""

    async def take(self, data: bytes) -> None:
        """A notice."""
        self.tell(int(data))

    def tell(self, count: int, *, first: bool = False) -> None:
        """A count, told where it is another; the first is where changes begin."""
        if count != self._last and not first:
            for watcher in self.watchers:
                watcher.push(count)
        self._last = count


class RedisPresence:
    """Who is where over all processes that share a Redis.

    Args:
        connection: to Redis.
        hub: where notices come from.
        options: how it behaves.
    """

    def __init__(self, connection: Connection, hub: Hub, options: PresenceOptions) -> None:
        self._connection, self._hub = connection, hub
        self._lease_ms = int(options.lease_seconds * 1000)
        self._process = secrets.token_hex(8)
        self._here: Counter[str] = Counter()
        self._order: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._untold: set[str] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._watched: dict[str, _Notices] = {}
        self._changing = asyncio.Lock()
        self._tell_script = connection.client.register_script(scripts.TELL)
        self._beat = Beat("renewing presence", options.lease_seconds / 3, self._renew)

    @asynccontextmanager
    async def present(self, room: str) -> AsyncIterator[None]:
        """See :class:`mien.streams.bus.Presence`."""
        self._beat.start()
        await self._change(room, 1)
        try:
            yield
        finally:
            await self._change(room, -1)

    async def count(self, room: str) -> int:
        """See :class:`mien.streams.bus.Presence`."""
        return await self._tell(room, "", 0)

    @asynccontextmanager
    async def watch(self, room: str) -> AsyncIterator[AsyncIterator[int]]:
        """See :class:`mien.streams.bus.Presence`."""
        watcher = Watcher()
        async with self._changing:
            notices = self._watched.get(room)
            if notices is None:
                notices = _Notices()
                await self._hub.subscribe(self._notices(room), notices)
                notices.tell(await self.count(room), first=True)
                self._watched[room] = notices
                self._beat.start()
            notices.watchers.add(watcher)
        try:
            yield watcher
        finally:
            notices.watchers.discard(watcher)
            async with self._changing:
                if not notices.watchers and self._watched.get(room) is notices:
                    del self._watched[room]
                    await self._hub.unsubscribe(self._notices(room))

    async def close(self) -> None:
        """Leave every room and end every watcher's iterator."""
        await self._beat.stop()
        with contextlib.suppress(BusUnavailableError):
            for room in [*self._here, *self._untold]:
                await self._tell(room, self._process, 0)
        for notices in self._watched.values():
            for watcher in notices.watchers:
                watcher.close()

    async def _change(self, room: str, by: int) -> None:
        self._here[room] += by
        count = self._here[room]
        if not count:
            del self._here[room]
        # A task of its own: whoever leaves may be cancelled, and must be told to have left all the same.
        task = asyncio.get_running_loop().create_task(self._tell_change(room, count))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        await asyncio.wait({task}, timeout=_ENTER_SECONDS)

    async def _tell_change(self, room: str, count: int) -> None:
        # One after the other, or an older count could be told last.
        async with self._order[room]:
            try:
                await self._tell(room, self._process, count)
            except BusUnavailableError:
                self._untold.add(room)

    async def _renew(self) -> None:
        for room in {*self._here, *self._untold, *self._watched}:
            async with self._order[room]:
                total = await self._tell(room, self._process, self._here.get(room, 0))
                self._untold.discard(room)
            if room in self._watched:
                self._watched[room].tell(total)
            elif room not in self._here and not self._order[room].locked():
                del self._order[room]

    async def _tell(self, room: str, process: str, count: int) -> int:
        keys = [self._connection.key("counts", room), self._connection.key("leases", room)]
        arguments = [self._notices(room), process, count, self._lease_ms]
        return int(await self._connection.call(lambda: self._tell_script(keys=keys, args=arguments)))

    def _notices(self, room: str) -> str:
        return self._connection.key("room", room)

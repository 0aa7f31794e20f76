"""Presence in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mien.streams.following import Watcher


class MemoryPresence:
    """Who is where in one process; nobody is left behind, since the process is all there is."""

    def __init__(self) -> None:
        self._rooms: Counter[str] = Counter()
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)

    @asynccontextmanager
    async def present(self, room: str) -> AsyncIterator[None]:
        """See :class:`mien.streams.bus.Presence`."""
        self._change(room, 1)
        try:
            yield
        finally:
            self._change(room, -1)

    async def count(self, room: str) -> int:
        """See :class:`mien.streams.bus.Presence`."""
        return self._rooms.get(room, 0)

    @asynccontextmanager
    async def watch(self, room: str) -> AsyncIterator[AsyncIterator[int]]:
        """See :class:`mien.streams.bus.Presence`."""
        watcher = Watcher()
        self._watchers[room].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[room].discard(watcher)
            if not self._watchers[room]:
                del self._watchers[room]

    def close(self) -> None:
        """End every watcher's iterator."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()

    def _change(self, room: str, by: int) -> None:
        self._rooms[room] += by
        count = self._rooms[room]
        if not count:
            del self._rooms[room]
        for watcher in self._watchers.get(room, ()):
            watcher.push(count)

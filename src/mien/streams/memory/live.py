"""Live events in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mien.streams.bus import Announcement, Event, LiveOptions, Missed
from mien.streams.following import Follower, Position, event_id, parse_event_id


@dataclass(slots=True)
class _Channel:
    """Events of a channel since it was first followed.

    Attributes:
        gone: position of the last event that is not kept any more, or of the channel's beginning.
        quiet_since: when its last follower left; None while it has one.
    """

    gone: Position
    log: deque[tuple[Position, Event]]
    followers: set[Follower] = field(default_factory=set)
    quiet_since: float | None = None


class MemoryLive:
    """Live events of one process.

    Args:
        options: how they behave.
    """

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._channels: dict[str, _Channel] = {}
        # Ids of an earlier process are older than every one of this, and so are known to be missed.
        self._last = Position(time.time_ns() // 1_000_000, 0)

    async def anybody(self, prefix: str) -> bool:
        """See :class:`mien.streams.bus.Live`."""
        return any(name.startswith(prefix) for name in self._channels)

    async def followed(self, channels: Sequence[str]) -> frozenset[str]:
        """See :class:`mien.streams.bus.Live`."""
        there = ((name, self._channels.get(name)) for name in channels)
        return frozenset(name for name, found in there if found is not None and not self._forget(name, found))

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See :class:`mien.streams.bus.Live`."""
        for told in announcements:
            channel = self._channels.get(told.channel)
            if channel is None or self._forget(told.channel, channel):
                continue
            position = self._next()
            event = Event(event_id(position, told.at_seconds), told.kind, told.data, told.at_seconds)
            if len(channel.log) == self._options.kept_events:
                channel.gone = channel.log.popleft()[0]
            channel.log.append((position, event))
            for follower in channel.followers:
                follower.push(position, event)

    @asynccontextmanager
    async def follow(self, channel: str, *, after: str | None = None) -> AsyncIterator[AsyncIterator[Event | Missed]]:
        """See :class:`mien.streams.bus.Live`."""
        for name, other in list(self._channels.items()):
            self._forget(name, other)
        found = self._channels.get(channel)
        if found is None:
            found = self._channels[channel] = _Channel(self._next(), deque())
        follower = self._follower(found, after)
        found.followers.add(follower)
        found.quiet_since = None
        try:
            yield follower
        finally:
            found.followers.discard(follower)
            follower.close()
            if not found.followers:
                found.quiet_since = time.monotonic()

    def close(self) -> None:
        """End every follower's iterator."""
        for channel in self._channels.values():
            for follower in channel.followers:
                follower.close()

    def _follower(self, channel: _Channel, after: str | None) -> Follower:
        limit = self._options.queue_events
        if after is None:
            return Follower(limit, self._last)
        position, at_seconds = parse_event_id(after)
        if position is None or position < channel.gone or position > self._last:
            follower = Follower(limit, self._last, at_seconds)
            follower.miss()
            return follower
        # What it comes back for was kept, so it is told even where it is more than may wait.
        follower = Follower(max(limit, len(channel.log) + 1), position, at_seconds)
        for where, event in channel.log:
            follower.push(where, event)
        return follower

    def _forget(self, name: str, channel: _Channel) -> bool:
        quiet = channel.quiet_since
        if quiet is None or time.monotonic() - quiet < self._options.linger_seconds:
            return False
        self._channels.pop(name, None)
        return True

    def _next(self) -> Position:
        self._last = Position(self._last.major, self._last.minor + 1)
        return self._last

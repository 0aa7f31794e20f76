"""Live events on Redis: a log a channel for those who come back, and a notice for those who are there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from mien.streams.bus import Announcement, Event, LiveOptions, Missed
from mien.streams.following import START, Follower, Position, event_id, parse_event_id
from mien.streams.redis import scripts
from mien.streams.redis.beat import Beat
from mien.streams.redis.connection import Connection
from mien.streams.redis.hub import Hub

_RENEW_SECONDS: Final = 5.0
_PART: Final = 500
"""Channels asked for at once: what a script may unpack is limited."""

_Told = list[tuple[Position, Event]]


class _Channel:
    """A channel that somebody in this process follows.

    Args:
        live: whose.
        name: of the channel.
    """

    def __init__(self, live: RedisLive, name: str) -> None:
        self._live, self._name = live, name
        self.followers: set[Follower] = set()
        self.joining: list[_Told] = []
        self.last: Position | None = None

    async def joined(self) -> None:
        """Renew the channel's log, and tell what was missed where there was an interruption."""
        await self.renew()

    async def take(self, data: bytes) -> None:
        """A notice of an event."""
        before, number, kind, at, content = data.split(b" ", 4)
        position = Position.parse(number.decode())
        if self.last is None or position <= self.last:
            return
        if Position.parse(before.decode()) > self.last:
            await self._catch_up()
            return
        self._tell(position, _event(position, kind, at, content))

    async def renew(self) -> None:
        """Keep the log, and tell what it holds that no notice told."""
        newest = await self._live.keep(self._name)
        if self.last is None:
            self.last = newest
        elif newest != self.last:
            await self._catch_up()

    async def _catch_up(self) -> None:
        since = self.last or START
        whole, told = await self._live.since(self._name, since)
        if self.last is None or since < self.last:
            told = [one for one in told if one[0] > (self.last or START)]
        if not whole:
            for follower in self.followers:
                follower.miss()
        for position, event in told:
            self._tell(position, event)
        if not whole and not told:
            self.last = await self._live.keep(self._name)

    def _tell(self, position: Position, event: Event) -> None:
        self.last = position
        if not event.kind:
            return
        for follower in self.followers:
            follower.push(position, event)
        for told in self.joining:
            told.append((position, event))


class RedisLive:
    """Live events over all processes that share a Redis.

    Args:
        connection: to Redis.
        hub: where notices come from.
        options: how they behave.
    """

    def __init__(self, connection: Connection, hub: Hub, options: LiveOptions) -> None:
        self._connection, self._hub, self._options = connection, hub, options
        self._channels: dict[str, _Channel] = {}
        self._changing = asyncio.Lock()
        client = connection.client
        self._followed_script = client.register_script(scripts.FOLLOWED)
        self._announce_script = client.register_script(scripts.ANNOUNCE)
        self._follow_script = client.register_script(scripts.FOLLOW)
        self._since_script = client.register_script(scripts.SINCE)
        self._beat = Beat("renewing followed channels", min(_RENEW_SECONDS, options.linger_seconds / 3), self._renew)

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See :class:`mien.streams.bus.Live`."""
        channels = list(dict.fromkeys(told.channel for told in announcements))
        followed: set[str] = set()
        for start in range(0, len(channels), _PART):
            followed |= await self._followed(channels[start : start + _PART])
        wanted = [told for told in announcements if told.channel in followed]
        for start in range(0, len(wanted), _PART):
            await self._announce(wanted[start : start + _PART])

    @asynccontextmanager
    async def follow(self, channel: str, *, after: str | None = None) -> AsyncIterator[AsyncIterator[Event | Missed]]:
        """See :class:`mien.streams.bus.Live`."""
        found = await self._join(channel)
        follower: Follower | None = None
        try:
            follower = await self._follower(found, channel, after)
            yield follower
        finally:
            if follower is not None:
                found.followers.discard(follower)
                follower.close()
            await self._leave(channel, found)

    async def close(self) -> None:
        """End every follower's iterator."""
        await self._beat.stop()
        for channel in self._channels.values():
            for follower in channel.followers:
                follower.close()

    async def keep(self, channel: str) -> Position:
        """Have events of a channel kept for a while; says which was the last."""
        lease_ms = int(max(self._options.linger_seconds, 1.0) * 1000)
        keys = [self._connection.key("followed"), self._log(channel)]
        newest = await self._connection.call(lambda: self._follow_script(keys=keys, args=[channel, lease_ms]))
        return Position.parse(newest.decode())

    async def since(self, channel: str, position: Position) -> tuple[bool, _Told]:
        """What a channel's log holds behind a position, and whether that is everything."""
        whole, entries = await self._connection.call(
            lambda: self._since_script(keys=[self._log(channel)], args=[str(position)])
        )
        told: _Told = []
        for number, fields in entries:
            where = Position.parse(number.decode())
            told.append((where, _event(where, fields[1], fields[3], fields[5])))
        return bool(whole), told

    async def _join(self, name: str) -> _Channel:
        async with self._changing:
            found = self._channels.get(name)
            if found is None:
                found = _Channel(self, name)
                await self._hub.subscribe(self._notices(name), found)
                self._channels[name] = found
                self._beat.start()
            # Holds the channel while the follower is being made.
            found.joining.append([])
            return found

    async def _leave(self, name: str, channel: _Channel) -> None:
        async with self._changing:
            if not channel.followers and not channel.joining and self._channels.get(name) is channel:
                del self._channels[name]
                await self._hub.unsubscribe(self._notices(name))

    async def _follower(self, channel: _Channel, name: str, after: str | None) -> Follower:
        meanwhile = channel.joining[-1]
        limit = self._options.queue_events
        try:
            last = channel.last or START
            position, at_seconds = parse_event_id(after) if after is not None else (last, None)
            whole, told = True, list[tuple[Position, Event]]()
            if after is not None and position is not None:
                whole, told = await self.since(name, position) if position <= last else (False, told)
            if position is None or not whole:
                follower = Follower(limit, last, at_seconds)
                follower.miss()
                told = []
            else:
                follower = Follower(max(limit, len(told) + 1), position, at_seconds)
            for where, event in (*told, *meanwhile):
                if event.kind:
                    follower.push(where, event)
            channel.followers.add(follower)
            return follower
        finally:
            channel.joining = [one for one in channel.joining if one is not meanwhile]

    async def _renew(self) -> None:
        for channel in list(self._channels.values()):
            await channel.renew()

    async def _followed(self, channels: list[str]) -> set[str]:
        keys = [self._connection.key("followed")]
        found = await self._connection.call(lambda: self._followed_script(keys=keys, args=channels))
        return {name for name, followed in zip(channels, found, strict=True) if followed}

    async def _announce(self, announcements: Sequence[Announcement]) -> None:
        arguments: list[str | bytes | int] = [self._options.kept_events]
        for told in announcements:
            at = "" if told.at_seconds is None else repr(told.at_seconds)
            arguments += [self._notices(told.channel), told.kind, at, told.data]
        keys = [self._log(told.channel) for told in announcements]
        await self._connection.call(lambda: self._announce_script(keys=keys, args=arguments))

    def _log(self, channel: str) -> str:
        return self._connection.key("log", channel)

    def _notices(self, channel: str) -> str:
        return self._connection.key("live", channel)


def _event(position: Position, kind: bytes, at: bytes, data: bytes) -> Event:
    seconds = float(at) if at else None
    return Event(event_id(position, seconds), kind.decode(), data, seconds)

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
_FEW: Final = 32
"""Followed channels that are looked through by name."""
_BEGINNING: Final = ""
"""Kind of what a log begins with."""
_LOST: Final = "!"
"""Kind of what stands in a log for events that could not be announced."""
_MOST_LOST: Final = 10_000
"""Channels that are remembered for that."""

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
        whole, told = await self._live.since(self._name, self.last or START)
        told = [one for one in told if one[0] > (self.last or START)]
        if not whole:
            self._miss()
        for position, event in told:
            self._tell(position, event)
        if not whole and not told:
            self.last = await self._live.keep(self._name)

    def _miss(self) -> None:
        for follower in self.followers:
            follower.miss()

    def _tell(self, position: Position, event: Event) -> None:
        self.last = position
        if event.kind in (_BEGINNING, _LOST):
            if event.kind == _LOST:
                self._miss()
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
        self._lost: dict[str, None] = {}
        client = connection.client
        self._followed_script = client.register_script(scripts.FOLLOWED)
        self._announce_script = client.register_script(scripts.ANNOUNCE)
        self._follow_script = client.register_script(scripts.FOLLOW)
        self._since_script = client.register_script(scripts.SINCE)
        self._beat = Beat("renewing followed channels", min(_RENEW_SECONDS, options.linger_seconds / 3), self._renew)

    async def anybody(self, prefix: str) -> bool:
        """See :class:`mien.streams.bus.Live`."""
        key = self._connection.key("followed")
        names = await self._connection.call(lambda: self._connection.client.zrange(key, 0, _FEW))
        # What could not be told yet must be, whoever follows.
        return bool(self._lost) or len(names) > _FEW or any(name.startswith(prefix.encode()) for name in names)

    async def followed(self, channels: Sequence[str]) -> frozenset[str]:
        """See :class:`mien.streams.bus.Live`."""
        distinct, found = list(dict.fromkeys(channels)), set[str]()
        for start in range(0, len(distinct), _PART):
            found |= await self._followed(distinct[start : start + _PART])
        return frozenset(found)

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See :class:`mien.streams.bus.Live`."""
        lost, self._lost = self._lost, {}
        every = [*(Announcement(channel, _LOST, b"") for channel in lost), *announcements]
        try:
            followed = await self.followed([told.channel for told in every])
            wanted = [told for told in every if told.channel in followed]
            for start in range(0, len(wanted), _PART):
                await self._announce(wanted[start : start + _PART])
        except BaseException:
            for told in every[:_MOST_LOST]:
                self._lost[told.channel] = None
            self._beat.start()
            raise

    @asynccontextmanager
    async def follow(self, channel: str, *, after: str | None = None) -> AsyncIterator[AsyncIterator[Event | Missed]]:
        """See :class:`mien.streams.bus.Live`."""
        found, meanwhile = await self._join(channel)
        follower: Follower | None = None
        try:
            follower = await self._follower(found, meanwhile, channel, after)
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

    async def _join(self, name: str) -> tuple[_Channel, _Told]:
        async with self._changing:
            found = self._channels.get(name)
            if found is None:
                found = _Channel(self, name)
                await self._hub.subscribe(self._notices(name), found)
                self._channels[name] = found
                self._beat.start()
            # Holds the channel, and what it tells, while the follower is being made.
            meanwhile: _Told = []
            found.joining.append(meanwhile)
            return found, meanwhile

    async def _leave(self, name: str, channel: _Channel) -> None:
        async with self._changing:
            if not channel.followers and not channel.joining and self._channels.get(name) is channel:
                del self._channels[name]
                await self._hub.unsubscribe(self._notices(name))

    async def _follower(self, channel: _Channel, meanwhile: _Told, name: str, after: str | None) -> Follower:
        limit = self._options.queue_events
        try:
            told: _Told = []
            if after is None:
                follower = Follower(limit, channel.last or START)
            else:
                position, at_seconds = parse_event_id(after)
                whole = False
                if position is not None:
                    whole, told = await self.since(name, position)
                if position is not None and whole:
                    follower = Follower(max(limit, len(told) + 1), position, at_seconds)
                else:
                    follower = Follower(limit, channel.last or START, at_seconds)
                    follower.miss()
                    told = []
            for where, event in (*told, *meanwhile):
                if event.kind == _LOST:
                    follower.miss()
                elif event.kind != _BEGINNING:
                    follower.push(where, event)
            channel.followers.add(follower)
            return follower
        finally:
            channel.joining = [one for one in channel.joining if one is not meanwhile]

    async def _renew(self) -> None:
        if self._lost:
            await self.announce(())
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

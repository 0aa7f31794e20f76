"""One follower's and one watcher's view: queues that are bounded, and say so instead of growing."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from mien.streams.bus import Event, Missed

WATCHED_COUNTS: Final = 64
"""Counts that a slow watcher is behind at most."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an event stands in its channel; later ones are greater.

    Attributes:
        major, minor: milliseconds and a counter, or the start of a process and a counter.
    """

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}-{self.minor}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """From the form it is written in.

        Raises:
            ValueError: it is none.
        """
        major, dash, minor = text.partition("-")
        if not dash or not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
            raise ValueError(f"{text!r} is no position")
        if len(text) > 40:
            raise ValueError("a position is shorter than that")
        return cls(int(major), int(minor))


START: Final = Position(0, 0)


def event_id(position: Position, at_seconds: float | None) -> str:
    """What a follower goes on behind: the position, and the media time by which the store is read where it is gone."""
    return str(position) if at_seconds is None else f"{position}:{at_seconds:.6g}"


def parse_event_id(text: str) -> tuple[Position | None, float | None]:
    """The position and media time of an id; None for what cannot be read, since anybody may hand one in."""
    where, _, at = text.partition(":")
    try:
        position = Position.parse(where)
    except ValueError:
        return None, None
    try:
        seconds = float(at) if at else None
    except ValueError:
        seconds = None
    return position, seconds if seconds is not None and 0 <= seconds < float("inf") else None


class Follower:
    """Events of one channel for one follower, in order.

    One that falls ``limit`` behind gets what it has, then :class:`Missed`, then what comes after that was told.

    Args:
        limit: events that wait at most.
        position: of the last event it had; earlier ones are not taken.
        at_seconds: media time of that event.
    """

    def __init__(self, limit: int, position: Position = START, at_seconds: float | None = None) -> None:
        self._limit = limit
        self._waiting: deque[Event | Missed] = deque()
        self._awake = asyncio.Event()
        self._missing = False
        self._closed = False
        self._last_at = at_seconds
        self._pushed_at = at_seconds
        self.position = position

    def push(self, position: Position, event: Event) -> None:
        """Hand an event over; one that the follower has had is left out."""
        if position <= self.position or self._closed:
            return
        self.position = position
        if self._missing or len(self._waiting) >= self._limit:
            self._missing = True
        else:
            self._waiting.append(event)
            self._pushed_at = event.at_seconds if event.at_seconds is not None else self._pushed_at
        self._awake.set()

    def miss(self) -> None:
        """Tell that events are gone which nobody can hand over any more."""
        if not self._missing and not (self._waiting and isinstance(self._waiting[-1], Missed)):
            self._waiting.append(Missed(self._pushed_at))
            self._awake.set()

    def close(self) -> None:
        """No more comes; what waits is still told."""
        self._closed = True
        self._awake.set()

    def __aiter__(self) -> Follower:
        return self

    async def __anext__(self) -> Event | Missed:
        while True:
            if self._waiting:
                found = self._waiting.popleft()
                if isinstance(found, Event) and found.at_seconds is not None:
                    self._last_at = found.at_seconds
                return found
            if self._missing:
                self._missing = False
                return Missed(self._last_at)
            if self._closed:
                raise StopAsyncIteration
            self._awake.clear()
            await self._awake.wait()


class Watcher:
    """Counts for one watcher of a room, in order; the oldest go where it is slow."""

    def __init__(self) -> None:
        self._waiting: deque[int] = deque(maxlen=WATCHED_COUNTS)
        self._awake = asyncio.Event()
        self._closed = False

    def push(self, count: int) -> None:
        """Hand a count over."""
        self._waiting.append(count)
        self._awake.set()

    def close(self) -> None:
        """No more comes."""
        self._closed = True
        self._awake.set()

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> int:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._awake.clear()
            await self._awake.wait()
        return self._waiting.popleft()

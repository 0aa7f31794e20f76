"""Whether those who hold something open may still have it: followers, senders of frames, open text sockets.

Who comes in is asked once; what is open may stay open for hours. So each process keeps in mind whose things are open,
and asks the database about all of them together: at once when any process says that somebody was shut out or something
was erased, and every few seconds for what no process could say. Five hundred followers cost what one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from mien.core.clock import Clock
from mien.service.live.timelines import Timelines
from mien.service.logs import say
from mien.service.principal import Caller
from mien.service.security.known import KnownCallers
from mien.store.database import Store
from mien.store.directory import Held
from mien.streams.bus import Announcement, Live
from mien.streams.errors import BusUnavailableError

_log = logging.getLogger("mien.service.standing")

CHANNEL: Final = "standing"
"""On which processes say that something was taken from somebody. What it was is not said: each looks."""
LOOK_SECONDS: Final = 5.0
_BUS_PAUSE_SECONDS: Final = 1.0
_LEAST_PAUSE_SECONDS: Final = 0.1
"""From one look to the next, however much happens."""

Tell = Callable[[], None]


async def announce_change(live: Live) -> None:
    """Have every process look who may still have what.

    Where the bus is away they look within :data:`LOOK_SECONDS` by themselves.
    """
    with contextlib.suppress(BusUnavailableError):
        await live.announce([Announcement(CHANNEL, "changed", b"{}")])


def held_by(caller: Caller) -> Held | None:
    """What lets a caller in; None for one whose user another service keeps."""
    if caller.generation is not None and caller.user_number is not None:
        return "user", caller.organisation_id, caller.user_number, caller.generation
    kind, _, key = caller.actor.partition(":")
    return ("key", caller.organisation_id, UUID(key)) if kind == "key" else None


class Standing:
    """Who has what open in this process.

    Args:
        store: asked about all of it together.
        live: where processes tell each other that something changed.
        known: callers that were looked up a moment ago; forgotten when something changed.
        timelines: kept ones; those of sessions that are gone are forgotten.
        clock: tells when keys end.
    """

    def __init__(self, store: Store, live: Live, known: KnownCallers, timelines: Timelines, clock: Clock) -> None:
        self._store, self._live, self._known, self._timelines, self._clock = store, live, known, timelines, clock
        self._held: dict[Held, set[Tell]] = {}
        self._wake = asyncio.Event()

    @contextmanager
    def hold(self, held: Held | None, tell: Tell) -> Iterator[None]:
        """Be told, once, when a caller may not come in any more or a session is gone; while the block runs.

        Args:
            held: what of; None is never taken away.
            tell: must not wait, and may be called before the block ends only.
        """
        if held is None:
            yield
            return
        listening = self._held.setdefault(held, set())
        listening.add(tell)
        try:
            yield
        finally:
            listening.discard(tell)
            if not listening and self._held.get(held) is listening:
                del self._held[held]

    async def changed(self) -> None:
        """Somebody was shut out, or something erased, and that is in the store now: every process is to look."""
        self._known.forget()
        self._wake.set()
        await announce_change(self._live)

    async def run(self, stop: asyncio.Event) -> None:
        """Look when something changed, and every so often, until told to stop."""
        hearing = asyncio.create_task(self._hear())
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait({stopped, woken}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                self._wake.clear()
                await self._look_safely()
                await asyncio.wait({stopped}, timeout=_LEAST_PAUSE_SECONDS)
        finally:
            for task in (hearing, stopped):
                task.cancel()
            await asyncio.gather(hearing, stopped, return_exceptions=True)

    async def look(self) -> int:
        """Ask about everything that is open; says how much of it was taken away."""
        asked: set[Held] = set(self._held)
        asked.update(("session", organisation_id, key) for organisation_id, key in self._timelines.sessions())
        if not asked:
            return 0
        async with self._store.begin_system(read_only=True) as system:
            gone = await system.directory.gone(asked, self._now())
        for held in gone:
            if held[0] == "session":
                self._timelines.forget(held[1], held[2])
            for tell in tuple(self._held.get(held, ())):
                tell()
        return len(gone)

    def _now(self) -> datetime:
        return self._clock.now()

    async def _look_safely(self) -> None:
        try:
            taken = await self.look()
        except Exception as error:
            # The database may be away: it is asked again in a moment.
            say(_log, logging.WARNING, "standing.unknown", error=type(error).__name__)
            return
        if taken:
            say(_log, logging.INFO, "standing.taken_away", count=taken)

    async def _hear(self) -> None:
        while True:
            try:
                async with self._live.follow(CHANNEL) as events:
                    self._wake.set()
                    async for _ in events:
                        self._known.forget()
                        self._wake.set()
                    return
            except BusUnavailableError:
                await asyncio.sleep(_BUS_PAUSE_SECONDS)

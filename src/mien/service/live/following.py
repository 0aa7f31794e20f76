"""Following a session: the same events for WebSockets and for server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from mien.service.lifecycle import Lifecycle
from mien.service.live.events import ENDED, channel
from mien.service.principal import Caller
from mien.service.security.standing import held_by
from mien.store.directory import Held
from mien.store.errors import NotFoundError
from mien.store.records import SessionState
from mien.streams.bus import Event, Missed

if TYPE_CHECKING:
    from mien.service.parts import ServiceParts

T = TypeVar("T")

QUIET_SECONDS: Final = 15.0
"""After so long without an event a sign of life is sent: proxies close what is silent."""
_LEFT_SECONDS: Final = 0.25
"""What is left to tell of a session that has ended is told by then."""


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """Nothing happened."""


@dataclass(frozen=True, slots=True)
class Over:
    """The session has ended, and everything was told."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """This connection ends: come back with the last event's id."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Whoever follows may not do so any more."""


Told = Event | Missed | SignOfLife | Over | GoOn | Refused


@asynccontextmanager
async def followed(
    parts: ServiceParts, caller: Caller, session_id: UUID, *, after: str | None
) -> AsyncIterator[AsyncIterator[Told]]:
    """Follow a session, and be counted among its followers, while the block runs.

    It lasts no longer than a token is good: whoever follows must then prove anew who they are. It ends within seconds
    where they are shut out or the session is deleted.

    Args:
        parts: of the service. When its process drains, followers are sent on.
        caller: who follows.
        session_id: what; that it is there was seen.
        after: id of the last event the follower had, or None.

    Raises:
        BusUnavailableError: no answer.
    """
    organisation_id = caller.organisation_id
    room, waiting = channel(organisation_id, session_id), _Waiting()
    key: Held = ("session", organisation_id, session_id)
    async with parts.bus.live.follow(room, after=after) as events, parts.bus.presence.present(room):

        async def has_ended() -> bool:
            return await _has_ended(parts, organisation_id, session_id)

        with (
            parts.standing.hold(held_by(caller), lambda: waiting.cut_short(Refused())),
            parts.standing.hold(key, lambda: waiting.cut_short(Over())),
        ):
            # Asked after following began, so that an end in between is not waited for in vain.
            ended = await has_ended()
            seconds = parts.settings.access_token_seconds
            told = _told(events, waiting, parts.lifecycle, seconds, has_ended, ended=ended)
            try:
                yield told
            finally:
                await told.aclose()


async def _has_ended(parts: ServiceParts, organisation_id: UUID, session_id: UUID) -> bool:
    async with parts.store.begin(organisation_id, read_only=True) as work:
        try:
            return (await work.sessions.get(session_id)).state is SessionState.ENDED
        except NotFoundError:
            return True


async def _told(
    events: AsyncIterator[Event | Missed],
    waiting: _Waiting,
    lifecycle: Lifecycle,
    seconds: float,
    has_ended: Callable[[], Awaitable[bool]],
    *,
    ended: bool,
) -> AsyncGenerator[Told, None]:
    now = asyncio.get_running_loop().time
    until = now() + seconds
    # One task a follower, and none an event: hundreds of followers hear of each.
    draining = asyncio.create_task(waiting.cut_short_by(lifecycle.draining))
    try:
        while True:
            if isinstance(waiting.cut, Refused):  # what waits is not for them either
                yield waiting.cut
                return
            left = until - now()
            quiet = _LEFT_SECONDS if ended else QUIET_SECONDS
            try:
                event = await waiting.until(_next(events), max(0.0, min(quiet, left)))
            except TimeoutError:
                if waiting.cut is not None or until <= now():
                    yield waiting.cut or GoOn()
                    return
                yield Over() if ended else SignOfLife()
                if ended:
                    return
                # Whoever ended it may share no bus with this process, or have died before it could tell.
                ended = await has_ended()
                continue
            if event is None:
                yield GoOn()
                return
            yield event
            if isinstance(event, Event) and event.kind == ENDED:
                return
    finally:
        draining.cancel()
        await asyncio.wait({draining})


class _Waiting:
    """Waits for one thing at a time, and for no longer than until something else happens."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None
        self.cut: GoOn | Over | Refused | None = None

    async def until(self, coming: Coroutine[Any, Any, T], seconds: float) -> T:
        """What comes.

        Raises:
            TimeoutError: nothing came in time, or the waiting was cut short.
        """
        async with asyncio.timeout(0 if self.cut else seconds) as self._limit:
            return await coming

    async def cut_short_by(self, event: asyncio.Event) -> None:
        """End the waiting when an event happens: the process drains."""
        await event.wait()
        self.cut_short(GoOn())

    def cut_short(self, why: GoOn | Over | Refused) -> None:
        """End the waiting, now and in future."""
        if not isinstance(self.cut, Refused):
            self.cut = why
        if self._limit is not None and not self._limit.expired():
            with suppress(RuntimeError):
                self._limit.reschedule(asyncio.get_running_loop().time())


async def _next(events: AsyncIterator[Event | Missed]) -> Event | Missed | None:
    try:
        return await anext(events)
    except StopAsyncIteration:
        return None


def missed_data(missed: Missed, session_id: UUID) -> dict[str, object]:
    """What a follower is told who missed events: where to read what it did not get."""
    path = f"/api/v1/sessions/{session_id}/timeline"
    since = missed.since_seconds
    return {"since_seconds": since, "read": path if since is None else f"{path}?start_seconds={since:.6g}"}


@lru_cache(maxsize=1024)
def as_message(event: Event) -> str:
    """For WebSockets; written once however many follow."""
    head = {"type": event.kind, "id": event.id, "at_seconds": event.at_seconds}
    return json.dumps(head)[:-1] + ', "data": ' + event.data.decode() + "}"


@lru_cache(maxsize=1024)
def as_sse(event: Event) -> bytes:
    """For server-sent events. The end has an id of its own, by which those who come back after it are known."""
    if event.kind == ENDED:
        return ended_sse(event.data)
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.kind.encode(), event.data)


def ended_sse(data: bytes = b"{}") -> bytes:
    """The end of what is followed by server-sent events."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (ENDED.encode(), ENDED.encode(), data)

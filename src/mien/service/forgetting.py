"""What is done at once when sessions were deleted: nobody goes on seeing them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from mien.service.live.events import announce_end
from mien.service.parts import ServiceParts
from mien.service.security.standing import announce_change
from mien.streams.bus import Live


async def forget_sessions(parts: ServiceParts, organisation_id: UUID, sessions: Iterable[UUID]) -> None:
    """Forget sessions that are not in the store any more in every process, and tell who follows them."""
    told = list(sessions)
    for session_id in told:
        parts.timelines.forget(organisation_id, session_id)
    await tell_gone(parts.bus.live, organisation_id, told)
    if told:
        await parts.standing.changed()


async def tell_gone(live: Live, organisation_id: UUID, sessions: Iterable[UUID]) -> None:
    """The same from a process that answers no requests.

    Where the bus is away or in another process's memory, those that answer look within seconds by themselves.
    """
    told = list(sessions)
    for session_id in told:
        await announce_end(live, organisation_id, session_id)
    if told:
        await announce_change(live)

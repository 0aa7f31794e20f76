"""Live events of a session: what its followers are told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from mien.core.audience import WHOLE_AUDIENCE
from mien.store.packing import Packed, unpack
from mien.streams.bus import Announcement, Live
from mien.streams.errors import BusUnavailableError

PREFIX: Final = "session:"
"""Of the channels of sessions."""
SNAPSHOT: Final = "snapshot"
MOMENT: Final = "moment"
ENDED: Final = "ended"
_ID_LENGTH: Final = 36


def channel(organisation_id: UUID, session_id: UUID | str) -> str:
    """Where a session's events are told: an organisation cannot name another's."""
    return f"{PREFIX}{organisation_id}:{session_id}"


async def announce_stored(live: Live, organisation_id: UUID, snapshots: Iterable[Packed]) -> None:
    """Tell followers of snapshots that are in the store now, in order of media time within each session.

    Of the whole audience only: whether a zone may be told is not known before all that belongs to its step is there.

    Raises:
        BusUnavailableError: no answer; followers are told that they missed something.
    """
    if not await live.anybody(PREFIX):
        return
    told = [one for one in snapshots if one.zone == WHOLE_AUDIENCE]
    channels = {key: channel(organisation_id, _written(key)) for key in {one.session_id for one in told}}
    followed = await live.followed(list(channels.values()))
    if not followed:
        return
    wanted = [one for one in told if channels[one.session_id] in followed]
    wanted.sort(key=lambda one: one.media_time)
    await live.announce([Announcement(channels[s.session_id], SNAPSHOT, _json(s), s.media_time) for s in wanted])


async def announce(
    live: Live, organisation_id: UUID, session_id: UUID, kind: str, content: dict[str, Any], at_seconds: float | None
) -> None:
    """Tell followers of something else, which is in the store now.

    Raises:
        BusUnavailableError: no answer; followers are told that they missed something.
    """
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    await live.announce([Announcement(channel(organisation_id, session_id), kind, data, at_seconds)])


async def announce_end(live: Live, organisation_id: UUID, session_id: UUID) -> None:
    """Tell followers that a session is over. Where that cannot be done they are told that they missed something."""
    with contextlib.suppress(BusUnavailableError):
        await announce(live, organisation_id, session_id, ENDED, {"session_id": str(session_id)}, None)


def _written(session_id: str) -> str:
    """An id as we write it; clients may write it in other ways."""
    return session_id.lower() if len(session_id) == _ID_LENGTH else str(UUID(session_id))


def _json(snapshot: Packed) -> bytes:
    """As the store holds it: followers and readers of the timeline see the same figures."""
    whole = unpack(snapshot.session_id, snapshot.source, snapshot.zone, snapshot.figures, snapshot.detail)
    return whole.model_dump_json(exclude_none=True).encode()

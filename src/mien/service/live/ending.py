"""The end of a live session: webhooks hear of it, and a job makes its report."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from mien.service.logs import say
from mien.service.webhooks.events import Event
from mien.service.work.requests import SessionReportOrder, as_payload
from mien.store.database import Store
from mien.store.errors import ConflictError, NotFoundError
from mien.store.records import FILLS, SessionRecord
from mien.store.repositories.jobs import JobOptions
from mien.store.repositories.sessions import EPHEMERAL
from mien.store.work import Work

KIND: Final = "session_report"
FORGOTTEN: Final = "forgotten"
ACTOR: Final = "retention"
_LOG: Final = logging.getLogger("mien.service.sessions")
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of asking for a session's end.

    Attributes:
        session: which has ended.
        now: this call ended it: whoever made it finishes what goes with that, and nobody else does.
    """

    session: SessionRecord
    now: bool


async def end_session(work: Work, session_id: UUID, actor: str, *, forgotten: bool = False) -> Ending:
    """Take no further snapshot, tell webhooks, and have what was sent reported; asking again changes nothing.

    A session that a job fills ends with the job, which makes its report. One that is gone when it ends has none.

    Args:
        work: of its organisation; it took no snapshots in.
        session_id: which.
        actor: who ends it.
        forgotten: it is ended because nobody did.

    Raises:
        NotFoundError: there is no such session, or its time is over, as that of an ephemeral one is once it has ended.
        ConflictError: a job fills it.
    """
    if not await work.sessions.hold_open(session_id):
        return Ending(await work.sessions.get(session_id), now=False)
    await work.sessions.get(session_id)  # one that nobody ended until its time was over is the sweep's
    filled = (await work.jobs.list(session_id=session_id, kind=FILLS, limit=1)).items
    if filled and not forgotten:
        raise ConflictError(f"job {filled[0].id} fills session {session_id} and ends it: cancel the job to stop it.")
    session = await work.sessions.end(session_id)
    reason = {"reason": FORGOTTEN} if forgotten else {}
    await work.audit.record(actor, Event.SESSION_ENDED, "session", session_id, reason)
    await work.deliveries.publish(Event.SESSION_ENDED, {"session_id": str(session_id), **reason}, session_id=session_id)
    if session.retention_days != EPHEMERAL and not filled and await work.snapshots.lanes(session_id):
        order = SessionReportOrder(forgotten=forgotten)
        options = JobOptions(timeout_seconds=3600.0, idempotency_key=str(session_id))
        await work.jobs.enqueue(KIND, as_payload(order), session_id=session_id, options=options)
    return Ending(session, now=True)


async def end_forgotten(store: Store) -> int:
    """End sessions that nobody ended in time; says how many.

    Raises:
        StoreError: the database does not answer.
    """
    ended = 0
    while True:
        async with store.begin_system(read_only=True) as system:
            found = await system.retention.forgotten(limit=_AT_ONCE)
        for organisation_id, session_id in found:
            # Deleted meanwhile, it need not be ended any more.
            with contextlib.suppress(NotFoundError):
                async with store.begin(organisation_id) as work:
                    await end_session(work, session_id, ACTOR, forgotten=True)
        ended += len(found)
        if len(found) < _AT_ONCE:
            break
    if ended:
        say(_LOG, logging.INFO, "sessions that nobody ended were ended", sessions=ended)
    return ended

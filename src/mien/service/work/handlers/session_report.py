"""Tells of a live session that has ended what an analysis tells of a recording: metrics, moments and reports.

It is a job so that it is done whatever dies: the service that ended the session, or the worker that began this.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot, SnapshotLog
from mien.service.live.retelling import Lane, in_order, retold
from mien.service.watching import Watcher
from mien.service.work.handlers._reports import ACTOR, keep_report, signed
from mien.service.work.limited import RefusedError
from mien.service.work.requests import SessionReportOrder
from mien.service.work.tasks import Finish, Task
from mien.store.records import SessionRecord, SessionState
from mien.store.work import Work

MOST_SOURCES: Final = 8
"""Sources that are reported of; senders name theirs freely."""
_AT_ONCE: Final = 500


async def handle(task: Task) -> Finish:
    """Report of the session that the job names."""
    session_id, tools = task.job.session_id, task.tools
    order = SessionReportOrder.model_validate(task.job.payload)
    if session_id is None:
        raise RefusedError("a report is about a session, and this job names none.", "gone")
    async with tools.store.begin(task.organisation_id, read_only=True) as work:
        session = await work.sessions.get(session_id)
    if session.state is not SessionState.ENDED:
        raise RefusedError("the session has not ended: end it first.", "gone")
    # Whoever watched it while it ran may have died before the last scare was over; what was told is not told again.
    await Watcher(tools.store).look(task.organisation_id, session_id)
    told = []
    lanes = await _lanes(task, session)
    for number, lane in enumerate(lanes):
        await task.progress((number + 0.5) / (len(lanes) + 1), f"source {lane.source}")
        stopped = "forgotten" if order.forgotten else None
        one = await asyncio.to_thread(retold, session, lane, created=tools.clock.now(), stopped=stopped)
        told.append((one, await signed(task, one.report)))

    async def write(work: Work) -> None:
        for log in told[0][0].timeline.series.values() if told else ():
            await work.samples.append(session_id, log)
        if told:
            await work.moments.add(session_id, told[0][0].timeline.moments)
        # The main source's last: whoever asks for a session's latest report gets that one.
        for one, signature in reversed(told):
            await keep_report(work, session_id, one.report, one.files, signature)
        await work.audit.record(ACTOR, "session.reported", "session", session_id, {"job_id": str(task.job.id)})

    result: dict[str, Any] = {
        "session_id": str(session_id),
        "complete": not order.forgotten,
        "sources": [lane.source for lane in lanes],
        "moments": len(told[0][0].timeline.moments) if told else 0,
    }
    return Finish(result, write)


async def _lanes(task: Task, session: SessionRecord) -> list[Lane]:
    """What was stored of each source that tells of the whole audience."""
    async with task.tools.store.begin(task.organisation_id, read_only=True) as work:
        stored = await work.snapshots.lanes(session.id)
    sources = [lane.source for lane in stored if lane.zone == WHOLE_AUDIENCE]
    zones: defaultdict[str, list[str]] = defaultdict(list)
    for lane in stored:
        if lane.zone != WHOLE_AUDIENCE:
            zones[lane.source].append(lane.zone)
    return [
        Lane(
            source,
            await _log(task, session, source, WHOLE_AUDIENCE),
            {zone: await _zone_log(task, session, source, zone) for zone in zones[source]},
        )
        for source in in_order(sources)[:MOST_SOURCES]
    ]


async def _zone_log(task: Task, session: SessionRecord, source: str, zone: str) -> SnapshotLog:
    """What readers of a zone's timeline are told: the report is theirs too, and is signed."""
    async with task.tools.store.begin(task.organisation_id, read_only=True) as work:
        columns = await work.snapshots.told(session.id, source=source, zone=zone)
    told = frozenset(columns["media_time"][~columns["suppressed"]].tolist())
    log = SnapshotLog()
    for snapshot in await _log(task, session, source, zone):
        log.append(snapshot if snapshot.media_time in told else _suppressed(snapshot))
    return log


def _suppressed(snapshot: AudienceSnapshot) -> AudienceSnapshot:
    return AudienceSnapshot(
        session_id=snapshot.session_id,
        source=snapshot.source,
        zone=snapshot.zone,
        media_time=snapshot.media_time,
        duration_seconds=snapshot.duration_seconds,
        demo=snapshot.demo,
        suppressed=True,
    )


async def _log(task: Task, session: SessionRecord, source: str, zone: str) -> SnapshotLog:
    log, after = SnapshotLog(), None
    while True:
        async with task.tools.store.begin(task.organisation_id, read_only=True) as work:
            some = await work.snapshots.read(session.id, source=source, zone=zone, after_seconds=after, limit=_AT_ONCE)
        for snapshot in some:
            log.append(snapshot)
        if len(some) < _AT_ONCE:
            return log
        after = some[-1].media_time

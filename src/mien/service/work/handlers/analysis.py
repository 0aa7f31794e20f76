"""Measures an upload, and stores in its session what was found: snapshots, samples, moments, reports."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from mien.core.audience import SnapshotLog
from mien.service.work.handlers._reading import PersonalFiles, read_upload
from mien.service.work.handlers._reports import ACTOR, FILE_TYPES, keep_report, signed
from mien.service.work.limited import Decoded, RefusedError
from mien.service.work.messages import ProtocolError
from mien.service.work.requests import AnalysisOrder
from mien.service.work.tasks import Finish, Task
from mien.store.work import Work

REPORT: Final = "report.json"
_AT_ONCE: Final = 5_000


async def handle(task: Task) -> Finish:
    """Measure the upload of an :class:`~mien.service.work.requests.AnalysisOrder`."""
    order = AnalysisOrder.model_validate(task.job.payload)
    session_id = task.job.session_id
    if session_id is None:
        raise RefusedError("an analysis belongs to a session, and this one names none.", "gone")
    personal = PersonalFiles(task)
    try:
        found = await read_upload(task, order, personal, documents=True)
        report = await asyncio.to_thread(_report, found)
        signature = await signed(task, report)
        await task.progress(1.0, "storing what was found")
        await _ingest(task, found.snapshots)
    except BaseException:
        personal.discard()
        raise

    async def write(work: Work) -> None:
        for log in found.series.values():
            await work.samples.append(session_id, log)
        await work.moments.add(session_id, found.moments)
        await keep_report(work, session_id, report, found.documents, signature)
        await personal.keep(work)
        await work.spooled_files.drop(order.upload_id)
        await work.sessions.measured(session_id, found.step_seconds)
        await work.audit.record(ACTOR, "session.analysed", "session", session_id, {"job_id": str(task.job.id)})

    result: dict[str, Any] = {
        "session_id": str(session_id),
        "complete": found.complete,
        "stopped_because": found.stopped_because,
        "files": [REPORT, *(name for name in FILE_TYPES if name in found.documents)],
        "personal_files": _personal(personal),
        "notes": found.notes,
    }
    return Finish(result, write, (order.upload_id,), personal.discard)


def _personal(personal: PersonalFiles) -> list[dict[str, str]]:
    return [{"name": name, "result_id": str(draft.id)} for name, draft in personal.made.items()]


async def _ingest(task: Task, snapshots: SnapshotLog) -> None:
    """Store snapshots while the session is open; a later attempt stores the same ones again, which changes nothing."""
    for start in range(0, len(snapshots), _AT_ONCE):
        batch = list(snapshots[start : start + _AT_ONCE])
        async with task.tools.store.begin(task.organisation_id) as work:
            taken = await work.snapshots.ingest(batch, by_job=True)
        if taken.refused:
            raise RefusedError(f"what was measured could not be stored: {taken.refused[0].reason}", "gone")


def _report(found: Decoded) -> dict[str, Any]:
    try:
        document = json.loads(found.documents[REPORT])
    except (KeyError, ValueError) as error:
        raise ProtocolError("the process that read the upload sent no report.") from error
    if not isinstance(document, dict):
        raise ProtocolError("the process that read the upload sent no report.")
    return document

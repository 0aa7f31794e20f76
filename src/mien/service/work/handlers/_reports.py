"""What handlers of reports share: signing them as they are made, and keeping them with the files beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from mien.service.work.signing import FILE, TYPE, signature_of
from mien.service.work.tasks import Task
from mien.store.work import Work

ACTOR: Final = "worker"
"""Who is said to have done it, in the audit."""
REPORT_KIND: Final = "report"
FILE_TYPES: Final = {
    "report.html": "text/html; charset=utf-8",
    "timeline.csv": "text/csv; charset=utf-8",
    "zones.csv": "text/csv; charset=utf-8",
    "shock_report.json": "application/json",
}
"""Files that are kept beside a report, and their media types."""


async def signed(task: Task, report: Mapping[str, Any]) -> bytes | None:
    """A report's signature file; None where the service signs none."""
    signer = task.tools.signer
    return None if signer is None else await asyncio.to_thread(signature_of, signer, report)


async def keep_report(
    work: Work, session_id: UUID, report: Mapping[str, Any], files: Mapping[str, bytes], signature: bytes | None
) -> None:
    """Store a session's report, those of ``files`` that :data:`FILE_TYPES` names, and the signature where there is one.

    Raises:
        NotFoundError: there is no such session.
    """
    record = await work.reports.add(REPORT_KIND, report, session_id=session_id)
    for name, media_type in FILE_TYPES.items():
        if name in files:
            await work.report_files.add(record.id, session_id, name, media_type, files[name])
    if signature is not None:
        await work.report_files.add(record.id, session_id, FILE, TYPE, signature)

"""Compares versions of a study's title, however long that takes; the comparison stays with the study."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from mien.service.schemas.studies import ComparisonOrder
from mien.service.studies.asking import Asking
from mien.service.studies.comparison import compared, keep
from mien.service.studies.withdrawals import consented, require_still_consented
from mien.service.work.tasks import Finish, Task
from mien.store.work import Work


class _StoppedError(Exception):
    """Nobody waits for it any more."""


async def handle(task: Task) -> Finish:
    """Compare what a :class:`~mien.service.schemas.studies.ComparisonOrder` asks for."""
    order = ComparisonOrder.model_validate(task.job.payload)
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    async def progress(share: float) -> None:
        await task.progress(share, "comparing")

    def tell(share: float) -> None:
        if stopped.is_set():
            raise _StoppedError
        asyncio.run_coroutine_threadsafe(progress(share), loop)

    versions = [one.version_id for one in order.asked.versions]
    async with task.tools.store.begin(task.organisation_id, read_only=True) as work:
        before = await consented(work, order.study_id, versions)
    asking = Asking(task.tools.store, task.organisation_id, order.actor, order.role, asyncio.to_thread)
    try:
        document = await compared(asking, order.study_id, order.comparison(), task.tools.clock.now(), tell)
    except asyncio.CancelledError:
        stopped.set()
        raise
    # What was found is read from the comparison, where reading is audited.
    result: dict[str, Any] = {"study_id": str(order.study_id)}

    async def write(work: Work) -> None:
        await require_still_consented(work, before)
        report = await keep(work, order.study_id, order.actor, document)
        result["comparison_id"] = str(report.id)

    return Finish(result, write)

"""Makes a report's file in another form, and keeps it beside the report."""

from __future__ import annotations

import asyncio
from typing import Any

from mien.service import exporting
from mien.service.work.requests import ExportOrder
from mien.service.work.tasks import Finish, Task
from mien.store.errors import NotFoundError
from mien.store.work import Work


async def handle(task: Task) -> Finish:
    """Make what an :class:`~mien.service.work.requests.ExportOrder` names."""
    order = ExportOrder.model_validate(task.job.payload)
    async with task.tools.store.begin(task.organisation_id, read_only=True) as work:
        report = await work.reports.get(order.report_id)
        if await _kept(work, order):
            return Finish(_told(order))
        source = await work.report_files.named(report.id, exporting.MADE_OF[order.name])
        content = await work.report_files.content(source.id)
    await task.progress(0.1, f"making {order.name}")
    made = await asyncio.to_thread(exporting.make, order.name, content)

    async def write(work: Work) -> None:
        if not await _kept(work, order):
            kind = exporting.MADE_TYPES[order.name]
            await work.report_files.add(report.id, source.session_id, order.name, kind, made)

    return Finish(_told(order), write)


async def _kept(work: Work, order: ExportOrder) -> bool:
    try:
        await work.report_files.named(order.report_id, order.name)
    except NotFoundError:
        return False
    return True


def _told(order: ExportOrder) -> dict[str, Any]:
    return {"report_id": str(order.report_id), "name": order.name}

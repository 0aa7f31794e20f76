"""Makes the annotated video of one's own footage, and nothing else; it stays encrypted, for a short time."""

from __future__ import annotations

from mien.service.work.handlers._reading import PersonalFiles, read_upload
from mien.service.work.handlers._reports import ACTOR
from mien.service.work.requests import AnalysisOrder
from mien.service.work.tasks import Finish, Task
from mien.store.work import Work


async def handle(task: Task) -> Finish:
    """Make the personal files of an :class:`~mien.service.work.requests.AnalysisOrder`."""
    order = AnalysisOrder.model_validate(task.job.payload)
    personal = PersonalFiles(task)
    try:
        found = await read_upload(task, order, personal, documents=False)
    except BaseException:
        personal.discard()
        raise

    async def write(work: Work) -> None:
        for made in await personal.keep(work):
            await work.audit.record(ACTOR, "personal_file.made", "result", made.id, {"job_id": str(task.job.id)})
        await work.spooled_files.drop(order.upload_id)

    made = [{"name": name, "result_id": str(draft.id)} for name, draft in personal.made.items()]
    result = {"complete": found.complete, "personal_files": made, "notes": found.notes}
    return Finish(result, write, (order.upload_id,), personal.discard)

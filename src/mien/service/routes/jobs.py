"""Jobs: where they stand, and how to stop them or run them again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mien.service.dependencies import Caller, Parts, Reading, RequireAnalyst, Writing, writing
from mien.service.live.events import announce_end
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import ProblemError, responses
from mien.service.schemas.work import Job
from mien.service.work.following import job_events
from mien.service.work.requests import AnalysisOrder
from mien.service.work.sweeping import sweep_due
from mien.store.errors import NotFoundError
from mien.store.records import JobState

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

OF_UPLOADS = frozenset({"analysis", "annotated_video"})


@router.get("", operation_id="list_jobs")
async def list_jobs(
    _caller: Caller,
    work: Reading,
    paging: PageQuery,
    state: JobState | None = None,
    kind: Annotated[str | None, Query(min_length=1, max_length=40, pattern=r"^[a-z_]+$")] = None,
    session_id: UUID | None = None,
) -> PageOf[Job]:
    """Jobs of the organisation."""
    where = {"state": state, "kind": kind, "session_id": session_id}
    asked: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
    return page_of(await work.jobs.list(after=paging.after, limit=paging.limit, **asked), Job.of)


@router.get("/{job_id}", operation_id="get_job", responses=responses(404))
async def get_job(_caller: Caller, work: Reading, job_id: UUID) -> Job:
    """One job, and how far it is."""
    return Job.of(await work.jobs.get(job_id))


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    response_class=Response,
    responses={200: {"description": "Events `job`.", "content": {"text/event-stream": {}}}, **responses(404, 503)},
)
async def follow_job(caller: Caller, parts: Parts, job_id: UUID) -> Response:
    """Follow a job by server-sent events; the first tells where it stands, the last how it ended."""
    async with parts.store.begin(caller.organisation_id, read_only=True) as work:
        await work.jobs.get(job_id)
    return await job_events(parts, caller, job_id)


@router.post("/{job_id}/cancel", operation_id="cancel_job", responses=responses(404))
async def cancel_job(caller: RequireAnalyst, parts: Parts, request: Request, job_id: UUID) -> Job:
    """Stop a job: at once where nobody runs it, otherwise within seconds. One that has ended stays as it is."""
    async with writing(request) as work:
        before = await work.jobs.get(job_id)
        job = await work.jobs.cancel(job_id)
        if not before.state.final:
            await work.audit.record(caller.actor, "job.cancelled", "job", job_id)
    if job.state.final:
        if job.session_id is not None and not before.state.final:
            await announce_end(parts.bus.live, caller.organisation_id, job.session_id)
        await sweep_due(parts.store, parts.spool)
    return Job.of(job)


@router.post("/{job_id}/retry", operation_id="retry_job", responses=responses(404, 409))
async def retry_job(caller: RequireAnalyst, work: Writing, job_id: UUID) -> Job:
    """Run a job again that failed or was cancelled. One whose upload was erased needs the file again."""
    job = await work.jobs.get(job_id)
    if job.kind in OF_UPLOADS and job.state.final:
        try:
            await work.spooled_files.get(AnalysisOrder.model_validate(job.payload).upload_id)
            # Its session has ended with it, and takes nothing in any more.
            gone = job.session_id is not None
        except NotFoundError:
            gone = True
        if gone:
            raise ProblemError(409, "conflict", "Its upload was erased when the job ended: upload the file again.")
    again = await work.jobs.retry(job_id)
    await work.audit.record(caller.actor, "job.retried", "job", job_id)
    return Job.of(again)

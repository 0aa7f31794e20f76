"""Reports: as JSON, as a page, and in every form that ``mien analyze`` and ``mien markers`` write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from mien.core.findings import MomentKind
from mien.service import exporting
from mien.service.bench import BusyError
from mien.service.dependencies import Caller, Parts, RequireAnalyst, Writing
from mien.service.etags import etag_of, matches, not_modified, tagged
from mien.service.exporting import MADE_OF, MADE_TYPES, MarkerRequest
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.parts import ServiceParts
from mien.service.permissions import least_group, readable
from mien.service.principal import Caller as Asking
from mien.service.problems import ProblemError, responses
from mien.service.schemas.documents import shape_of
from mien.service.schemas.work import Export, Exports, Job, NewExport, Report
from mien.service.work.requests import ExportOrder, as_payload
from mien.store.errors import ConflictError, NotFoundError
from mien.store.file_records import ReportFile
from mien.store.records import JobState, ReportRecord
from mien.store.repositories.jobs import JobOptions
from mien.store.work import Work

Result = TypeVar("Result")

router = APIRouter(prefix="/api/v1/reports", tags=["results"])

PAGE_POLICY: Final = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""A report's page brings its own style and script; in a sandbox it is of no origin, and can reach nothing of ours."""
BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
FORMATS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": dict.fromkeys(("application/octet-stream", "*/*"), BYTES)},
    304: {"description": "The reader has it."},
}
PEM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The key.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
FileName = Annotated[str, Path(pattern=r"^[a-z_]+(\.[a-z]+){1,2}$", max_length=80)]


@router.get(
    "/signing_key", operation_id="get_signing_key", responses={**PEM, **responses(404)}, response_class=Response
)
async def get_signing_key(_caller: Caller, parts: Parts) -> Response:
    """The public key of the key that this service signs reports with, for `mien verify --key`."""
    signer = await asyncio.to_thread(lambda: parts.signer)
    if signer is None:
        raise ProblemError(404, "not-found", "This service signs no reports: its operator set no MIEN_REPORT_KEY.")
    return Response(signer.public_pem, media_type="text/plain")


@router.get("", operation_id="list_reports")
async def list_reports(
    caller: Caller,
    work: Writing,
    paging: PageQuery,
    session_id: UUID | None = None,
    study_id: UUID | None = None,
    kind: Annotated[str | None, Query(min_length=1, max_length=40, pattern=r"^[a-z_]+$")] = None,
) -> PageOf[Report]:
    """Reports about sessions and studies."""
    where = {"session_id": session_id, "study_id": study_id, "kind": kind}
    asked: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
    page = await work.reports.list(after=paging.after, limit=paging.limit, least_group=least_group(caller), **asked)
    await work.audit.record(caller.actor, "reports.listed", "report", None, {"reports": len(page.items)})
    return page_of(page, Report.of)


@router.get("/{report_id}", operation_id="get_report", responses=responses(404))
async def get_report(caller: Caller, work: Writing, report_id: UUID) -> Report:
    """A report without its content."""
    report = await _readable(work, caller, report_id)
    await _note(work, caller, report_id, "record")
    return Report.of(report)


@router.get(
    "/{report_id}/document",
    operation_id="read_report",
    responses={
        200: {"content": {"application/json": {"schema": shape_of("ReportDocument")}}},
        304: FORMATS[304],
        **responses(404),
    },
    response_class=Response,
)
async def read_report(caller: Caller, parts: Parts, request: Request, report_id: UUID) -> Response:
    """A report's JSON, with its entity tag. The shape is `report.schema.json` of the package."""
    async with parts.store.begin(caller.organisation_id) as work:
        report = await _readable(work, caller, report_id)
        await _note(work, caller, report_id, "document")
        etag = etag_of(report.sha256)
        if matches(request, etag):
            return not_modified(etag)
        content = await work.reports.content(report_id)
    return tagged(request, content, "application/json", etag=etag)


@router.get("/{report_id}/exports", operation_id="list_exports", responses=responses(404))
async def list_exports(caller: Caller, work: Writing, report_id: UUID) -> Exports:
    """In which forms a report can be had: `files/{name}` and `markers/{format}`."""
    report = await _readable(work, caller, report_id)
    more = True
    try:
        await _require_consent(work, report)
    except ConflictError:
        more = False
    await _note(work, caller, report_id, "exports")
    stored = (await work.report_files.list(report_id=report_id, limit=100)).items
    files = [Export(name=file.name, media_type=file.media_type, available=True) for file in stored]
    names = {file.name for file in stored}
    for name, source in MADE_OF.items():
        if source in names and name not in names:
            able = more and await asyncio.to_thread(exporting.can_make, name)
            files.append(Export(name=name, media_type=MADE_TYPES[name], available=able))
    return Exports(files=files, markers=list(exporting.marker_formats()) if more else [])


@router.post("/{report_id}/exports", operation_id="begin_export", status_code=202, responses=responses(404, 409))
async def begin_export(
    caller: RequireAnalyst, work: Writing, report_id: UUID, asked: NewExport, response: Response
) -> Job:
    """Have a file of a report made by a job, which keeps it: `files/{name}` has it then. Asked again, the same job.

    Nothing more is made of a session whose consent was withdrawn (409).
    """
    report = await _readable(work, caller, report_id)
    await _require_consent(work, report)
    await work.report_files.named(report_id, MADE_OF[asked.name])
    order = ExportOrder(report_id=report_id, name=asked.name)
    options = JobOptions(timeout_seconds=600.0, idempotency_key=f"{report_id} {asked.name}")
    job = await work.jobs.enqueue("export", as_payload(order), session_id=report.session_id, options=options)
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        job = await work.jobs.retry(job.id)
    await _note(work, caller, report_id, asked.name)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return Job.of(job)


@router.get(
    "/{report_id}/files/{name}",
    operation_id="download_export",
    responses={**FORMATS, **responses(404, 409, 501, 503)},
    response_class=Response,
)
async def download_export(caller: Caller, parts: Parts, request: Request, report_id: UUID, name: FileName) -> Response:
    """A report as a file: `report.html`, `timeline.csv`, `timeline.parquet`, `report.pdf`, `shock_report.json`, and the
    signature of the document, `report.json.sig`, where the service signs reports.

    What no job has made yet is made while the request waits, one at a time: 503 says when to come back. It is not made
    where the consent that the session rests on was withdrawn (409).
    """
    async with parts.store.begin(caller.organisation_id) as work:
        report = await _readable(work, caller, report_id)
        file, is_made = await _stored(work, report_id, name)
        if not is_made:
            await _require_consent(work, report)
        await _note(work, caller, report_id, name)
        etag = etag_of(file.sha256, name.encode())
        if matches(request, etag):
            return not_modified(etag)
        content = await work.report_files.content(file.id)
    if not is_made:
        if not await asyncio.to_thread(exporting.can_make, name):
            lacks = "DuckDB (extra [tables])" if name == exporting.PARQUET else "a Chromium to print with"
            raise ProblemError(501, "not-installed", f"{name} cannot be made here: the service lacks {lacks}.")
        content = await _made(parts, lambda: exporting.make(name, content))
    media_type = MADE_TYPES.get(name, file.media_type)
    answer = tagged(request, content, media_type, etag=etag)
    if name == "report.html":
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
    else:
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.get(
    "/{report_id}/markers/{marker_format}",
    operation_id="download_markers",
    responses={**FORMATS, **responses(404, 409, 503)},
    response_class=Response,
)
async def download_markers(
    caller: Caller,
    parts: Parts,
    request: Request,
    report_id: UUID,
    marker_format: Annotated[str, Path(pattern=r"^[a-z0-9-]+$", max_length=40)],
    frame_rate: Annotated[
        str, Query(description="Of the film in the edit suite, such as 25 or 23.976.", max_length=10)
    ],
    drop_frame: bool = False,
    start_timecode: Annotated[str, Query(max_length=16, description="Of the film's first frame.")] = "01:00:00:00",
    kind: Annotated[list[MomentKind] | None, Query(max_length=10, description="Every one where none is named.")] = None,
) -> Response:
    """A report's moments as markers for an edit suite; `exports` lists the formats."""
    asked = MarkerRequest(marker_format, frame_rate, drop_frame, start_timecode, tuple(kind or ()))
    content = await _content(parts, caller, report_id, f"markers/{marker_format}"[:80])
    text, suffix = await _made(parts, lambda: exporting.markers(content, asked))
    answer = tagged(request, text.encode(), "text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="markers{suffix}"'
    return answer


async def _stored(work: Work, report_id: UUID, name: str) -> tuple[ReportFile, bool]:
    """A file, or the one that it is to be made of, and whether it is the file itself."""
    try:
        return await work.report_files.named(report_id, name), True
    except NotFoundError:
        if name not in MADE_OF:
            raise
        return await work.report_files.named(report_id, MADE_OF[name]), False


async def _made(parts: ServiceParts, make: Callable[[], Result]) -> Result:
    """What is made while the request waits, one at a time.

    Raises:
        ProblemError: 503, too many wait already.
    """
    try:
        return await parts.exports.run(lambda _: make())
    except BusyError as error:
        detail = "Many exports are being made: ask again in a moment, or have files made by a job (begin_export)."
        raise ProblemError(503, "busy", detail, headers={"Retry-After": "5"}) from error


async def _content(parts: ServiceParts, caller: Asking, report_id: UUID, form: str) -> bytes:
    async with parts.store.begin(caller.organisation_id) as work:
        await _require_consent(work, await _readable(work, caller, report_id))
        await _note(work, caller, report_id, form)
        return await work.reports.content(report_id)


async def _readable(work: Work, caller: Asking, report_id: UUID) -> ReportRecord:
    """A report that somebody may read: its session's results, or a study's."""
    report = await work.reports.get(report_id)
    if report.session_id is not None:
        await readable(work, caller, report.session_id)
    return report


async def _require_consent(work: Work, report: ReportRecord) -> None:
    """Make sure that more may be made of a report.

    Raises:
        ConflictError: it rests on a consent that was withdrawn.
    """
    if report.session_id is not None:
        await work.jobs.require_consent(report.session_id)


async def _note(work: Work, caller: Asking, report_id: UUID, form: str) -> None:
    detail: dict[str, Any] = {"form": form}
    await work.audit.record(caller.actor, "report.read", "report", report_id, detail)

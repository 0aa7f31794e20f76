"""Reports: as JSON, as a page, and in every form that ``mien analyze`` and ``mien markers`` write."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from mien.core.findings import MomentKind
from mien.service import exporting
from mien.service.dependencies import Caller, Parts, Reading
from mien.service.etags import etag_of, matches, not_modified, tagged
from mien.service.exporting import MADE_OF, MADE_TYPES, MarkerRequest
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.parts import ServiceParts
from mien.service.principal import Caller as Asking
from mien.service.problems import ProblemError, responses
from mien.service.schemas.work import Export, Exports, Report
from mien.store.work import Work

router = APIRouter(prefix="/api/v1/reports", tags=["results"])

PAGE_POLICY: Final = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""A report's page brings its own style and script; in a sandbox it is of no origin, and can reach nothing of ours."""
FORMATS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The reader has it."},
}
FileName = Annotated[str, Path(pattern=r"^[a-z_]+\.[a-z]+$", max_length=80)]


@router.get("", operation_id="list_reports")
async def list_reports(
    _caller: Caller,
    work: Reading,
    paging: PageQuery,
    session_id: UUID | None = None,
    study_id: UUID | None = None,
    kind: Annotated[str | None, Query(min_length=1, max_length=40, pattern=r"^[a-z_]+$")] = None,
) -> PageOf[Report]:
    """Reports about sessions and studies."""
    where = {"session_id": session_id, "study_id": study_id, "kind": kind}
    asked = {name: value for name, value in where.items() if value is not None}
    return page_of(await work.reports.list(after=paging.after, limit=paging.limit, **asked), Report.of)


@router.get("/{report_id}", operation_id="get_report", responses=responses(404))
async def get_report(_caller: Caller, work: Reading, report_id: UUID) -> Report:
    """A report without its content."""
    return Report.of(await work.reports.get(report_id))


@router.get(
    "/{report_id}/document",
    operation_id="read_report",
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}},
        304: FORMATS[304],
        **responses(404),
    },
    response_class=Response,
)
async def read_report(caller: Caller, parts: Parts, request: Request, report_id: UUID) -> Response:
    """A report's JSON, with its entity tag. The shape is `report.schema.json` of the package."""
    async with parts.store.begin(caller.organisation_id) as work:
        report = await work.reports.get(report_id)
        await _note(work, caller, report_id, "document")
        etag = etag_of(report.sha256)
        if matches(request, etag):
            return not_modified(etag)
        content = await work.reports.content(report_id)
    return tagged(request, content, "application/json", etag=etag)


@router.get("/{report_id}/exports", operation_id="list_exports", responses=responses(404))
async def list_exports(_caller: Caller, work: Reading, report_id: UUID) -> Exports:
    """In which forms a report can be had: `files/{name}` and `markers/{format}`."""
    await work.reports.get(report_id)
    stored = (await work.report_files.list(report_id=report_id, limit=100)).items
    files = [Export(name=file.name, media_type=file.media_type, available=True) for file in stored]
    names = {file.name for file in stored}
    for name, source in MADE_OF.items():
        if source in names:
            able = await asyncio.to_thread(exporting.can_make, name)
            files.append(Export(name=name, media_type=MADE_TYPES[name], available=able))
    return Exports(files=files, markers=list(exporting.marker_formats()))


@router.get(
    "/{report_id}/files/{name}",
    operation_id="download_export",
    responses={**FORMATS, **responses(404, 501)},
    response_class=Response,
)
async def download_export(caller: Caller, parts: Parts, request: Request, report_id: UUID, name: FileName) -> Response:
    """A report as a file: `report.html`, `timeline.csv`, `timeline.parquet`, `report.pdf`, `shock_report.json`."""
    async with parts.store.begin(caller.organisation_id) as work:
        await work.reports.get(report_id)
        file = await work.report_files.named(report_id, MADE_OF.get(name, name))
        await _note(work, caller, report_id, name)
        etag = etag_of(file.sha256, name.encode())
        if matches(request, etag):
            return not_modified(etag)
        content = await work.report_files.content(file.id)
    if name in MADE_OF:
        if not await asyncio.to_thread(exporting.can_make, name):
            lacks = "DuckDB (extra [tables])" if name == exporting.PARQUET else "a Chromium to print with"
            raise ProblemError(501, "not-installed", f"{name} cannot be made here: the service lacks {lacks}.")
        content = await asyncio.to_thread(exporting.make, name, content)
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
    responses={**FORMATS, **responses(404)},
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
    text, suffix = await asyncio.to_thread(exporting.markers, content, asked)
    answer = tagged(request, text.encode(), "text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="markers{suffix}"'
    return answer


async def _content(parts: ServiceParts, caller: Asking, report_id: UUID, form: str) -> bytes:
    async with parts.store.begin(caller.organisation_id) as work:
        await work.reports.get(report_id)
        await _note(work, caller, report_id, form)
        return await work.reports.content(report_id)


async def _note(work: Work, caller: Asking, report_id: UUID, form: str) -> None:
    detail: dict[str, Any] = {"form": form}
    await work.audit.record(caller.actor, "report.read", "report", report_id, detail)

"""Files that show or list single people: made on request, encrypted where they lie, gone after a short time."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from mien.service.dependencies import Parts, RequireAnalyst, Writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.work import PersonalResult
from mien.store.errors import NotFoundError
from mien.store.file_records import SpooledFile, SpooledKind
from mien.store.work import Work

BYTES = {"schema": {"type": "string", "format": "binary"}}
router = APIRouter(prefix="/api/v1/personal_results", tags=["results"])


@router.get("", operation_id="list_personal_results")
async def list_personal_results(
    caller: RequireAnalyst, work: Writing, paging: PageQuery, session_id: UUID | None = None
) -> PageOf[PersonalResult]:
    """Annotated videos and tables of faces that are still kept."""
    where: dict[str, Any] = {} if session_id is None else {"session_id": session_id}
    page = await work.spooled_files.list(after=paging.after, limit=paging.limit, kind=SpooledKind.RESULT, **where)
    await work.audit.record(caller.actor, "personal_files.listed", "result", None, {"files": len(page.items)})
    return page_of(page, PersonalResult.of)


@router.get(
    "/{result_id}/content",
    operation_id="download_personal_result",
    response_class=Response,
    responses={
        200: {"content": dict.fromkeys(("application/octet-stream", "*/*"), BYTES)},
        **responses(404),
    },
)
async def download_personal_result(caller: RequireAnalyst, parts: Parts, result_id: UUID) -> Response:
    """The file itself, deciphered on its way out. It is personal data: handle it as such."""
    async with parts.store.begin(caller.organisation_id) as work:
        file = await _found(work, result_id)
        await work.audit.record(caller.actor, "personal_file.read", "result", result_id, {"name": file.name})
    pieces = parts.spool.read(parts.spool.key(file.id, file.sealed_key))
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    if file.length_bytes is not None:
        headers["Content-Length"] = str(file.length_bytes)
    return StreamingResponse(pieces, media_type=file.media_type, headers=headers)


@router.delete(
    "/{result_id}",
    operation_id="erase_personal_result",
    status_code=204,
    responses=responses(404),
    response_class=Response,
)
async def erase_personal_result(caller: RequireAnalyst, parts: Parts, result_id: UUID) -> Response:
    """Erase it now."""
    async with parts.store.begin(caller.organisation_id) as work:
        file = await _found(work, result_id)
        await work.spooled_files.drop(result_id)
        await work.audit.record(caller.actor, "personal_file.erased", "result", result_id, {"name": file.name})
    await asyncio.to_thread(parts.spool.erase, result_id)
    return Response(status_code=204)


async def _found(work: Work, result_id: UUID) -> SpooledFile:
    file = await work.spooled_files.get(result_id)
    if file.kind is not SpooledKind.RESULT:
        raise NotFoundError.of("personal result", result_id)
    return file

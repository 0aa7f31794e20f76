"""Uploads: resumable as tus 1.0.0 has it (https://tus.io/protocols/resumable-upload), or in one request.

Of tus: the core protocol and the extensions ``creation``, ``expiration`` and ``termination``. ``Upload-Metadata`` is
not read: no name that a client chose is used for anything. Bodies are streamed into the encrypted spool.
"""

from __future__ import annotations

from email.utils import format_datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from mien.service import uploading
from mien.service.dependencies import Caller, Parts, Reading, RequireAnalyst, writing
from mien.service.paging import PageOf, PageQuery
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError, responses
from mien.service.schemas.work import Upload
from mien.store.file_records import SpooledFile, SpooledKind

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,expiration,termination"
PIECE: Final = "application/offset+octet-stream"
UNLIMITED: Final = 1 << 50
"""Bodies are measured while they are streamed: FastAPI need not."""

_ANY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PIECE: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {PIECE: {"schema": {"type": "string", "format": "binary"}}}}
}
Resumable = Annotated[str | None, Header(alias="Tus-Resumable", description="1.0.0, where it is sent.")]


@router.options("", operation_id="describe_uploads", status_code=204, response_class=Response)
async def describe_uploads(_caller: Caller, parts: Parts) -> Response:
    """Which version of tus is spoken, and how large an upload may be."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(parts.settings.max_upload_bytes),
    }
    return Response(status_code=204, headers={**_tus(), **headers})


@router.post("", operation_id="begin_upload", status_code=201, responses=responses(409, 412, 413))
async def begin_upload(
    caller: RequireAnalyst,
    parts: Parts,
    request: Request,
    response: Response,
    upload_length: Annotated[int, Header(ge=1, le=UNLIMITED, description="Bytes of the whole file.")],
    tus_resumable: Resumable = None,
) -> Upload:
    """Begin a resumable upload; send its bytes to the address in `Location`."""
    _check(tus_resumable)
    made = await uploading.begin(parts, writing(request), caller.actor, upload_length)
    response.headers.update({**_tus(made), "Location": f"{router.prefix}/{made.id}"})
    return Upload.of(made, 0)


@router.post(
    "/whole",
    operation_id="upload_whole_file",
    status_code=201,
    responses=responses(409, 413),
    openapi_extra=_ANY,
    max_body_size=UNLIMITED,
)
async def upload_whole_file(caller: RequireAnalyst, parts: Parts, request: Request, response: Response) -> Upload:
    """Upload a file in one request whose body is the file itself, of any content type."""
    declared = request.headers.get("content-length")
    length = int(declared) if declared is not None and declared.isdecimal() else None
    if length == 0:
        raise ProblemError(422, "invalid", "The body is empty: send the file as it.")
    made = await uploading.begin(parts, writing(request), caller.actor, length)
    try:
        offset = await uploading.append(parts, caller.organisation_id, made, request.stream(), at=0, to_the_end=True)
    except BaseException:
        # What broke off cannot be gone on with here.
        await uploading.erase(parts, caller.organisation_id, made.id)
        raise
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return Upload.of(await _found(parts, caller.organisation_id, made.id), offset)


@router.get("", operation_id="list_uploads")
async def list_uploads(_analyst: RequireAnalyst, parts: Parts, work: Reading, paging: PageQuery) -> PageOf[Upload]:
    """Uploads on their way in, and those that wait for a job."""
    page = await work.spooled_files.list(after=paging.after, limit=paging.limit, kind=SpooledKind.UPLOAD)
    items = [Upload.of(file, await uploading.offset_of(parts, file)) for file in page.items]
    return PageOf(items=items, after=page.after)


@router.get("/{upload_id}", operation_id="get_upload", responses=responses(404))
async def get_upload(_analyst: RequireAnalyst, parts: Parts, work: Reading, upload_id: UUID) -> Upload:
    """One upload."""
    file = await uploading.found(work, upload_id)
    return Upload.of(file, await uploading.offset_of(parts, file))


@router.head(
    "/{upload_id}",
    operation_id="find_upload_offset",
    status_code=200,
    response_class=Response,
    responses=responses(404, 412),
)
async def find_upload_offset(
    _analyst: RequireAnalyst, parts: Parts, work: Reading, upload_id: UUID, tus_resumable: Resumable = None
) -> Response:
    """How much of an upload is here: `Upload-Offset`. Go on there."""
    _check(tus_resumable)
    file = await uploading.found(work, upload_id)
    headers = {"Upload-Offset": str(await uploading.offset_of(parts, file)), "Cache-Control": "no-store"}
    return Response(headers={**_tus(file), **headers})


@router.patch(
    "/{upload_id}",
    operation_id="append_to_upload",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409, 412, 413, 415),
    openapi_extra=_PIECE,
    max_body_size=UNLIMITED,
)
async def append_to_upload(
    caller: RequireAnalyst,
    parts: Parts,
    request: Request,
    upload_id: UUID,
    upload_offset: Annotated[int, Header(ge=0, le=UNLIMITED, description="Where these bytes begin.")],
    tus_resumable: Resumable = None,
) -> Response:
    """Send the bytes that follow. What arrived before a connection broke is kept."""
    _check(tus_resumable)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE:
        raise ProblemError(415, "media-type", f"Send the bytes as {PIECE}.")
    file = await _found(parts, caller.organisation_id, upload_id)
    try:
        offset = await uploading.append(parts, caller.organisation_id, file, request.stream(), at=upload_offset)
    except uploading.OffsetError as error:
        headers = {**_tus(file), "Upload-Offset": str(error.offset)}
        raise ProblemError(409, "conflict", str(error), headers=headers) from error
    return Response(status_code=204, headers={**_tus(file), "Upload-Offset": str(offset)})


@router.delete(
    "/{upload_id}",
    operation_id="erase_upload",
    status_code=204,
    response_class=Response,
    responses=responses(404, 409, 412),
)
async def erase_upload(
    caller: RequireAnalyst, parts: Parts, upload_id: UUID, tus_resumable: Resumable = None
) -> Response:
    """Erase an upload that no job reads yet; cancel the job of one that has one."""
    _check(tus_resumable)
    file = await _found(parts, caller.organisation_id, upload_id)
    if file.job_id is not None:
        raise ProblemError(409, "conflict", f"Job {file.job_id} reads this upload: cancel it instead.")
    await uploading.erase(parts, caller.organisation_id, upload_id)
    return Response(status_code=204, headers=_tus())


async def _found(parts: ServiceParts, organisation_id: UUID, upload_id: UUID) -> SpooledFile:
    # Not a dependency: no transaction may stay open while a body streams in.
    async with parts.store.begin(organisation_id, read_only=True) as work:
        return await uploading.found(work, upload_id)


def _check(version: str | None) -> None:
    if version is not None and version != VERSION:
        raise ProblemError(412, "version", f"This is tus {VERSION}.", headers={"Tus-Version": VERSION})


def _tus(file: SpooledFile | None = None) -> dict[str, str]:
    headers = {"Tus-Resumable": VERSION}
    if file is not None:
        if file.length_bytes is not None:
            headers["Upload-Length"] = str(file.length_bytes)
        headers["Upload-Expires"] = format_datetime(file.delete_after, usegmt=True)
    return headers

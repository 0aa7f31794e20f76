"""Takes uploads in: streamed into the spool, never larger than they may be, looked at by their content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from uuid import UUID, uuid4

from starlette.requests import ClientDisconnect

from mien.core.errors import MediaTooLargeError, UnsupportedMediaError
from mien.core.media import HEAD_BYTES
from mien.service.parts import ServiceParts
from mien.service.sniffing import required
from mien.service.spool import SpoolKey, SpoolWriter
from mien.store.errors import ConflictError, NotFoundError
from mien.store.file_records import SpooledFile, SpooledKind
from mien.store.repositories.spooled_files import SpooledDraft
from mien.store.work import Work


class OffsetError(ConflictError):
    """What was sent does not begin where the upload ends.

    Attributes:
        offset: where it ends.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"the upload holds {offset} bytes: go on there.")
        self.offset = offset


def too_large(limit: int) -> MediaTooLargeError:
    """What is told of an upload above the limit."""
    return MediaTooLargeError(f"an upload may have {limit} bytes: send a smaller file, or ask the operator for more.")


async def begin(
    parts: ServiceParts, transaction: AbstractAsyncContextManager[Work], actor: str, length_bytes: int | None
) -> SpooledFile:
    """A new upload.

    Raises:
        MediaTooLargeError: it would be larger than uploads may be.
        ConflictError: too many are here already.
    """
    limit, most = parts.settings.max_upload_bytes, parts.settings.max_waiting_uploads
    if length_bytes is not None and length_bytes > limit:
        raise too_large(limit)
    file_id = uuid4()
    _, sealed = parts.spool.mint(file_id)
    draft = SpooledDraft(
        file_id, SpooledKind.UPLOAD, sealed, parts.settings.upload_keep_seconds, length_bytes=length_bytes
    )
    async with transaction as work:
        if len((await work.spooled_files.list(kind=SpooledKind.UPLOAD, limit=most)).items) == most:
            raise ConflictError(f"{most} uploads are here already: erase some, or wait until their jobs have ended.")
        made = await work.spooled_files.begin(draft)
        await work.audit.record(actor, "upload.begun", "upload", file_id)
    return made


async def found(work: Work, upload_id: UUID) -> SpooledFile:
    """An upload by its id.

    Raises:
        NotFoundError: there is none in this organisation.
    """
    file = await work.spooled_files.get(upload_id)
    if file.kind is not SpooledKind.UPLOAD:
        raise NotFoundError.of("upload", upload_id)
    return file


async def offset_of(parts: ServiceParts, file: SpooledFile) -> int:
    """How much of an upload is here, bytes."""
    try:
        return await asyncio.to_thread(parts.spool.offset, file.id)
    except NotFoundError:
        return 0


async def append(
    parts: ServiceParts,
    organisation_id: UUID,
    file: SpooledFile,
    body: AsyncIterator[bytes],
    *,
    at: int,
    to_the_end: bool = False,
) -> int:
    """Add what a request sends; what arrived stays also where the request breaks off.

    Args:
        parts: of the service.
        organisation_id: whose.
        file: the upload.
        body: what is sent.
        at: where the sender believes the upload ends.
        to_the_end: the upload is complete when the body ends; otherwise when its length is reached.

    Returns:
        The new offset.

    Raises:
        OffsetError: the upload ends elsewhere.
        BusyError: another request is sending to it.
        MediaTooLargeError: it would exceed its length, or what uploads may have.
        UnsupportedMediaError: its content is nothing that may be uploaded; it is erased.
    """
    key = parts.spool.key(file.id, file.sealed_key)
    limit = parts.settings.max_upload_bytes if file.length_bytes is None else file.length_bytes
    try:
        writer = await asyncio.to_thread(lambda: parts.spool.writer(key, most_bytes=limit))
    except ConflictError:
        offset = await offset_of(parts, file)
        if not file.complete and offset == at == file.length_bytes:
            # A crash came between the last byte and the note that it is here.
            await _complete(parts, organisation_id, file, key, offset)
            return offset
        raise
    with writer:
        if writer.offset != at:
            raise OffsetError(writer.offset)
        try:
            await _take(writer, body, limit)
        except (UnsupportedMediaError, MediaTooLargeError) as error:
            if isinstance(error, UnsupportedMediaError) or to_the_end:
                await erase(parts, organisation_id, file.id)
            raise
        if to_the_end or writer.offset == file.length_bytes:
            await asyncio.to_thread(writer.finish)
        else:
            await asyncio.to_thread(writer.flush)
            return writer.offset
    try:
        await _complete(parts, organisation_id, file, key, writer.offset)
    except UnsupportedMediaError:
        await erase(parts, organisation_id, file.id)
        raise
    return writer.offset


async def erase(parts: ServiceParts, organisation_id: UUID, file_id: UUID) -> None:
    """Remove an upload: first its key, then its bytes."""
    async with parts.store.begin(organisation_id) as work:
        await work.spooled_files.drop(file_id)
    await asyncio.to_thread(parts.spool.erase, file_id)


async def _take(writer: SpoolWriter, body: AsyncIterator[bytes], limit: int) -> None:
    head = b""
    sniffs = writer.offset == 0
    try:
        async for piece in body:
            if sniffs:
                head += piece[: HEAD_BYTES - len(head)]
                if len(head) >= HEAD_BYTES:
                    required(head)
                    sniffs = False
            if writer.offset + len(piece) > limit:
                raise too_large(limit)
            await asyncio.to_thread(writer.write, piece)
    except (ClientDisconnect, MediaTooLargeError, asyncio.CancelledError):
        await asyncio.shield(asyncio.to_thread(writer.flush))
        raise


async def _complete(
    parts: ServiceParts, organisation_id: UUID, file: SpooledFile, key: SpoolKey, length_bytes: int
) -> None:
    media = required((await asyncio.to_thread(parts.spool.head, key))[:HEAD_BYTES])
    async with parts.store.begin(organisation_id) as work:
        await work.spooled_files.completed(file.id, media.media_type, length_bytes)

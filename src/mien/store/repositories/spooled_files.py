"""Files of the encrypted spool, as their organisation sees them. Their bytes lie elsewhere; their keys lie here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from mien.store import tables
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from mien.store.file_records import SpooledFile, SpooledKind
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


@dataclass(frozen=True, slots=True)
class SpooledDraft:
    """What a spooled file is begun with.

    Attributes:
        id: of the file, which its sealed key is bound to.
        kind: what it is.
        sealed_key: the file's key under the service's own.
        keep_seconds: how long it is kept at most.
        name: of a result; ``upload`` for an upload.
        media_type: of the content, where that is known.
        length_bytes: how long it will be, where that is known.
        session_id: with which it is deleted.
        complete: whether all of it is there.
    """

    id: UUID
    kind: SpooledKind
    sealed_key: bytes
    keep_seconds: float
    name: str = "upload"
    media_type: str | None = None
    length_bytes: int | None = None
    session_id: UUID | None = None
    complete: bool = False


class SpooledFiles(Repository[SpooledFile]):
    """Spooled files of one organisation."""

    table = tables.spooled_files
    shape = Shape(SpooledFile, tables.spooled_files)
    what = "upload"

    async def begin(self, draft: SpooledDraft) -> SpooledFile:
        """A new file.

        Raises:
            InvalidError: it would be kept for no time, or its length is below 0.
            ConflictError: the session is not here.
        """
        if draft.keep_seconds <= 0 or (draft.length_bytes is not None and draft.length_bytes < 0):
            raise InvalidError("a spooled file is kept for more than 0 seconds, and has 0 bytes or more.")
        now = self._scope.now
        return await self._add(
            "the session is not here.",
            id=draft.id,
            session_id=draft.session_id,
            job_id=None,
            kind=draft.kind,
            name=text(draft.name, "a name", 80),
            media_type=draft.media_type,
            length_bytes=draft.length_bytes,
            complete=draft.complete,
            sealed_key=draft.sealed_key,
            created_at=now,
            delete_after=now + timedelta(seconds=draft.keep_seconds),
        )

    async def completed(self, key: UUID, media_type: str, length_bytes: int) -> SpooledFile:
        """All of an upload is there.

        Raises:
            NotFoundError: there is none.
        """
        return await self._change(key, complete=True, media_type=media_type, length_bytes=length_bytes)

    async def hand_over(self, key: UUID, job_id: UUID, session_id: UUID | None, keep_seconds: float) -> SpooledFile:
        """Give a complete upload to the one job that reads it; it ends with that job.

        Args:
            key: which upload.
            job_id: whose it becomes.
            session_id: with which it is deleted too.
            keep_seconds: how long it is kept from now, at most: as long as the job may wait and be tried again.

        Raises:
            NotFoundError: there is no such upload.
            ConflictError: it is not complete, or another job has it.
        """
        found = await self.get(key)
        if found.kind is not SpooledKind.UPLOAD:
            raise NotFoundError.of(self.what, key)
        if not found.complete:
            raise ConflictError(f"upload {key} is not complete: send the rest of it first.")
        table = self.table
        until = self._scope.now + timedelta(seconds=keep_seconds)
        try:
            return await self._change(
                key, table.c.job_id.is_(None), job_id=job_id, session_id=session_id, delete_after=until
            )
        except NotFoundError:
            raise ConflictError(f"upload {key} has been given to a job already: upload the file again.") from None

    async def drop(self, key: UUID) -> bool:
        """Delete a file's row, and with it the only key that opens the file.

        Returns:
            Whether there was one.
        """
        statement = self._scope.delete(self.table).where(self.table.c.id == key)
        return bool((await self._scope.run(statement)).rowcount)

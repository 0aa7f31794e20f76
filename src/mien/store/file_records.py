"""What the store hands out about files: reports in other forms, and the encrypted spool."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report in another form (a page, a table), without its content.

    Attributes:
        name: as ``report.html``, unique for a report.
        sha256: of the content: an entity tag.
    """

    id: UUID
    session_id: UUID
    report_id: UUID
    name: str
    media_type: str
    sha256: bytes
    created_at: datetime


class SpooledKind(StrEnum):
    """What a spooled file is."""

    UPLOAD = "upload"
    """What a client sent; gone when the job that reads it ends."""
    RESULT = "result"
    """What shows or lists single people, made on request; gone when its time is over."""


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file of the encrypted spool. Its name there is its id; with this row goes the key, and so the content.

    Attributes:
        session_id: with which it is deleted.
        job_id: the job that reads it; when that has ended, so has an upload.
        name: of a result, as ``annotated.mp4``; nothing that a client chose.
        media_type: of the content; None before it was looked at.
        length_bytes: how long it will be; None where nobody said.
        complete: whether all of it is there.
        sealed_key: of the file, under the service's own.
        delete_after: when the sweep erases it.
    """

    id: UUID
    session_id: UUID | None
    job_id: UUID | None
    kind: SpooledKind
    name: str
    media_type: str | None
    length_bytes: int | None
    complete: bool
    sealed_key: bytes = field(repr=False)
    created_at: datetime
    delete_after: datetime

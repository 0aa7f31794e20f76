"""A report in its other forms, as they were made beside it: a page, a table."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from uuid import UUID

from mien.store import tables
from mien.store.errors import NotFoundError
from mien.store.file_records import ReportFile
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


class ReportFiles(Repository[ReportFile]):
    """Files of one organisation's reports. Each is deleted with its session."""

    table = tables.report_files
    shape = Shape(ReportFile, tables.report_files)
    what = "file of a report"

    async def add(self, report_id: UUID, session_id: UUID, name: str, media_type: str, content: bytes) -> ReportFile:
        """Store a file of a report.

        Raises:
            ConflictError: the report is not here, or has a file of that name.
        """
        return await self._add(
            "the report is not here, or has such a file already.",
            session_id=session_id,
            report_id=report_id,
            name=text(name, "a file's name", 80),
            media_type=text(media_type, "a media type", 100),
            sha256=hashlib.sha256(content).digest(),
            packed=zlib.compress(content),
            created_at=self._scope.now,
        )

    async def named(self, report_id: UUID, name: str) -> ReportFile:
        """The file of a report by its name.

        Raises:
            NotFoundError: the report has none of that name.
        """
        table = self.table
        found = await self._first(self._select().where(table.c.report_id == report_id, table.c.name == name))
        if found is None:
            raise NotFoundError.of(self.what, name)
        return found

    async def content(self, key: UUID) -> bytes:
        """A file's bytes; their SHA-256 is the record's.

        Raises:
            NotFoundError: there is no such file.
        """
        statement = self._scope.select(self.table, self.table.c.packed).where(self.table.c.id == key)
        packed = (await self._scope.run(statement)).scalar_one_or_none()
        if packed is None:
            raise NotFoundError.of(self.what, key)
        # Of a long recording it is megabytes: others' requests go on meanwhile.
        return await asyncio.to_thread(zlib.decompress, packed)

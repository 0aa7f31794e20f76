"""Reports and comparisons as documents."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from mien.store import tables
from mien.store.errors import InvalidError, NotFoundError
from mien.store.records import ReportRecord
from mien.store.repositories._repository import Repository, impersonal, text
from mien.store.rows import Shape


class Reports(Repository[ReportRecord]):
    """Documents about sessions and studies, each looked through for anything personal before it is stored."""

    table = tables.reports
    shape = Shape(ReportRecord, tables.reports)
    what = "report"

    async def add(
        self,
        kind: str,
        document: Mapping[str, Any],
        *,
        session_id: UUID | None = None,
        study_id: UUID | None = None,
    ) -> ReportRecord:
        """Store a document.

        Args:
            kind: what it is, as ``report`` or ``comparison``.
            document: plain JSON values.
            session_id, study_id: what it is about; one of them at least. It is deleted with its session.

        Raises:
            InvalidError: it is about nothing, is no JSON, or tells of a single person.
            ConflictError: the session or the study is not here.
        """
        if session_id is None and study_id is None:
            raise InvalidError("a report is about a session or a study: name one.")
        impersonal(document, "a report")
        try:
            content = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise InvalidError(f"a report holds plain JSON values: {error}.") from error
        return await self._add(
            "the session or the study is not here.",
            session_id=session_id,
            study_id=study_id,
            kind=text(kind, "a report's kind", 40),
            sha256=hashlib.sha256(content).digest(),
            packed=zlib.compress(content),
            created_at=self._scope.now,
        )

    def _select(self) -> sa.Select[*tuple[Any, ...]]:
        """Those of sessions whose time is over are not here any more."""
        sessions, of = tables.sessions, self.table.c.session_id
        here = self._scope.select(sessions, sessions.c.id).where(sessions.c.delete_after > self._scope.now)
        return super()._select().where(sa.or_(of.is_(None), of.in_(here)))

    async def content(self, key: UUID) -> bytes:
        """A document's JSON, UTF-8; its SHA-256 is the record's.

        Raises:
            NotFoundError: there is no such report.
        """
        statement = self._scope.select(self.table, self.table.c.packed).where(self.table.c.id == key)
        packed = (await self._scope.run(statement)).scalar_one_or_none()
        if packed is None:
            raise NotFoundError.of(self.what, key)
        # Of a long recording it is megabytes: others' requests go on meanwhile.
        return await asyncio.to_thread(zlib.decompress, packed)

"""Moments that metrics and analyses found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from mien.core.findings import Moment, MomentKind
from mien.store import tables
from mien.store.rows import Shape
from mien.store.scope import Scope


class Moments:
    """Moments of one organisation's sessions.

    Args:
        scope: of the unit of work.
    """

    shape = Shape(Moment, tables.moments)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def add(self, session_id: UUID, moments: Sequence[Moment]) -> int:
        """Store moments, each once by kind, subject and peak.

        Returns:
            How many were new.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.require(tables.sessions, "session", session_id)
        rows = [{"id": self._scope.ids.new(), "session_id": session_id, **asdict(moment)} for moment in moments]
        return await self._scope.insert(tables.moments, rows, ignore_existing=True)

    async def read(self, session_id: UUID, *, kind: MomentKind | None = None) -> tuple[Moment, ...]:
        """A session's moments in order of their peaks.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.require(tables.sessions, "session", session_id)
        table = tables.moments
        statement = self._scope.select(table, *self.shape.columns).where(table.c.session_id == session_id)
        if kind is not None:
            statement = statement.where(table.c.kind == kind)
        rows = await self._scope.run(statement.order_by(table.c.peak, table.c.id))
        return tuple(self.shape.of(row) for row in rows.mappings())

"""Metric samples, kept in columns by the stretch they were written in."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from mien.core.findings import SampleLog
from mien.store import tables
from mien.store.repositories._repository import in_parts, text
from mien.store.scope import Scope


class Samples:
    """Metric samples of one organisation's sessions.

    Args:
        scope: of the unit of work.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def append(self, session_id: UUID, log: SampleLog) -> bool:
        """Store samples that follow those stored before; the same stretch again changes nothing.

        Args:
            session_id: whose.
            log: one series, in order of media time; nothing is stored for an empty one.

        Returns:
            Whether they are new: False where samples of this series from the same media time on are here already.

        Raises:
            NotFoundError: there is no such session.
        """
        if not len(log):
            return False
        await self._scope.require(tables.sessions, "session", session_id)
        row = {
            "id": self._scope.ids.new(),
            "session_id": session_id,
            "slug": text(log.slug, "a series' slug", 80),
            "unit": text(log.unit, "a unit", 40),
            "first_time": log[0].media_time,
            "count": len(log),
            "packed": log.packed(),
        }
        return bool(await self._scope.insert(tables.metric_samples, [row], ignore_existing=True))

    async def series(self, session_id: UUID) -> tuple[str, ...]:
        """Slugs of the series a session has samples of, sorted.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.require(tables.sessions, "session", session_id)
        table = tables.metric_samples
        statement = self._scope.select(table, table.c.slug).where(table.c.session_id == session_id).distinct()
        return tuple(sorted((await self._scope.run(statement)).scalars()))

    async def of_sessions(self, sessions: Collection[UUID], slug: str) -> dict[UUID, SampleLog]:
        """A series of many sessions, by session; those that have none, or are not here, are left out."""
        table, found = tables.metric_samples, dict[UUID, SampleLog]()
        for some in in_parts(sessions):
            statement = self._scope.select(table, table.c.session_id, table.c.unit, table.c.packed).where(
                table.c.session_id.in_(some), table.c.slug == slug
            )
            for session_id, unit, packed in await self._scope.run(statement.order_by(table.c.first_time)):
                log = found.setdefault(session_id, SampleLog(slug, unit))
                log.extend(SampleLog.unpacked(slug, unit, packed))
        return found

    async def read(self, session_id: UUID, slug: str) -> SampleLog:
        """Every sample of a series in order of media time; empty where there is none.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.require(tables.sessions, "session", session_id)
        table = tables.metric_samples
        statement = self._scope.select(table, table.c.unit, table.c.packed).where(
            table.c.session_id == session_id, table.c.slug == slug
        )
        rows = (await self._scope.run(statement.order_by(table.c.first_time))).all()
        log = SampleLog(slug, rows[0].unit if rows else "")
        for row in rows:
            log.extend(SampleLog.unpacked(slug, row.unit, row.packed))
        return log

"""Deletes sessions with all that belongs to them, and makes sure of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from mien.store import tables
from mien.store.errors import StoreError
from mien.store.scope import Scope


def belonging() -> tuple[sa.Table, ...]:
    """Every table whose rows belong to a session, those that others refer to last."""
    ordered = reversed(tables.metadata.sorted_tables)
    return tuple(table for table in ordered if "session_id" in table.c)


async def delete_sessions(scope: Scope, sessions: Sequence[UUID]) -> dict[str, int]:
    """Delete sessions and every row that belongs to them.

    The caller holds :meth:`Scope.lock_sessions` exclusively, so that no ingest that still saw them can write.

    Returns:
        Rows deleted by table.

    Raises:
        StoreError: rows are left; nothing was deleted.
    """
    counts: dict[str, int] = {}
    places = [(table, table.c.session_id) for table in belonging()] + [(tables.sessions, tables.sessions.c.id)]
    for table, column in places:
        counts[table.name] = (await scope.run(scope.delete(table).where(column.in_(sessions)))).rowcount
    for table, column in places:
        left = await scope.run(scope.select(table, sa.func.count()).where(column.in_(sessions)))
        if rows := left.scalar_one():
            raise StoreError(f"{rows} rows of {table.name} would be left after a deletion; nothing was deleted.")
    return counts

"""The only way from a repository to a table: every statement made here is of one organisation.

Repositories may not ask SQLAlchemy for ``select``, ``insert``, ``update`` or ``delete`` (a test holds it), so that a
query without its organisation cannot be written by accident.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store.errors import ConflictError, NotFoundError
from mien.store.ids import Ids


def lock_number(organisation_id: UUID) -> int:
    """Of PostgreSQL's advisory lock on an organisation's sessions."""
    return organisation_id.int & (2**63 - 1)


class Scope:
    """One organisation's view of one transaction.

    Args:
        organisation_id: whose rows can be seen and written.
        connection: with a transaction begun.
        clock, ids: where times and identifiers come from.
    """

    def __init__(self, organisation_id: UUID, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        if not isinstance(organisation_id, UUID):
            raise TypeError(f"a unit of work belongs to an organisation, got {organisation_id!r}")
        self.organisation_id = organisation_id
        self.connection = connection
        self.clock = clock
        self.ids = ids

    @property
    def now(self) -> datetime:
        """The time of day, UTC."""
        return self.clock.now()

    @property
    def on_postgresql(self) -> bool:
        """Whether the database is PostgreSQL; otherwise it is SQLite."""
        return self.connection.dialect.name == "postgresql"

    def select(self, table: sa.Table, *columns: Any) -> sa.Select[*tuple[Any, ...]]:
        """Columns (all of them unless told) of this organisation's rows of a table."""
        chosen = columns or tuple(table.c)
        return sa.select(*chosen).select_from(table).where(table.c.organisation_id == self.organisation_id)

    def update(self, table: sa.Table) -> sa.Update:
        """A change of this organisation's rows of a table."""
        return sa.update(table).where(table.c.organisation_id == self.organisation_id)

    def delete(self, table: sa.Table) -> sa.Delete:
        """A deletion of this organisation's rows of a table."""
        return sa.delete(table).where(table.c.organisation_id == self.organisation_id)

    async def append(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """A new row of this organisation that nothing can contradict: its key is new, and it refers to nothing."""
        await self.connection.execute(sa.insert(table), {**row, "organisation_id": self.organisation_id})

    async def insert(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, ignore_existing: bool = False, taken: str = ""
    ) -> int:
        """New rows of this organisation.

        Args:
            table: where to.
            rows: by column, without the organisation.
            ignore_existing: leave a row out whose key exists already.
            taken: what to say when a row contradicts what is stored.

        Returns:
            How many were written.

        Raises:
            ConflictError: a key is taken, or a row refers to what this organisation does not have.
        """
        if not rows:
            return 0
        owned = [{**row, "organisation_id": self.organisation_id} for row in rows]
        statement: Any = sa.insert(table)
        if ignore_existing:
            dialect: Any = postgresql if self.on_postgresql else sqlite
            # The rows are part of the statement: only so does the driver say how many were written.
            statement = dialect.insert(table).values(owned).on_conflict_do_nothing()
            return int((await self.connection.execute(statement)).rowcount)
        async with self.guard(taken or f"{table.name} cannot hold this: it is taken, or refers to what is not here."):
            await self.connection.execute(statement, owned)
        return len(rows)

    @asynccontextmanager
    async def guard(self, taken: str) -> AsyncIterator[None]:
        """Statements that may contradict what is stored: if they do, they are undone and the unit of work goes on.

        Raises:
            ConflictError: they did; ``taken`` is what it says.
        """
        try:
            async with self.connection.begin_nested():
                yield
        except IntegrityError as error:
            raise ConflictError(taken) from error

    async def require(self, table: sa.Table, what: str, key: UUID) -> None:
        """Make sure that this organisation has something.

        Raises:
            NotFoundError: it has not.
        """
        if (await self.run(self.select(table, table.c.id).where(table.c.id == key))).first() is None:
            raise NotFoundError.of(what, key)

    async def lock_sessions(self, *, exclusive: bool) -> None:
        """Hold the organisation's sessions as they are until the unit of work ends.

        Ingest shares the lock; ending and deleting take it alone, and so wait for every batch that saw a session open
        and hold up the next ones. SQLite has one writer at a time and needs none.
        """
        if self.on_postgresql:
            kind = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
            await self.connection.execute(sa.text(f"SELECT {kind}(:key)"), {"key": lock_number(self.organisation_id)})

    async def run(self, statement: sa.Executable) -> CursorResult[*tuple[Any, ...]]:
        """Send a statement that this scope made."""
        return await self.connection.execute(statement)

"""Who did what to what. Entries are written and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mien.store import tables
from mien.store.errors import InvalidError
from mien.store.records import AuditEntry, Page
from mien.store.repositories._repository import LARGEST_PAGE, Repository, impersonal, text
from mien.store.rows import Shape

DELETIONS: Final = ("session.expired", "session.deleted", "respondent.erased")
"""Actions whose entries prove a deletion: their detail holds ``rows_deleted`` by table."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None for all.

    Attributes:
        actions: any of these.
        since, until: written at or after the first, before the second.
    """

    actor: str | None = None
    actions: tuple[str, ...] | None = None
    subject_kind: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Audit(Repository[AuditEntry]):
    """The record of one organisation."""

    table = tables.audit_entries
    shape = Shape(AuditEntry, tables.audit_entries)
    what = "audit entry"

    async def record(
        self,
        actor: str,
        action: str,
        subject_kind: str,
        subject: object | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """Write an entry, which is kept or lost with the rest of the unit of work.

        Args:
            actor: who, as ``user:…``, ``key:…`` or the name of a part of the system.
            action: what, as ``report.read``.
            subject_kind, subject: to what.
            detail: anything impersonal besides.
        """
        values = {
            "id": self._scope.ids.new(),
            "at": self._scope.now,
            "actor": text(actor, "an actor", 80),
            "action": text(action, "an action", 80),
            "subject_kind": text(subject_kind, "a kind", 40),
            "subject": None if subject is None else text(str(subject), "a subject", 80),
            "detail": impersonal(dict(detail or {}), "the detail of an audit entry"),
        }
        # Each access to results writes one: no savepoint, as what could be contradicted would need.
        await self._scope.append(self.table, values)
        written: AuditEntry = self.shape.of(values)
        return written

    async def search(self, chosen: AuditFilter, *, after: UUID | None = None, limit: int = 100) -> Page[AuditEntry]:
        """Entries that fit, oldest first.

        Args:
            chosen: which.
            after: go on behind this one.
            limit: at most so many, 1 to 1000.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidError(f"a page holds 1 to {LARGEST_PAGE} items, not {limit}.")
        table = self.table
        statement = self._select().order_by(table.c.id).limit(limit + 1)
        for name in ("actor", "subject_kind", "subject"):
            if (value := getattr(chosen, name)) is not None:
                statement = statement.where(table.c[name] == value)
        if chosen.actions is not None:
            statement = statement.where(table.c.action.in_(chosen.actions))
        if chosen.since is not None:
            statement = statement.where(table.c.at >= chosen.since)
        if chosen.until is not None:
            statement = statement.where(table.c.at < chosen.until)
        if after is not None:
            statement = statement.where(table.c.id > after)
        items = [self.shape.of(row) for row in (await self._scope.run(statement)).mappings()]
        return Page(tuple(items[:limit]), items[limit - 1].id if len(items) > limit else None)

    async def alone(self) -> None:
        """Hold back every other unit of work of this organisation that asks for the same, until this one ends.

        For whoever writes what depends on entries that another might be writing.
        """
        await self._scope.lock_sessions(exclusive=True)

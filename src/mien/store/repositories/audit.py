"""Who did what to what. Entries are written and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mien.store import tables
from mien.store.records import AuditEntry
from mien.store.repositories._repository import Repository, impersonal, text
from mien.store.rows import Shape


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
        return await self._add(
            at=self._scope.now,
            actor=text(actor, "an actor", 80),
            action=text(action, "an action", 80),
            subject_kind=text(subject_kind, "a kind", 40),
            subject=None if subject is None else text(str(subject), "a subject", 80),
            detail=impersonal(dict(detail or {}), "the detail of an audit entry"),
        )

    async def alone(self) -> None:
        """Hold back every other unit of work of this organisation that asks for the same, until this one ends.

        For whoever writes what depends on entries that another might be writing.
        """
        await self._scope.lock_sessions(exclusive=True)

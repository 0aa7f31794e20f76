"""Deletes what is due, and proves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import deletion, partitions, tables
from mien.store.ids import Ids
from mien.store.records import DeletionProof, DeliveryState, JobState, SessionState
from mien.store.repositories.audit import Audit
from mien.store.repositories.sessions import LONGEST_OPEN
from mien.store.scope import Scope

ACTOR: Final = "retention"
_ENDED: Final = [JobState.DONE, JobState.FAILED, JobState.CANCELLED]


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """How long what belongs to no session is kept, in days.

    Attributes:
        jobs_days: jobs that ended.
        deliveries_days: webhook messages that arrived or were given up.
        audit_days: audit entries.
        answers_days: what requests with an idempotency key came to; later ones with the same key are new.
    """

    jobs_days: float = 30.0
    deliveries_days: float = 30.0
    audit_days: float = 730.0
    answers_days: float = 1.0


class Retention:
    """What is due in every organisation, in one transaction.

    Args:
        connection: with a transaction begun.
        clock, ids: where times and identifiers come from.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids

    async def due(self, *, limit: int = 50) -> dict[UUID, list[UUID]]:
        """Sessions whose time is over by their organisation, longest overdue first, at most ``limit`` of them."""
        table = tables.sessions
        statement = (
            sa.select(table.c.organisation_id, table.c.id)
            .where(table.c.delete_after <= self._clock.now())
            .order_by(table.c.delete_after, table.c.id)
            .limit(limit)
        )
        found: dict[UUID, list[UUID]] = {}
        for organisation, session in await self._connection.execute(statement):
            found.setdefault(organisation, []).append(session)
        return found

    async def forgotten(self, *, limit: int = 50) -> tuple[tuple[UUID, UUID], ...]:
        """Sessions that are open for longer than any may be, that no job is left to end and that are not due.

        Returns:
            Organisation and session, at most ``limit``.
        """
        table, jobs = tables.sessions, tables.jobs
        filling = (
            sa.select(jobs.c.id)
            .where(jobs.c.organisation_id == table.c.organisation_id, jobs.c.session_id == table.c.id)
            .where(jobs.c.state.not_in(_ENDED))
        )
        statement = (
            sa.select(table.c.organisation_id, table.c.id)
            .where(table.c.state == SessionState.OPEN, table.c.started_at <= self._clock.now() - LONGEST_OPEN)
            .where(~filling.exists(), table.c.delete_after > self._clock.now())
            .order_by(table.c.started_at, table.c.id)
            .limit(limit)
        )
        return tuple((owner, key) for owner, key in await self._connection.execute(statement))

    async def sweep(self, organisation_id: UUID, *, limit: int = 50) -> DeletionProof | None:
        """Delete the sessions of one organisation whose time is over, at most ``limit`` of them.

        Returns:
            The proof; None where nothing was due.
        """
        scope = Scope(organisation_id, self._connection, self._clock, self._ids)
        await scope.lock_sessions(exclusive=True)
        table = tables.sessions
        # Asked again under the lock: another sweep may have been here.
        over = scope.select(table, table.c.id).where(table.c.delete_after <= scope.now)
        keys = tuple((await scope.run(over.order_by(table.c.delete_after, table.c.id).limit(limit))).scalars())
        if not keys:
            return None
        counts = await deletion.delete_sessions(scope, keys)
        detail = {"sessions": [str(key) for key in keys], "rows_deleted": counts}
        entry = await Audit(scope).record(ACTOR, "session.expired", "session", None, detail)
        return DeletionProof(organisation_id, keys, counts, entry.at, entry.id)

    async def sweep_records(self, options: RetentionOptions) -> dict[str, int]:
        """Delete jobs, messages, audit entries and answers that were kept long enough, sign-ins that are over, and
        partitions that hold nothing.

        Returns:
            Rows deleted by table.
        """
        now = self._clock.now()
        jobs, deliveries, audit = tables.jobs, tables.deliveries, tables.audit_entries
        answers, sign_ins = tables.answers, tables.sign_ins
        statements = (
            sa.delete(jobs).where(
                jobs.c.state.in_(_ENDED), jobs.c.finished_at <= now - timedelta(days=options.jobs_days)
            ),
            sa.delete(deliveries).where(
                deliveries.c.state.in_([DeliveryState.DELIVERED, DeliveryState.DEAD]),
                deliveries.c.finished_at <= now - timedelta(days=options.deliveries_days),
            ),
            sa.delete(audit).where(audit.c.at <= now - timedelta(days=options.audit_days)),
            sa.delete(answers).where(answers.c.created_at <= now - timedelta(days=options.answers_days)),
            sa.delete(sign_ins).where(sign_ins.c.expires_at <= now),
        )
        counts = {
            table.name: (await self._connection.execute(statement)).rowcount
            for table, statement in zip((jobs, deliveries, audit, answers, sign_ins), statements, strict=True)
        }
        await partitions.drop_empty(self._connection, now.date())
        return counts

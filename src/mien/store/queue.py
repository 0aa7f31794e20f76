"""Jobs as workers see them: over all organisations, held by a lease, fenced by a number that only grows.

A worker claims a job and holds it until its lease ends; heartbeats extend it. When the worker dies, a later claim takes
the job over with a greater fence, and nothing that the old worker still reports changes anything. The same statements
run on both databases: PostgreSQL skips rows that others have locked, SQLite has one writer at a time.

Clocks of the machines that share a database must agree to well within a lease. Where they do not, a job may be run
twice, but never be finished twice: that rests on the fence alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import tables
from mien.store.endings import job_ended
from mien.store.errors import InvalidError, JobCancelledError, JobTimedOutError, LeaseLostError
from mien.store.ids import Ids
from mien.store.records import EndedJob, Job, JobState, Lease
from mien.store.repositories._repository import impersonal, text
from mien.store.repositories.jobs import ASKED_TO_STOP, CONSENT_WITHDRAWN
from mien.store.rows import Shape
from mien.store.scope import Scope
from mien.store.withdrawals import withdrawn

LONGEST_BACKOFF_SECONDS: Final = 3600.0
_REAPED_AT_ONCE: Final = 100
_JOB: Final = Shape(Job, tables.jobs)
_T: Final = tables.jobs
_NOBODY: Final[Mapping[str, Any]] = {"owner": None, "lease_until": None, "deadline_at": None}


class Queue:
    """Every organisation's jobs in one transaction.

    Args:
        connection: with a transaction begun.
        clock: tells when leases end.
        ids: where identifiers of messages come from.

    Attributes:
        reaped: jobs that this transaction ended because no worker is left that would.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self.reaped: list[EndedJob] = []

    async def claim(
        self, owner: str, kinds: Collection[str], *, lease_seconds: float = 30.0, limit: int = 1
    ) -> tuple[Lease, ...]:
        """Take jobs that nobody holds, lowest rank first, then longest waiting.

        Jobs whose worker died or overran are given back or failed first.

        Args:
            owner: names the worker, unique over all that run.
            kinds: of job it can do.
            lease_seconds: how long it may be silent.
            limit: at most so many.
        """
        if lease_seconds <= 0 or limit < 1:
            raise InvalidError("a lease lasts longer than 0 seconds, and at least one job is claimed.")
        now = self._clock.now()
        await self.reap()
        waiting = (
            sa.select(_T.c.id, _T.c.timeout_seconds)
            .where(_T.c.state == JobState.QUEUED, _T.c.run_after <= now, _T.c.kind.in_(list(kinds)))
            .order_by(_T.c.rank, _T.c.run_after, _T.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = (await self._connection.execute(waiting)).all()
        owner, until = text(owner, "an owner"), now + timedelta(seconds=lease_seconds)
        return tuple(
            [await self._take(key, owner, now, until, now + timedelta(seconds=longest)) for key, longest in found]
        )

    async def _take(self, key: UUID, owner: str, now: datetime, until: datetime, deadline: datetime) -> Lease:
        taken = (
            sa.update(_T)
            .where(_T.c.id == key, _T.c.state == JobState.QUEUED)
            .values(
                state=JobState.RUNNING,
                owner=owner,
                fence=_T.c.fence + 1,
                attempts=_T.c.attempts + 1,
                lease_until=until,
                deadline_at=deadline,
                started_at=now,
            )
            .returning(*_JOB.columns, _T.c.organisation_id, _T.c.fence)
        )
        row = (await self._connection.execute(taken)).mappings().one()
        return Lease(row["organisation_id"], _JOB.of(row), owner, row["fence"], until, deadline)

    async def heartbeat(
        self, lease: Lease, *, progress: float | None = None, note: str | None = None, lease_seconds: float = 30.0
    ) -> bool:
        """Keep a job, and say how far it is.

        Args:
            lease: as it was claimed.
            progress: 0–1, or None to leave it.
            note: what is being done, or None to leave it.
            lease_seconds: how long the worker may be silent from now.

        Returns:
            Whether the job was cancelled: stop, and say so with :meth:`cancelled`.

        Raises:
            JobTimedOutError: the attempt lasted too long.
            LeaseLostError: another worker has it, or it is gone.
        """
        now = self._clock.now()
        if progress is not None and not 0 <= progress <= 1:
            raise InvalidError(f"progress is 0 to 1, not {progress}.")
        values: dict[str, Any] = {"lease_until": now + timedelta(seconds=lease_seconds)}
        if progress is not None:
            values["progress"] = progress
        if note is not None:
            values["progress_note"] = note[:200]
        statement = sa.update(_T).where(*_held(lease), _T.c.deadline_at > now).values(**values)
        row = (await self._connection.execute(statement.returning(_T.c.cancel_requested))).first()
        if row is not None:
            return bool(row[0])
        if now >= lease.deadline_at:
            raise JobTimedOutError(f"job {lease.job.id} ran longer than {lease.job.timeout_seconds} seconds.")
        raise _lost(lease)

    async def hold(self, lease: Lease) -> None:
        """Make sure that a job is still this worker's and still wanted, and lock it until the transaction ends.

        Raises:
            LeaseLostError: it is another worker's by now.
            JobCancelledError: it was cancelled, or its session's consent was taken back.
        """
        if await self._cancelled(lease) or await self._withdrawn(lease.organisation_id, lease.job.session_id):
            raise JobCancelledError(f"job {lease.job.id} was cancelled: drop what was done for it.")

    async def _cancelled(self, lease: Lease) -> bool:
        """Whether somebody asked to stop; locks the job."""
        statement = sa.select(_T.c.cancel_requested).where(*_held(lease)).with_for_update()
        row = (await self._connection.execute(statement)).first()
        if row is None:
            raise _lost(lease)
        return bool(row[0])

    async def _as_cancelled(self, organisation_id: UUID, session_id: UUID | None) -> dict[str, Any]:
        """Columns of a job that was cancelled, and why."""
        taken_back = await self._withdrawn(organisation_id, session_id)
        reason = CONSENT_WITHDRAWN if taken_back else ASKED_TO_STOP
        return {"state": JobState.CANCELLED, "error": reason, "finished_at": self._clock.now()}

    async def _withdrawn(self, organisation_id: UUID, session_id: UUID | None) -> bool:
        return session_id is not None and await withdrawn(self._connection, organisation_id, session_id)

    async def complete(self, lease: Lease, result: Mapping[str, Any] | None = None) -> None:
        """A job is done.

        Raises:
            LeaseLostError: it is another worker's by now; what was done for it must be rolled back.
        """
        told = impersonal(dict(result), "a job's result") if result is not None else None
        await self._leave(
            lease, state=JobState.DONE, result=told, progress=1.0, error=None, finished_at=self._clock.now()
        )
        await job_ended(self._scope(lease.organisation_id), lease.job, JobState.DONE)

    async def fail(self, lease: Lease, error: str, *, again: bool = True) -> JobState:
        """An attempt failed.

        Args:
            lease: as it was claimed.
            error: why, in a sentence without personal data.
            again: False where trying again cannot help.

        Returns:
            ``QUEUED`` where it is tried again after its back-off, ``FAILED`` where it is not, ``CANCELLED`` where
            somebody asked for that meanwhile.

        Raises:
            LeaseLostError: it is another worker's by now.
        """
        now = self._clock.now()
        values = _after_failure(lease.job, error, now, wait=True, again=again)
        if await self._cancelled(lease):
            values = await self._as_cancelled(lease.organisation_id, lease.job.session_id)
        await self._leave(lease, **values)
        state = JobState(values["state"])
        if state.final:
            await job_ended(self._scope(lease.organisation_id), lease.job, state, values.get("error"))
        return state

    async def cancelled(self, lease: Lease) -> None:
        """The worker stopped because the job was cancelled.

        Raises:
            LeaseLostError: it is another worker's by now.
        """
        values = await self._as_cancelled(lease.organisation_id, lease.job.session_id)
        await self._leave(lease, **values)
        await job_ended(self._scope(lease.organisation_id), lease.job, JobState.CANCELLED, values["error"])

    async def release(self, lease: Lease) -> None:
        """Hand a job back undone, as a worker does that is told to stop; the attempt does not count.

        One that was cancelled meanwhile is not handed to anybody.

        Raises:
            LeaseLostError: it is another worker's by now.
        """
        if await self._cancelled(lease):
            await self.cancelled(lease)
            return
        await self._leave(
            lease, state=JobState.QUEUED, attempts=_T.c.attempts - 1, run_after=self._clock.now(), started_at=None
        )

    async def reap(self) -> int:
        """Give back what the dead held, and end attempts that lasted too long.

        A job whose worker fell silent is waiting again at once; one that overran waits its back-off. Both have failed
        when no attempt is left, so that a job which kills its workers does not do so for ever; those are in
        :attr:`reaped`.

        Returns:
            How many jobs were taken from a worker.
        """
        now = self._clock.now()
        over = (_T.c.state == JobState.RUNNING, sa.or_(_T.c.lease_until <= now, _T.c.deadline_at <= now))
        dead = sa.select(_T.c.organisation_id, _T.c.id, _T.c.session_id).where(*over).order_by(_T.c.lease_until)
        found = (await self._connection.execute(dead.limit(_REAPED_AT_ONCE))).all()
        taken = 0
        # An organisation's sessions before its jobs, and one organisation after the other: as everybody takes them.
        for owner, key, session_id in sorted(found, key=lambda one: (one[0].int, one[1].int)):
            if session_id is not None:
                await self._scope(owner).lock_sessions(exclusive=True)
            mine = sa.select(*_JOB.columns, _T.c.deadline_at).where(
                _T.c.organisation_id == owner, _T.c.id == key, *over
            )
            row = (await self._connection.execute(mine.with_for_update(skip_locked=True))).mappings().first()
            if row is not None:
                await self._reap_one(owner, row, now)
                taken += 1
        return taken

    async def _reap_one(self, organisation_id: UUID, row: sa.RowMapping, now: datetime) -> None:
        job, late = _JOB.of(row), row["deadline_at"] <= now
        error = f"it ran longer than {job.timeout_seconds:g} seconds" if late else "its worker fell silent"
        values = _after_failure(job, error, now, wait=late, again=True)
        if job.cancel_requested:
            values = await self._as_cancelled(organisation_id, job.session_id)
        statement = sa.update(_T).where(_T.c.id == job.id, _T.c.organisation_id == organisation_id)
        await self._connection.execute(statement.values(**_NOBODY, **values))
        state = JobState(values["state"])
        if state.final:
            told = values.get("error")
            await job_ended(self._scope(organisation_id), job, state, told)
            self.reaped.append(EndedJob(organisation_id, job, state, told))

    def _scope(self, organisation_id: UUID) -> Scope:
        return Scope(organisation_id, self._connection, self._clock, self._ids)

    async def _leave(self, lease: Lease, **values: Any) -> None:
        statement = sa.update(_T).where(*_held(lease)).values(**_NOBODY, **values)
        if (await self._connection.execute(statement)).rowcount != 1:
            raise _lost(lease)


def _held(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    """The job, as long as it is this lease's."""
    return (
        _T.c.organisation_id == lease.organisation_id,
        _T.c.id == lease.job.id,
        _T.c.state == JobState.RUNNING,
        _T.c.owner == lease.owner,
        _T.c.fence == lease.fence,
    )


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"job {lease.job.id} is no longer held by {lease.owner}: drop what was done for it.")


def _after_failure(job: Job, error: str, now: datetime, *, wait: bool, again: bool) -> dict[str, Any]:
    """Columns of a job after a failed attempt; ``job.attempts`` counts it."""
    if not again or job.attempts >= job.max_attempts:
        return {"state": JobState.FAILED, "error": error[:2000], "finished_at": now}
    seconds = min(LONGEST_BACKOFF_SECONDS, job.backoff_seconds * 2 ** (job.attempts - 1)) if wait else 0.0
    return {"state": JobState.QUEUED, "error": error[:2000], "run_after": now + timedelta(seconds=seconds)}

"""Jobs as their organisation sees them. Workers take them through ``queue.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from mien.store import tables
from mien.store.errors import ConflictError, InvalidError
from mien.store.records import Job, JobState
from mien.store.repositories._repository import Repository, impersonal, text
from mien.store.rows import Shape
from mien.store.withdrawals import withdrawn

LONGEST_TIMEOUT_SECONDS: Final = 86_400.0
ASKED_TO_STOP: Final = "Somebody cancelled it."
CONSENT_WITHDRAWN: Final = "The consent that it rests on was withdrawn."


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job is run.

    Attributes:
        rank: lower is first.
        delay_seconds: not before this has passed.
        max_attempts: then it has failed; a worker's death counts as an attempt.
        backoff_seconds: wait after the first failure, doubled with each, at most an hour.
        timeout_seconds: one attempt may last so long, at most a day.
        idempotency_key: the same kind of job with the same key is made once.
    """

    rank: int = 0
    delay_seconds: float = 0.0
    max_attempts: int = 3
    backoff_seconds: float = 10.0
    timeout_seconds: float = 3600.0
    idempotency_key: str | None = None


class Jobs(Repository[Job]):
    """Jobs of one organisation."""

    table = tables.jobs
    shape = Shape(Job, tables.jobs)
    what = "job"

    async def enqueue(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        session_id: UUID | None = None,
        options: JobOptions | None = None,
    ) -> Job:
        """A new job, or the one that the idempotency key made before.

        Args:
            kind: which worker code runs it.
            payload: what to do; nothing personal.
            session_id: what it is about, with which it is deleted.
            options: how it is run.

        Raises:
            InvalidError: an option is out of range, or the payload is personal.
            ConflictError: the session is not here, or the key was used for another payload.
        """
        options = options or JobOptions()
        _check(options)
        kind, payload = text(kind, "a kind", 40), impersonal(dict(payload), "a job's payload")
        if options.idempotency_key is not None and (before := await self._before(kind, options.idempotency_key)):
            return _same(before, payload, session_id)
        now = self._scope.now
        try:
            return await self._add(
                "the session is not here.",
                session_id=session_id,
                kind=kind,
                payload=payload,
                state=JobState.QUEUED,
                rank=options.rank,
                idempotency_key=options.idempotency_key,
                max_attempts=options.max_attempts,
                backoff_seconds=options.backoff_seconds,
                timeout_seconds=options.timeout_seconds,
                attempts=0,
                fence=0,
                owner=None,
                run_after=now + timedelta(seconds=options.delay_seconds),
                lease_until=None,
                deadline_at=None,
                cancel_requested=False,
                progress=0.0,
                progress_note=None,
                result=None,
                error=None,
                created_at=now,
                started_at=None,
                finished_at=None,
            )
        except ConflictError:
            # Another process was quicker with the same key.
            key = options.idempotency_key
            if key is not None and (before := await self._before(kind, key)):
                return _same(before, payload, session_id)
            raise

    async def cancel(self, key: UUID, reason: str = ASKED_TO_STOP) -> Job:
        """Cancel a job: at once where nobody runs it; otherwise its worker is told at its next heartbeat.

        A job that has ended stays as it is.

        Args:
            key: which.
            reason: why, for its ``error``.
        """
        # What follows from an end knows of sessions, sessions of consents, and consents of jobs.
        from mien.store.endings import job_ended

        table, now = self.table, self._scope.now
        if (await self.get(key)).session_id is not None:
            await self._scope.lock_sessions(exclusive=True)  # before the job's row, as everybody does
        statement = self._select().where(table.c.id == key).with_for_update()
        found = await self._first(statement)
        if found is None or found.state.final:
            return found or await self.get(key)
        if found.state is JobState.RUNNING:
            return await self._change(key, cancel_requested=True)
        job = await self._change(key, state=JobState.CANCELLED, cancel_requested=True, error=reason, finished_at=now)
        await job_ended(self._scope, job, JobState.CANCELLED, reason)
        return job

    async def cancel_of(self, sessions: Sequence[UUID]) -> tuple[Job, ...]:
        """Cancel every job of some sessions whose consent is taken back, but those that ended; says which those are.

        The caller holds :meth:`Scope.lock_sessions` exclusively, as whoever completes one of them does.
        """
        table = self.table
        waiting = self._scope.select(table, table.c.id).where(
            table.c.session_id.in_(sessions), table.c.state.in_((JobState.QUEUED, JobState.RUNNING))
        )
        keys = (await self._scope.run(waiting.order_by(table.c.id))).scalars().all()
        return tuple([await self.cancel(key, CONSENT_WITHDRAWN) for key in keys])

    async def retry(self, key: UUID) -> Job:
        """Run a job that failed or was cancelled again, with all its attempts.

        Raises:
            ConflictError: it did neither, or the consent that its session rests on was taken back.
        """
        found = await self.get(key)
        if found.session_id is not None:
            await self.require_consent(found.session_id)
        if found.state not in (JobState.FAILED, JobState.CANCELLED):
            raise ConflictError(f"job {key} is {found.state.value}: only failed and cancelled ones are run again.")
        return await self._change(
            key,
            state=JobState.QUEUED,
            attempts=0,
            cancel_requested=False,
            progress=0.0,
            progress_note=None,
            error=None,
            run_after=self._scope.now,
            finished_at=None,
        )

    async def require_consent(self, session_id: UUID) -> None:
        """Make sure that more may be made of a session: the consent that it rests on, if any, was not taken back.

        Raises:
            ConflictError: it was.
        """
        if await withdrawn(self._scope.connection, self._scope.organisation_id, session_id):
            raise ConflictError(
                f"the consent that session {session_id} rests on was withdrawn: nothing more is made of it. What was "
                "made before is there until it is deleted."
            )

    async def _before(self, kind: str, key: str) -> Job | None:
        table = self.table
        return await self._first(self._select().where(table.c.kind == kind, table.c.idempotency_key == key))


def _same(job: Job, payload: Mapping[str, Any], session_id: UUID | None) -> Job:
    if dict(job.payload) != dict(payload) or job.session_id != session_id:
        raise ConflictError(f"the idempotency key {job.idempotency_key!r} was used for another {job.kind} job.")
    return job


def _check(options: JobOptions) -> None:
    if not 1 <= options.max_attempts <= 100:
        raise InvalidError(f"a job is tried 1 to 100 times, not {options.max_attempts}.")
    if not 0 < options.timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
        raise InvalidError(f"an attempt lasts above 0 and at most 86400 seconds, not {options.timeout_seconds}.")
    if not (0 <= options.delay_seconds <= 365 * 86_400 and 0 <= options.backoff_seconds <= 3600):
        raise InvalidError("a job waits 0 seconds to a year, and 0 to 3600 seconds after a failure.")
    if options.idempotency_key is not None:
        text(options.idempotency_key, "an idempotency key")

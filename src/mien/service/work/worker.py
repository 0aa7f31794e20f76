"""Takes jobs and does them: claims, keeps its leases, tells progress, and ends each job once.

A worker that is killed loses its leases, and others do its jobs; one that is told to stop finishes what it can and
hands the rest back. What a job came to is written in the transaction that completes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mien.core.errors import InputError, MienError, PolicyError, SettingsError
from mien.service.logs import say
from mien.service.work.sweeping import sweep_due, sweep_orphans
from mien.service.work.tasks import Announce, Finish, Handler, Progressed, Task, Tools
from mien.store.errors import (
    ConflictError,
    InvalidError,
    JobCancelledError,
    JobTimedOutError,
    LeaseLostError,
    NotFoundError,
)
from mien.store.records import EndedJob, Lease

LOG: Final = logging.getLogger("mien.service.worker")
HOPELESS: Final = (InputError, PolicyError, SettingsError, InvalidError, NotFoundError, ConflictError)
"""Errors that another attempt would meet again."""
LEAST_BEAT_SECONDS: Final = 0.5
"""Progress is told no more often than this."""
_AFTER_TROUBLE_SECONDS: Final = 1.0


async def tell_nobody(progressed: Progressed) -> None:
    """Nobody follows."""


@dataclass(slots=True)
class _Attempt:
    """One job in a worker's hands.

    Attributes:
        lease: as it was claimed.
        share, note: how far it is.
        ended: why it was stopped from outside: ``cancelled``, ``lost`` or ``timed out``.
        finishing: writes what it came to.
    """

    lease: Lease
    share: float = 0.0
    note: str = ""
    ended: str | None = None
    finishing: asyncio.Task[str] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Worker:
    """Does jobs, several at once.

    Args:
        tools: what handlers use, and how workers work.
        handlers: by the kind of job.
        announce: told of every change; where it fails, the job goes on.
        owner: names the worker; unique over all that run.
    """

    def __init__(
        self, tools: Tools, handlers: Mapping[str, Handler], announce: Announce = tell_nobody, owner: str | None = None
    ) -> None:
        self._tools = tools
        self._handlers = handlers
        self._announce = announce
        self._draining = asyncio.Event()
        self.owner = owner or f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; then what is in hand is finished within ``drain_seconds``, or handed back."""
        options = self._tools.options
        slots = [asyncio.create_task(self._slot(stop)) for _ in range(options.slots)]
        sweeper = asyncio.create_task(self._sweep(stop))
        try:
            await stop.wait()
            _, late = await asyncio.wait(slots, timeout=options.drain_seconds)
            for slot in late:
                slot.cancel()
            await asyncio.gather(*slots, return_exceptions=True)
        finally:
            for task in (*slots, sweeper):
                task.cancel()
            await asyncio.gather(*slots, sweeper, return_exceptions=True)

    async def _slot(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                lease = await self._claim()
            except Exception as error:
                say(LOG, logging.WARNING, "no job could be claimed", problem=type(error).__name__)
                await _unless(stop, _AFTER_TROUBLE_SECONDS)
                continue
            if lease is None:
                await _unless(stop, self._tools.options.poll_seconds)
                continue
            await self._attempt(_Attempt(lease))

    async def _claim(self) -> Lease | None:
        async with self._tools.store.begin_system() as work:
            leases = await work.queue.claim(
                self.owner, tuple(self._handlers), lease_seconds=self._tools.options.lease_seconds
            )
        await self._tell_of(work.queue.reaped)
        return leases[0] if leases else None

    async def _attempt(self, attempt: _Attempt) -> None:
        lease, started = attempt.lease, time.monotonic()
        await self._tell(attempt, "running")
        doing = asyncio.create_task(self._do(attempt))
        beating = asyncio.create_task(self._beat(attempt, doing))
        told_to_stop = False
        try:
            state = await doing
        except asyncio.CancelledError:
            told_to_stop = attempt.ended is None
            await asyncio.gather(doing, return_exceptions=True)
            state = await self._stopped(attempt)
        except LeaseLostError:
            state = "lost"
        except JobCancelledError:
            state = await self._cancelled(attempt)
        except Exception as error:
            state = await self._failed(attempt, error)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        say(
            LOG,
            logging.INFO,
            "an attempt at a job ended",
            job_id=str(lease.job.id),
            kind=lease.job.kind,
            state=state,
            attempt=lease.job.attempts,
            seconds=round(time.monotonic() - started, 3),
        )
        if told_to_stop:
            raise asyncio.CancelledError

    async def _do(self, attempt: _Attempt) -> str:
        lease = attempt.lease

        async def progress(share: float | None, note: str) -> None:
            attempt.share = attempt.share if share is None else max(attempt.share, share)
            attempt.note = note
            attempt.changed.set()

        finish = await self._handlers[lease.job.kind].handle(Task(lease, self._tools, progress))
        # Once the results are being written the job is not stopped any more: it is done, or it was lost.
        attempt.finishing = asyncio.create_task(self._finish(attempt, finish))
        return await asyncio.shield(attempt.finishing)

    async def _finish(self, attempt: _Attempt, finish: Finish) -> str:
        lease = attempt.lease
        try:
            async with self._tools.store.finishing(lease, finish.result) as work:
                await finish.write(work)
        except BaseException:
            finish.undo()
            raise
        for file_id in finish.erase:
            await asyncio.to_thread(self._tools.spool.erase, file_id)
        attempt.share = 1.0
        await self._tell(attempt, "done")
        return "done"

    async def _beat(self, attempt: _Attempt, doing: asyncio.Task[str]) -> None:
        """Keep the lease and tell progress, until the job is stopped from outside."""
        options = self._tools.options
        heard = told = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(attempt.changed.wait(), max(0.0, heard + options.lease_seconds / 3 - told))
            await asyncio.sleep(max(0.0, LEAST_BEAT_SECONDS - (time.monotonic() - told)))
            attempt.changed.clear()
            told = time.monotonic()
            try:
                async with self._tools.store.begin_system() as work:
                    cancelled = await work.queue.heartbeat(
                        attempt.lease,
                        progress=attempt.share,
                        note=attempt.note,
                        lease_seconds=options.lease_seconds,
                    )
                heard = told
                if cancelled:
                    attempt.ended = "cancelled"
            except JobTimedOutError:
                attempt.ended = "timed out"
            except LeaseLostError:
                attempt.ended = "lost"
            except Exception as error:
                say(LOG, logging.WARNING, "a heartbeat failed", problem=type(error).__name__)
                if time.monotonic() - heard > options.lease_seconds:
                    attempt.ended = "lost"
            if attempt.ended is not None:
                doing.cancel()
                return
            await self._tell(attempt, "running")

    async def _stopped(self, attempt: _Attempt) -> str:
        """The job was stopped from outside, or the worker was told to stop."""
        store, lease = self._tools.store, attempt.lease
        if attempt.finishing is not None:
            try:
                return await attempt.finishing
            except LeaseLostError:
                return "lost"
            except JobCancelledError:
                return await self._cancelled(attempt)
            except Exception as error:
                return await self._failed(attempt, error)
        with contextlib.suppress(LeaseLostError):
            match attempt.ended:
                case "cancelled":
                    return await self._cancelled(attempt)
                case "timed out":
                    # Others take it from here; so does this worker, at its next claim.
                    async with store.begin_system() as system:
                        await system.queue.reap()
                    await self._tell_of(system.queue.reaped)
                    await sweep_due(store, self._tools.spool)
                    return "timed out"
                case None:
                    async with store.begin_system() as system:
                        await system.queue.release(lease)
                    await self._tell(attempt, "queued")
                    return "handed back"
        return "lost"

    async def _cancelled(self, attempt: _Attempt) -> str:
        store, lease = self._tools.store, attempt.lease
        try:
            async with store.cancelling(lease):
                pass
        except LeaseLostError:
            return "lost"
        await self._tell(attempt, "cancelled")
        await sweep_due(store, self._tools.spool)
        return "cancelled"

    async def _failed(self, attempt: _Attempt, error: Exception) -> str:
        store, lease = self._tools.store, attempt.lease
        told = str(error) if isinstance(error, MienError) else "an error inside the service; its log tells more."
        if not isinstance(error, MienError):
            LOG.error("a job failed", extra={"figures": {"job_id": str(lease.job.id)}}, exc_info=error)
        try:
            async with store.failing(lease, told, again=not isinstance(error, HOPELESS)) as (state, _):
                pass
        except LeaseLostError:
            return "lost"
        except Exception as trouble:
            # The lease runs out, and the job is tried again.
            say(LOG, logging.WARNING, "a failure could not be told", problem=type(trouble).__name__)
            return "lost"
        attempt.note = told
        await self._tell(attempt, state.value)
        if state.final:
            await sweep_due(store, self._tools.spool)
        return state.value

    async def _tell(self, attempt: _Attempt, state: str) -> None:
        lease = attempt.lease
        job = lease.job
        await self._say(
            Progressed(
                lease.organisation_id, job.id, job.session_id, job.kind, state, attempt.share, attempt.note or None
            )
        )

    async def _tell_of(self, reaped: Sequence[EndedJob]) -> None:
        """Jobs that ended because their workers could not end them."""
        for one in reaped:
            job = one.job
            told = (job.id, job.session_id, job.kind, one.state.value, job.progress, one.error)
            await self._say(Progressed(one.organisation_id, *told))

    async def _say(self, progressed: Progressed) -> None:
        try:
            await self._announce(progressed)
        except Exception as error:
            say(LOG, logging.DEBUG, "progress could not be announced", problem=type(error).__name__)

    async def _sweep(self, stop: asyncio.Event) -> None:
        options = self._tools.options
        while not stop.is_set():
            try:
                await sweep_due(self._tools.store, self._tools.spool)
                await sweep_orphans(self._tools.store, self._tools.spool, older_than_seconds=options.orphan_seconds)
            except Exception as error:
                say(LOG, logging.WARNING, "the spool could not be swept", problem=type(error).__name__)
            await _unless(stop, options.sweep_seconds)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not when told to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

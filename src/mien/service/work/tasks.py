"""What a worker does for a job of one kind.

A handler is a file in ``handlers/`` named as its kind: ``handle(task) -> Finish``. It may be stopped at any ``await``
(cancelled, timed out, the worker told to stop, the lease lost) and must leave nothing behind then. It keeps nothing
itself: the worker writes what :class:`Finish` holds in the transaction that completes the job, so that a job is done
once, whatever died on the way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from mien.core.clock import Clock
from mien.report.signing import Signer
from mien.service.spool import Spool
from mien.service.work.options import SpoolOptions, WorkerOptions
from mien.store.database import Store
from mien.store.records import Job, Lease
from mien.store.work import Work


@dataclass(frozen=True, slots=True)
class Tools:
    """What every handler may use.

    Attributes:
        store: for what a handler writes before it finishes; doing so twice must be as doing so once.
        spool: where uploads lie.
        clock: tells the time.
        options, keeping: how workers work, and how long things stay in the spool.
        signer: signs reports; None where they are not signed.
    """

    store: Store
    spool: Spool
    clock: Clock
    options: WorkerOptions = field(default_factory=WorkerOptions)
    keeping: SpoolOptions = field(default_factory=SpoolOptions)
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at a job.

    Attributes:
        lease: the worker's hold on it.
        tools: what may be used.
        progress: says how far it is, 0–1 or None, and what is being done in a few words.
    """

    lease: Lease
    tools: Tools
    progress: Callable[[float | None, str], Awaitable[None]]

    @property
    def job(self) -> Job:
        """What is to be done."""
        return self.lease.job

    @property
    def organisation_id(self) -> UUID:
        """For whom."""
        return self.lease.organisation_id


async def _writes_nothing(work: Work) -> None:
    return


def _leaves_nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Finish:
    """What a job came to.

    Attributes:
        result: plain JSON values that clients see; nothing personal. ``write`` may still add to it.
        write: writes results in the transaction that completes the job.
        erase: spooled files whose rows ``write`` dropped: their bytes go once that is durable.
        undo: removes what lies outside the database, where the transaction was not kept.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    write: Callable[[Work], Awaitable[None]] = _writes_nothing
    erase: tuple[UUID, ...] = ()
    undo: Callable[[], None] = _leaves_nothing


class Handler(Protocol):
    """What a module of ``handlers/`` offers."""

    async def handle(self, task: Task) -> Finish:
        """Do a job.

        Raises:
            InputError, PolicyError, SettingsError, InvalidError, NotFoundError: trying again cannot help.
            Exception: anything else is tried again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Progressed:
    """Where a job stands, for whoever follows it.

    Attributes:
        organisation_id, job_id, session_id: which.
        kind: of the job.
        state: ``running``, ``queued`` (it is tried again), ``done``, ``failed`` or ``cancelled``.
        progress: 0–1.
        note: what is being done, or why it failed.
    """

    organisation_id: UUID
    job_id: UUID
    session_id: UUID | None
    kind: str
    state: str
    progress: float
    note: str | None


Announce = Callable[[Progressed], Awaitable[None]]

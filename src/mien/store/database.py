"""Opens a database and begins units of work in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mien.core.clock import Clock, SystemClock
from mien.core.errors import SettingsError
from mien.store import migrate
from mien.store.engine import READ_ONLY, StoreOptions, create_engine
from mien.store.errors import StoreError
from mien.store.ids import Ids
from mien.store.packing import Packed
from mien.store.queue import Queue
from mien.store.records import DeletionProof, JobState, Lease
from mien.store.repositories.snapshots import Ingested
from mien.store.retention import RetentionOptions
from mien.store.scope import Scope
from mien.store.taking import Taking
from mien.store.work import SystemWork, Work


class Store:
    """A database of Mien's. Make one with :meth:`open`, and close it.

    What a finished unit of work wrote is durable: PostgreSQL with its default ``synchronous_commit``, SQLite in WAL
    mode with ``synchronous=FULL``.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = Ids(clock)
        self._taking = Taking()

    @classmethod
    async def open(
        cls, url: str, *, clock: Clock | None = None, options: StoreOptions | None = None, existing: bool = False
    ) -> Self:
        """Open a database and bring its tables up to date; several processes may do so at once.

        Args:
            url: ``sqlite+aiosqlite:///mien.db`` or ``postgresql+asyncpg://user:password@host/database``.
            clock: what time it is; the machine's where None.
            options: how it is used.
            existing: make none where there is none.

        Raises:
            SettingsError: the URL is none, or of another database; or there is none, and it was to be there.
            StoreError: it cannot be reached, or a newer Mien has been here.
        """
        engine = create_engine(url, options or StoreOptions())
        try:
            if existing and not await migrate.made(engine):
                raise SettingsError(f"there is no database of Mien's at {engine.url!r}.")
            await migrate.upgrade(engine)
        except OSError as error:
            await engine.dispose()
            raise StoreError(f"the database {engine.url!r} cannot be reached: {error}.") from error
        except DBAPIError as error:
            await engine.dispose()
            raise StoreError(f"the database {engine.url!r} cannot be opened: {error.orig}.") from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, clock or SystemClock())

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self, organisation_id: UUID, *, read_only: bool = False) -> AsyncIterator[Work]:
        """One transaction of one organisation: kept whole when the block ends, and not at all when it raises.

        Args:
            organisation_id: whose.
            read_only: refuse to write; on SQLite, readers then do not wait for whoever writes.
        """
        async with self._transaction(read_only=read_only) as connection:
            yield Work(Scope(organisation_id, connection, self._clock, self._ids))

    @asynccontextmanager
    async def begin_system(self, *, read_only: bool = False) -> AsyncIterator[SystemWork]:
        """One transaction over all organisations, for signing in, working off jobs, sending messages and retention.

        Args:
            read_only: as for :meth:`begin`.
        """
        async with self._transaction(read_only=read_only) as connection:
            yield SystemWork(connection, self._clock, self._ids)

    async def take(self, organisation_id: UUID, snapshots: Sequence[Packed]) -> Ingested:
        """Store snapshots in a transaction of their own; what this returns of is durable.

        Args:
            organisation_id: whose.
            snapshots: as for :meth:`~mien.store.repositories.snapshots.Snapshots.ingest_packed`.

        Raises:
            InvalidError: there are more than a transaction takes.
        """
        if self._engine.dialect.name != "postgresql":
            async with self.begin(organisation_id) as work:
                return await work.snapshots.ingest_packed(snapshots)
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            try:
                return await self._taking.take(driver, organisation_id, snapshots, self._clock.now())
            except BaseException:
                # Nobody knows how far it came: the server undoes it when the connection is gone.
                await connection.invalidate()
                raise

    async def ready(self) -> bool:
        """Whether the database answers just now."""
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(**{READ_ONLY: True})
                await connection.exec_driver_sql("SELECT 1")
        except (SQLAlchemyError, OSError):
            return False
        return True

    @asynccontextmanager
    async def finishing(self, lease: Lease, result: Mapping[str, Any] | None = None) -> AsyncIterator[Work]:
        """One transaction in which a job's results are written and the job is completed: both or neither.

        Whoever takes a consent back waits for it or comes before it: nothing is written after a withdrawal.

        Raises:
            LeaseLostError: another worker has the job; nothing was written.
            JobCancelledError: it was cancelled, or its session's consent was taken back; nothing was written.
        """
        async with self._transaction() as connection:
            scope = await self._of_lease(lease, connection)
            queue = Queue(connection, self._clock, self._ids)
            await queue.hold(lease)
            yield Work(scope)
            await queue.complete(lease, result)

    @asynccontextmanager
    async def failing(self, lease: Lease, error: str, *, again: bool = True) -> AsyncIterator[tuple[JobState, Work]]:
        """One transaction in which an attempt at a job fails, and what follows from that is written.

        Args:
            lease, error, again: as for :meth:`Queue.fail`, whose answer is given beside the unit of work.

        Raises:
            LeaseLostError: another worker has the job; nothing was written.
        """
        async with self._transaction() as connection:
            scope = await self._of_lease(lease, connection)
            state = await Queue(connection, self._clock, self._ids).fail(lease, error, again=again)
            yield state, Work(scope)

    @asynccontextmanager
    async def cancelling(self, lease: Lease) -> AsyncIterator[Work]:
        """One transaction in which a worker that stopped for it says that a job is cancelled.

        Raises:
            LeaseLostError: another worker has the job; nothing was written.
        """
        async with self._transaction() as connection:
            scope = await self._of_lease(lease, connection)
            await Queue(connection, self._clock, self._ids).cancelled(lease)
            yield Work(scope)

    async def _of_lease(self, lease: Lease, connection: AsyncConnection) -> Scope:
        """A job's organisation; its sessions are held where the job is about one."""
        scope = Scope(lease.organisation_id, connection, self._clock, self._ids)
        if lease.job.session_id is not None:
            # Before the job's row, in the order in which withdrawals and deletions take them.
            await scope.lock_sessions(exclusive=True)
        return scope

    async def sweep(self, options: RetentionOptions | None = None, *, batch: int = 50) -> tuple[DeletionProof, ...]:
        """Delete everything whose time is over, in transactions of at most ``batch`` sessions.

        Returns:
            A proof for each transaction that deleted sessions.
        """
        proofs: list[DeletionProof] = []
        while True:
            async with self.begin_system() as work:
                due = await work.retention.due(limit=batch)
            before = len(proofs)
            for organisation_id in due:
                async with self.begin_system() as work:
                    proof = await work.retention.sweep(organisation_id, limit=batch)
                if proof is not None:
                    proofs.append(proof)
            if len(proofs) == before:
                break
        async with self.begin_system() as work:
            await work.retention.sweep_records(options or RetentionOptions())
        return tuple(proofs)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool = False) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            options: dict[str, Any] = {READ_ONLY: read_only}
            if read_only and connection.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            await connection.execution_options(**options)
            async with connection.begin():
                yield connection

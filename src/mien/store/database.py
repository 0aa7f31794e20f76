"""Opens a database and begins units of work in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mien.core.clock import Clock, SystemClock
from mien.core.errors import SettingsError
from mien.store import migrate
from mien.store.errors import StoreError
from mien.store.ids import Ids
from mien.store.queue import Queue
from mien.store.records import DeletionProof, Lease
from mien.store.retention import RetentionOptions
from mien.store.scope import Scope
from mien.store.work import SystemWork, Work

DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
_READ_ONLY: Final = "mien_read_only"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a database is used.

    Attributes:
        connections: at most so many at once.
        wait_seconds: for a free connection, and on SQLite for whoever writes.
    """

    connections: int = 10
    wait_seconds: float = 30.0


class Store:
    """A database of Mien's. Make one with :meth:`open`, and close it.

    What a finished unit of work wrote is durable: PostgreSQL with its default ``synchronous_commit``, SQLite in WAL
    mode with ``synchronous=FULL``.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = Ids(clock)

    @classmethod
    async def open(cls, url: str, *, clock: Clock | None = None, options: StoreOptions | None = None) -> Self:
        """Open a database and bring its tables up to date; several processes may do so at once.

        Args:
            url: ``sqlite+aiosqlite:///mien.db`` or ``postgresql+asyncpg://user:password@host/database``.
            clock: what time it is; the machine's where None.
            options: how it is used.

        Raises:
            SettingsError: the URL is none, or of another database.
            StoreError: it cannot be reached, or a newer Mien has been here.
        """
        engine = _engine(_parsed(url), options or StoreOptions())
        try:
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
    async def begin_system(self) -> AsyncIterator[SystemWork]:
        """One transaction over all organisations, for signing in, working off jobs and retention."""
        async with self._transaction() as connection:
            yield SystemWork(connection, self._clock, self._ids)

    @asynccontextmanager
    async def finishing(self, lease: Lease, result: Mapping[str, Any] | None = None) -> AsyncIterator[Work]:
        """One transaction in which a job's results are written and the job is completed: both or neither.

        Raises:
            LeaseLostError: another worker has the job; nothing was written.
        """
        async with self._transaction() as connection:
            queue = Queue(connection, self._clock)
            await queue.hold(lease)
            yield Work(Scope(lease.organisation_id, connection, self._clock, self._ids))
            await queue.complete(lease, result)

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
            options: dict[str, Any] = {_READ_ONLY: read_only}
            if read_only and connection.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            await connection.execution_options(**options)
            async with connection.begin():
                yield connection


def _engine(url: URL, options: StoreOptions) -> AsyncEngine:
    sizes: dict[str, Any] = {
        "pool_size": options.connections,
        "max_overflow": 0,
        "pool_timeout": options.wait_seconds,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "postgresql":
        return create_async_engine(url, pool_pre_ping=True, **sizes)
    if url.database in (None, "", ":memory:"):
        raise SettingsError("the database needs a file, as in sqlite+aiosqlite:///mien.db: memory is not kept.")
    engine = create_async_engine(url, connect_args={"timeout": options.wait_seconds}, **sizes)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Transactions are begun below: the driver's own would begin too late, and as readers that cannot write.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = bool(connection.get_execution_options().get(_READ_ONLY))
        if read_only != connection.info.get(_READ_ONLY, False):
            connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
            connection.info[_READ_ONLY] = read_only
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            "the database's URL cannot be read: write sqlite+aiosqlite:///mien.db or "
            "postgresql+asyncpg://user:password@host/database."
        ) from error
    if parsed.drivername not in DRIVERS:
        raise SettingsError(f"{parsed.drivername} is no database of Mien's: choose one of {', '.join(DRIVERS)}.")
    return parsed

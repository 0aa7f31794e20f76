"""Connections to SQLite and PostgreSQL, made to behave alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mien.core.errors import SettingsError
from mien.store.errors import StoreError

DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
READ_ONLY: Final = "mien_read_only"
"""Execution option of a connection whose next transaction may not write."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a database is used.

    Attributes:
        connections: at most so many at once.
        wait_seconds: for a free connection, and on SQLite for whoever writes.
    """

    connections: int = 10
    wait_seconds: float = 30.0


def create_engine(url: str, options: StoreOptions) -> AsyncEngine:
    """Connections to a database whose transactions are whole on SQLite too.

    Raises:
        SettingsError: the URL is none, or of another database.
        StoreError: the folder of a file is missing.
    """
    return _engine(_parsed(url), options)


def _engine(url: URL, options: StoreOptions) -> AsyncEngine:
    sizes: dict[str, Any] = {
        "pool_size": options.connections,
        "max_overflow": 0,
        "pool_timeout": options.wait_seconds,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "postgresql":
        return create_async_engine(url, pool_pre_ping=True, **sizes)
    if not url.database or url.database == ":memory:":
        raise SettingsError("the database needs a file, as in sqlite+aiosqlite:///mien.db: memory is not kept.")
    folder = Path(url.database).parent
    if not url.database.startswith("file:") and not folder.is_dir():
        raise StoreError(f"the database {url.database} cannot be opened: make the folder {folder} first.")
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
        read_only = bool(connection.get_execution_options().get(READ_ONLY))
        if read_only != connection.info.get(READ_ONLY, False):
            connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
            connection.info[READ_ONLY] = read_only
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

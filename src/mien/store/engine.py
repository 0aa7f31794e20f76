"""Connections to SQLite and PostgreSQL, made to behave alike."""

from __future__ import annotations

import logging
import os
import select
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mien.core.errors import SettingsError
from mien.store.errors import StoreError

_log: Final = logging.getLogger(__name__)
DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
IDLE_SECONDS: Final = 10.0
"""A connection to PostgreSQL that lay idle for longer is asked whether it is alive before it is used."""
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
        engine = create_async_engine(url, **sizes)
        _check_before_use(engine)
        return engine
    if not url.database or url.database == ":memory:":
        raise SettingsError("the database needs a file, as in sqlite+aiosqlite:///mien.db: memory is not kept.")
    folder = Path(url.database).parent
    if not url.database.startswith("file:") and not folder.is_dir():
        raise StoreError(f"the database {url.database} cannot be opened: make the folder {folder} first.")
    if not url.database.startswith("file:"):
        _narrow(Path(url.database))
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


def _narrow(file: Path) -> None:
    """Take a database that is there from others' sight: a copied file, or one an earlier version made, may be open."""
    if os.name != "posix":
        return
    for path in (file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                path.chmod(mode & 0o700)
                _log.warning("others could open %s (mode %04o): now its owner alone can", path.name, mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.error("others can open %s, and that cannot be changed: %s", path.name, error.strerror)


def _check_before_use(engine: AsyncEngine) -> None:
    """Replace dead connections before they are used.

    SQLAlchemy's own check asks the server each time, in a transaction of its own: three trips for every unit of work,
    as many as a small one makes. That a server closed a connection lies here already, unread where not noticed; so it
    is asked only where something lies there, and after a rest that networks may cut silently.
    """

    @event.listens_for(engine.sync_engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, record: Any, _proxy: Any) -> None:
        idle_since = record.info.pop("idle_since", None)
        if idle_since is None:
            return
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError("the server has closed the connection")
        if time.monotonic() - idle_since > IDLE_SECONDS or _something_came(connection.driver_connection):
            try:
                connection.ping()
            except Exception as error:
                raise InvalidatePoolError("the connection does not answer") from error


def _something_came(driver: Any) -> bool:
    """Whether a connection that nobody uses has something to read, such as its end; True where that is not known."""
    transport = getattr(driver, "_transport", None)
    own = None if transport is None else transport.get_extra_info("socket")
    if own is None or not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(own.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


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

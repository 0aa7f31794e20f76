"""Brings a database's tables up to date, or back."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from mien.store import partitions, tables
from mien.store.errors import StoreError

_LOCK: Final = 0x4D49454E_0001
"""Of PostgreSQL's advisory lock: one process at a time migrates."""


def head() -> str:
    """The revision that this version of Mien works with."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the tables up to a revision.

    Everything happens in one transaction under a lock, so processes that start together wait for the first, and one
    that dies leaves the tables as they were.

    Raises:
        StoreError: the database is of a newer Mien.
    """
    await _alone(engine, lambda connection: _upgrade(connection, revision))


async def made(engine: AsyncEngine) -> bool:
    """Whether there is a database of ours, of whichever revision; nothing is made by asking."""
    if engine.dialect.name == "sqlite":
        file = engine.url.database or ""
        if not file.startswith("file:") and not Path(file).is_file():
            return False
    async with engine.connect() as connection:
        return (
            await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision()) is not None
        )


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Bring the tables back to a revision (``base`` for none at all); what newer ones held is lost."""
    await _alone(engine, lambda connection: command.downgrade(_config(connection), revision))


async def differences(engine: AsyncEngine) -> list[Any]:
    """What in the database is not as :mod:`mien.store.tables` says; empty where they agree."""
    async with engine.connect() as connection:
        return await connection.run_sync(_differences)


async def _alone(engine: AsyncEngine, action: Callable[[Connection], None]) -> None:
    # On SQLite the transaction itself is the lock: it begins as the only writer.
    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(action)


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config(connection)
    script = ScriptDirectory.from_config(config)
    known = {step.revision for step in script.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise StoreError(f"the database is at revision {current}, which this Mien does not know: upgrade Mien.")
    if revision == "head" and current == script.get_current_head():
        return
    command.upgrade(config, revision)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
    return list(compare_metadata(context, tables.metadata))


def is_ours(item: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
    """Whether a thing in the database is described by the tables; partitions are not."""
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return not (reflected and table and partitions.NAME.fullmatch(table))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("mien.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config

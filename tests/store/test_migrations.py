"""The tables and the migrations say the same, and both directions work, on both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from mien.core.errors import SettingsError
from mien.store import migrate, tables
from mien.store.database import Store
from mien.store.engine import StoreOptions, create_engine
from mien.store.errors import StoreError
from tests.store.support import add_organisation, draft

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def engine(bare_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(bare_url, StoreOptions())
    yield made
    await made.dispose()


async def names(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        found = await connection.run_sync(lambda c: set(sa.inspect(c).get_table_names()))
    return found - {"alembic_version"}


async def test_migrations_make_what_the_tables_say(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    assert await names(engine) == set(tables.metadata.tables)
    assert await migrate.differences(engine) == []


async def test_a_column_that_no_migration_makes_is_found(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE studies DROP COLUMN question"))
    [[kind, *_, column]] = await migrate.differences(engine)
    assert (kind, column.name) == ("add_column", "question")


async def test_a_database_that_was_to_be_there_is_not_made(bare_url: str, engine: AsyncEngine) -> None:
    with pytest.raises(SettingsError, match="there is no database of Mien's at"):
        await Store.open(bare_url, existing=True)
    if bare_url.startswith("sqlite"):
        assert not Path(bare_url.removeprefix("sqlite+aiosqlite:///")).exists()
    assert await names(engine) == set()
    await migrate.upgrade(engine)
    await (await Store.open(bare_url, existing=True)).close()


async def test_down_to_nothing_and_up_again(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    await migrate.downgrade(engine, "base")
    assert await names(engine) == set()
    await migrate.upgrade(engine)
    assert await migrate.differences(engine) == []


async def test_partitions_are_no_difference_and_go_with_their_table(bare_url: str, engine: AsyncEngine) -> None:
    store = await Store.open(bare_url)
    organisation = await add_organisation(store, "Cinema North")
    async with store.begin(organisation) as work:
        await work.sessions.begin(draft())
    await store.close()
    assert await migrate.differences(engine) == []
    await migrate.downgrade(engine, "base")
    assert await names(engine) == set()


async def test_a_database_that_is_up_to_date_stays_as_it_is(bare_url: str) -> None:
    store = await Store.open(bare_url)
    await add_organisation(store, "Cinema North")
    await store.close()
    again = await Store.open(bare_url)
    async with again.begin_system() as work:
        assert [o.name for o in await work.directory.organisations()] == ["Cinema North"]
    await again.close()


async def test_a_database_of_a_newer_mien_is_left_alone(bare_url: str, engine: AsyncEngine) -> None:
    await (await Store.open(bare_url)).close()
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="at revision 9999, which this Mien does not know: upgrade Mien"):
        await Store.open(bare_url)


async def test_many_that_open_at_once_wait_for_the_first(bare_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(bare_url) for _ in range(6)))
    for store in stores:
        async with store.begin_system() as work:
            assert await work.directory.organisations() == ()
        await store.close()


def test_processes_that_start_at_once_all_open_it(bare_url: str) -> None:
    script = (
        "import asyncio, sys; from mien.store.database import Store\n"
        "async def main():\n  await (await Store.open(sys.argv[1])).close()\nasyncio.run(main())"
    )
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    started = [
        subprocess.Popen([sys.executable, "-c", script, bare_url], env={**os.environ, "PYTHONPATH": path})
        for _ in range(2)
    ]
    assert [process.wait(60) for process in started] == [0, 0]


async def test_a_migration_that_fails_leaves_nothing_half_made(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the plug was pulled")

    await migrate.upgrade(engine)
    await migrate.downgrade(engine, "base")
    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="plug"):
        await migrate.upgrade(engine)
    assert await names(engine) == set()

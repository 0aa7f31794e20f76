from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from mien.core.errors import SettingsError
from mien.store.database import Store
from mien.store.errors import StoreError


async def test_a_unit_of_work_is_kept_whole_or_not_at_all(store: Store, organisation: UUID) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with store.begin(organisation) as work:
            await work.titles.add("The Cellar")
            1 / 0  # noqa: B018
    async with store.begin(organisation) as work:
        assert (await work.titles.list()).items == ()


async def test_a_unit_of_work_that_reads_cannot_write_and_the_next_one_can(store: Store, organisation: UUID) -> None:
    for _ in range(12):
        with pytest.raises(DBAPIError, match=r"read-only|readonly"):
            async with store.begin(organisation, read_only=True) as work:
                await work.titles.add("The Cellar")
    async with store.begin(organisation) as work:
        await work.titles.add("The Cellar")


async def test_who_reads_sees_what_was_kept_while_another_writes(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as writer:
        await writer.titles.add("The Cellar")
        async with store.begin(organisation, read_only=True) as reader:
            assert (await reader.titles.list()).items == ()


async def test_a_unit_of_work_has_an_organisation(store: Store) -> None:
    with pytest.raises(TypeError, match="belongs to an organisation"):
        async with store.begin(None):  # type: ignore[arg-type]
            pass


async def test_what_is_kept_has_reached_the_disk(store: Store, database: str, organisation: UUID) -> None:
    async with store._engine.connect() as connection:
        if database == "sqlite":
            told = [
                (await connection.execute(sa.text(f"PRAGMA {p}"))).scalar() for p in ("synchronous", "foreign_keys")
            ]
            assert told == [2, 1]
            assert (await connection.execute(sa.text("PRAGMA journal_mode"))).scalar() == "wal"
        else:
            # The server of the tests saves itself the disk; what must hold is that nothing of ours asks for less.
            asked = sa.text("SELECT source FROM pg_settings WHERE name = 'synchronous_commit'")
            assert (await connection.execute(asked)).scalar() == "command line"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://u:hush@h/d", "mysql is no database of Mien's"),
        ("sqlite+aiosqlite://", "memory is not kept"),
        ("sqlite+aiosqlite:///:memory:", "memory is not kept"),
    ],
)
async def test_a_url_of_nothing_is_refused(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        await Store.open(url)
    assert "hush" not in str(refused.value)


async def test_a_database_out_of_reach_is_told_without_its_password(tmp_path: Path) -> None:
    for url in (
        f"postgresql+asyncpg://mien:hush@/mien?host={tmp_path}",
        f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'mien.db'}",
    ):
        with pytest.raises(StoreError, match=r"cannot be (reached|opened)") as refused:
            await Store.open(url)
        assert "hush" not in str(refused.value)


async def test_a_database_that_others_could_read_is_its_owners_alone_once_it_was_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "mien.db"
    url = f"sqlite+aiosqlite:///{file}"
    first = await Store.open(url)
    file.chmod(0o644)
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).chmod(0o666)
    second = await Store.open(url)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert "others could open mien.db (mode 0644)" in caplog.text
    caplog.clear()
    await (await Store.open(url)).close()
    assert caplog.text == ""
    await first.close()
    await second.close()

"""What is done at the machine itself: other organisations, and passwords that were lost."""

from __future__ import annotations

import asyncio
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.service.first_run import first_admin, missing_organisation
from mien.service.operating import Admitted
from mien.service.security.passwords import Passwords
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.store.records import Credentials, Role

SHOWN = re.compile(r"shown once:\n    (\S+)\n")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def mien(data: Path, *arguments: str, told: str | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data", str(data)], input=told)


def password_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    found = SHOWN.search(result.output)
    assert found is not None
    return found[1]


def credentials(data: Path, name: str) -> Credentials | None:
    async def asked() -> Credentials | None:
        store = await Store.open(ServiceSettings.from_environment({}, None, data_folder=str(data)).database)
        try:
            async with store.begin_system(read_only=True) as system:
                return await system.directory.credentials(name)
        finally:
            await store.close()

    return asyncio.run(asked())


def opens(password: str, stored: Credentials | None) -> bool:
    assert stored is not None
    return asyncio.run(Passwords().verify(password, stored.password_hash))


def test_organisations_are_added_with_an_admin_each(data: Path) -> None:
    first = password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    second = password_of(mien(data, "organisation", "add", "Second studio", "--admin", "bea"))
    ada, bea = credentials(data, "ada"), credentials(data, "bea")
    assert ada is not None
    assert bea is not None
    assert ada.organisation_id != bea.organisation_id
    assert ada.user.role is bea.user.role is Role.ADMIN
    assert opens(first, ada)
    assert not opens(first, bea)
    assert opens(second, bea)
    listed = mien(data, "organisation", "list").output.splitlines()
    assert [line.split("  ")[2] for line in listed] == ["First studio", "Second studio"]


def test_what_is_added_before_the_first_start_is_the_first(data: Path) -> None:
    told = [
        mien(data, "organisation", "add", name, "--admin", admin).output for name, admin in (("A", "ada"), ("B", "b"))
    ]
    assert ["It is the first: 'mien serve' makes none itself." in one for one in told] == [True, False]

    async def started(**environ: str) -> tuple[Admitted | None, str | None]:
        settings = ServiceSettings.from_environment(environ, None, data_folder=str(data))
        store = await Store.open(settings.database)
        try:
            return await first_admin(store, settings), await missing_organisation(store, settings)
        finally:
            await store.close()

    assert asyncio.run(started()) == (None, None)
    assert asyncio.run(started(MIEN_ORGANISATION="B")) == (None, None)
    made, problem = asyncio.run(started(MIEN_ORGANISATION="Nobody's"))
    assert made is None
    assert "MIEN_ORGANISATION names an organisation that there is not" in str(problem)
    assert len(mien(data, "organisation", "list").output.splitlines()) == 2


@pytest.mark.parametrize("arguments", [("organisation", "list"), ("user", "set-password", "ada")])
@pytest.mark.parametrize("folder", [True, False])
def test_what_looks_after_a_database_makes_none(data: Path, arguments: tuple[str, ...], folder: bool) -> None:
    if not folder:
        data.rmdir()
    refused = mien(data, *arguments)
    assert refused.exit_code == 2
    assert "there is no" in refused.output
    assert list(data.parent.rglob("*")) == ([data] if folder else [])


def test_adding_an_organisation_makes_folder_and_database(data: Path) -> None:
    data.rmdir()
    password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert credentials(data, "ada") is not None


@pytest.mark.parametrize("arguments", [("organisation", "list", "--data", "data"), ("stream", "status")])
def test_names_that_are_no_settings_are_warned_about(data: Path, arguments: tuple[str, ...]) -> None:
    told = CliRunner().invoke(main, arguments, env={"MIEN_REDIS_ULR": "redis://localhost"})
    assert "Warning: MIEN_REDIS_ULR is no setting: did you mean MIEN_REDIS_URL?" in told.output


def test_a_name_that_is_taken_adds_nothing(data: Path) -> None:
    password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    for name, admin in (("First studio", "bea"), ("Second studio", "ada")):
        refused = mien(data, "organisation", "add", name, "--admin", admin)
        assert refused.exit_code == 2
        assert "Error: " in refused.output
    assert len(mien(data, "organisation", "list").output.splitlines()) == 1
    assert credentials(data, "bea") is None


def test_a_lost_password_is_replaced_and_its_tokens_end(data: Path) -> None:
    lost = password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    before = credentials(data, "ada")
    assert before is not None
    found = password_of(mien(data, "user", "set-password", "ada"))
    after = credentials(data, "ada")
    assert after is not None
    assert opens(found, after)
    assert not opens(lost, after)
    assert after.user.token_generation > before.user.token_generation


def test_a_password_may_be_told_and_is_not_shown(data: Path) -> None:
    password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    told = mien(data, "user", "set-password", "ada", "--password-stdin", told="correct horse battery\n")
    assert told.exit_code == 0, told.output
    assert "correct" not in told.output
    assert opens("correct horse battery", credentials(data, "ada"))


@pytest.mark.parametrize(
    ("arguments", "told", "why"),
    [
        (("user", "set-password", "nobody"), None, "nobody who may sign in is called 'nobody'"),
        (("user", "set-password", "ada", "--password-stdin"), "short\n", "a password has"),
        (("organisation", "add", " ", "--admin", "bea"), None, "organisation's name"),
    ],
)
def test_what_cannot_be_is_told_in_words(data: Path, arguments: tuple[str, ...], told: str | None, why: str) -> None:
    password_of(mien(data, "organisation", "add", "First studio", "--admin", "ada"))
    refused = mien(data, *arguments, told=told)
    assert refused.exit_code == 2
    assert why in refused.output

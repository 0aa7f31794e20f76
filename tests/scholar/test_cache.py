"""Answers remembered on disk."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from mien.scholar.cache import AnswerCache

WEEK = 7 * 86_400.0
NOW = 1_800_000_000.0


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "sources", WEEK)


def test_an_answer_is_recalled_until_it_expires(cache: AnswerCache) -> None:
    cache.remember("q", b"answer\nof two lines", NOW)
    assert cache.recall("q", NOW + WEEK - 1) == b"answer\nof two lines"
    assert cache.recall("q", NOW + WEEK) is None
    assert cache.recall("another", NOW) is None


def test_an_answer_from_the_future_is_none(cache: AnswerCache) -> None:
    cache.remember("q", b"answer", NOW)
    assert cache.recall("q", NOW - 60) is None


@pytest.mark.parametrize(
    "content", [b"", b"answer", b"{}\nanswer", b'{"version": 1}\n', b"[" * 100_000 + b"\n", b"null\n", b"\xff\n"]
)
def test_a_damaged_file_is_none(cache: AnswerCache, content: bytes) -> None:
    cache.remember("q", b"answer", NOW)
    (file,) = cache.folder.iterdir()
    file.write_bytes(content)
    assert cache.recall("q", NOW) is None


def test_an_answer_cut_short_is_none(cache: AnswerCache) -> None:
    cache.remember("q", b"answer", NOW)
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert cache.recall("q", NOW) is None


def test_what_expired_goes_when_something_new_comes(cache: AnswerCache) -> None:
    cache.remember("old", b"answer", NOW)
    cache.remember("new", b"answer", NOW + WEEK + 1)
    assert len(list(cache.folder.iterdir())) == 1
    assert cache.recall("new", NOW + WEEK + 1) == b"answer"


def test_no_more_than_256_are_kept_and_the_oldest_go(cache: AnswerCache) -> None:
    for n in range(260):
        cache.remember(f"q{n}", b"answer", NOW + n)
    assert len(list(cache.folder.iterdir())) == 256
    assert cache.recall("q3", NOW + 260) is None
    assert cache.recall("q4", NOW + 260) == b"answer"


def test_what_was_never_finished_goes_after_an_hour_and_not_while_it_is_written(cache: AnswerCache) -> None:
    cache.folder.mkdir(parents=True)
    old, new = cache.folder / "old.part", cache.folder / "new.part"
    for part in (old, new):
        part.write_text("half")
    os.utime(old, (time.time() - 3_700, time.time() - 3_700))
    cache.remember("q", b"answer", NOW)
    assert (old.exists(), new.exists()) == (False, True)


def test_others_files_in_the_folder_stay(cache: AnswerCache) -> None:
    cache.folder.mkdir(parents=True)
    mine = cache.folder / "notes.txt"
    mine.write_text("mine")
    os.utime(mine, (0, 0))
    cache.remember("q", b"answer", NOW)
    assert mine.exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_only_its_owner_may_look(cache: AnswerCache) -> None:
    cache.remember("secret terms", b"answer", NOW)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    (file,) = cache.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in file.name


def test_a_folder_that_cannot_be_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = AnswerCache(tmp_path / "file" / "sources", WEEK)
    cache.remember("q", b"answer", NOW)
    assert cache.recall("q", NOW) is None

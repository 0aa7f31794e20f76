"""A folder is made durable, and one that cannot be is no error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mien.core.durability import sync_folder


def test_the_folder_itself_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = list[int]()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    sync_folder(tmp_path)
    assert synced == [tmp_path.stat().st_ino]


def test_where_it_cannot_be_nothing_is_lost(tmp_path: Path) -> None:
    sync_folder(tmp_path / "gone")

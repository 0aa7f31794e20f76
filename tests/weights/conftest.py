"""A store in an empty folder, with sources of the test's choosing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mien.weights import Store, read_registry
from tests.weights.parts import registry_text

MakeStore = Callable[..., Store]


@pytest.fixture(autouse=True)
def _own_index_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip sees the folder ``wheels`` and no index; no proxy stands before this machine."""
    for name in ("MIEN_MODELS", "MIEN_CACHE", "MIEN_OFFLINE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    def make(*sources: str, folders: tuple[Path, ...] = (), offline: bool = False) -> Store:
        path = tmp_path / "registry.toml"
        path.write_text(registry_text(*sources), encoding="utf-8")
        return Store(tmp_path / "cache", folders, offline, read_registry(path), timeout_seconds=2.0)

    return make

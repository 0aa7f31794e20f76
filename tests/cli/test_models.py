"""``mien models`` against a real server and real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.cli import main
from mien.core.errors import SettingsError
from mien.models import bundled, bundled_text
from mien.weights import Store, read_registry
from tests.weights.parts import CONTENT, FILE, Upstream, https, registry_text, upstream


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("NO_PROXY", "*")
    with upstream() as served:
        yield served


@pytest.fixture
def store(server: Upstream, tmp_path: Path) -> Store:
    path = tmp_path / "registry.toml"
    text = registry_text(https(server.address)) + registry_text(name="lost", file="lost.onnx", sha256="0" * 64)
    path.write_text(text, encoding="utf-8")
    return Store(tmp_path / "cache", entries=read_registry(path))


def run(store: Store, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments], obj=store, env={"COLUMNS": "300"})


def test_list_says_what_is_there_and_fetches_nothing(store: Store, server: Upstream) -> None:
    lines = {line.split()[0]: line.split()[1:] for line in run(store, "list").output.splitlines()}
    assert lines["name"] == ["kind", "licence", "size", "where"]
    assert lines["tiny"] == ["detector", "MIT", "0.4", "MB", "not", "fetched"]
    for name in (*bundled(), *bundled_text()):
        assert lines[name][-1] == "shipped"
    assert server.requests == []
    store.resolve("tiny")
    assert [line.split()[-1] for line in run(store, "list").output.splitlines() if line.startswith("tiny")] == ["here"]


def test_show_tells_where_a_file_can_be_had_and_on_what_terms(store: Store, server: Upstream) -> None:
    entry = store.entry("tiny")
    told = run(store, "show", "tiny").output
    for words in (entry.sha256, entry.licence, entry.terms, entry.input, f"from     {server.address}", "not fetched"):
        assert words in told
    path = store.resolve("tiny")
    assert f"where    {path}" in run(store, "show", "tiny").output
    assert "docs/model-cards/mien-m.md" in run(store, "show", "mien-m").output


def test_show_names_what_there_is(store: Store) -> None:
    result = run(store, "show", "huge")
    assert result.exit_code == SettingsError.exit_code
    assert "tiny" in result.stderr


def test_pull_fetches_a_named_file_once(store: Store, server: Upstream) -> None:
    path = store.cached_path("tiny")
    first = run(store, "pull", "tiny")
    assert (first.stdout, first.stderr) == (f"tiny: {path} (fetched)\n", "")
    assert path.read_bytes() == CONTENT
    assert run(store, "pull", "tiny").stdout == f"tiny: {path} (already there)\n"
    assert len(server.requests) == 1


def test_pull_all_fetches_what_it_can_and_names_the_rest(store: Store) -> None:
    result = run(store, "pull", "--all")
    assert result.exit_code == 7
    assert "tiny: " in result.stdout
    assert "lost (lost.onnx) could not be had" in result.stderr


def test_pull_all_leaves_out_what_training_starts_from(server: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    text = registry_text(https(server.address)) + registry_text(name="start", file="start.pt", kind="backbone")
    path.write_text(text, encoding="utf-8")
    result = run(Store(tmp_path / "cache", entries=read_registry(path)), "pull", "--all")
    assert (result.exit_code, "start" in result.output) == (0, False)


def test_pull_without_a_name_takes_the_best_detector_that_can_be_had(server: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    text = registry_text(name="yunet-s", file="yunet.onnx", sha256="0" * 64)
    path.write_text(text + registry_text(https(server.address), name="centerface"), encoding="utf-8")
    store = Store(tmp_path / "cache", entries=read_registry(path))
    result = run(store, "pull")
    assert result.exit_code == 0
    assert "yunet-s (yunet.onnx) could not be had" in result.stderr
    assert result.stdout == f"centerface: {store.cached_path('centerface')} (fetched)\n"


def test_pull_without_any_detector_fails(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    text = registry_text(name="yunet-s") + registry_text(name="centerface", file="centerface.onnx")
    path.write_text(text, encoding="utf-8")
    result = run(Store(tmp_path / "cache", entries=read_registry(path)), "pull")
    assert result.exit_code == 7
    assert "no face detector can be had" in result.stderr


def test_verify_passes_over_what_is_not_fetched(store: Store) -> None:
    store.resolve("tiny")
    result = run(store, "verify")
    assert result.exit_code == 0
    assert result.stdout == f"tiny: {store.cached_path('tiny')}: intact\nlost: not fetched\n"


def test_verify_exits_with_7_on_a_mismatch_and_changes_nothing(store: Store) -> None:
    path = store.resolve("tiny")
    wrong = bytes(len(CONTENT))
    path.write_bytes(wrong)
    result = run(store, "verify", "tiny")
    assert result.exit_code == 7
    assert f"{path}: is not the registered file" in result.stdout
    assert path.read_bytes() == wrong


def test_verify_exits_with_7_when_a_named_file_is_absent(store: Store) -> None:
    assert run(store, "verify", "tiny").exit_code == 7


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path))
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    (tmp_path / "yunet_s_dynamic.onnx").write_bytes(b"not it")
    result = CliRunner().invoke(main, ["models", "pull", "yunet-s"])
    assert result.exit_code == 7
    assert f"{tmp_path / 'yunet_s_dynamic.onnx'}: has 6 bytes instead of 237823" in result.stderr
    assert FILE not in result.stderr

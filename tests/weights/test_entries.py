"""The registry that ships, and what a registry may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core import plugins
from mien.core.errors import WeightsError
from mien.weights import Kind, Store, read_registry, registry
from mien.weights.entries import WheelSource
from tests.weights.parts import registry_text


def test_every_file_that_a_detector_needs_is_registered() -> None:
    for name in plugins.available("detectors"):
        for file in plugins.load("detectors", name).WEIGHTS:
            assert registry()[file].kind is Kind.DETECTOR


def test_an_index_alone_is_enough_for_a_detector_and_the_demo() -> None:
    for name in ("centerface", "demo-clip"):
        assert any(isinstance(source, WheelSource) for source in registry()[name].sources)


def test_every_entry_says_whose_work_it_is_and_where_it_can_be_had() -> None:
    for entry in registry().values():
        assert entry.licence
        assert entry.terms
        assert entry.input
        assert entry.sources


def test_the_shared_files_are_the_registered_ones(shared: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, (shared / "models", shared / "data" / "clips"), offline=True)
    for name in ("yunet-s", "yunet-n", "demo-clip", "clip-single-face", "clip-face-noface"):
        assert store.locate(name) is not None, name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (registry_text('{ https = "http://example.com/x" }'), "neither https nor on this machine"),
        (registry_text('{ wheel = "carrier", member = "x" }'), "sources"),
        (registry_text('{ wheel = "--index-url=x==1", member = "x" }'), "sources"),
        (registry_text(file="../outside.onnx"), "file"),
        (registry_text(sha256="abc"), "sha256"),
        (registry_text() + "colour = 'red'", "colour"),
        (registry_text() + registry_text(), "names a file twice"),
        ("[[entry", "cannot be read"),
    ],
)
def test_a_registry_that_is_not_whole_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=complaint):
        read_registry(path)

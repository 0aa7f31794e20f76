"""TensorFlow's formats, through the tools' own virtual environment. ``make export-tools`` makes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mien.conversion import tools
from mien.conversion.convert import Format, choose_faces, convert
from mien.core.errors import SettingsError, WeightsError
from tests.conversion.nets import faces, folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tools_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if tools.VARIABLE not in os.environ and (ROOT / tools.FOLDER / ".stamp").is_file():
        monkeypatch.setenv(tools.VARIABLE, str(ROOT / tools.FOLDER))
    try:
        tools.find()
    except SettingsError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.usefixtures("tools_there")
@pytest.mark.parametrize("to", ["tflite-fp16", "tflite-int8", "savedmodel", "tflite"])
def test_tensorflow_answers_as_the_source_does(tmp_path: Path, to: Format) -> None:
    source = folder(tmp_path / "small")
    made = convert(source, to, tmp_path / "out", choose_faces(to, faces(200, seed=2), faces(120)))
    assert made.beyond == []
    assert made.comparison.faces == 120
    assert made.comparison.target.runtime.startswith("TensorFlow" if to == "savedmodel" else "LiteRT")
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["input"] == {"layout": "NHWC", "kind": "float32"}
    described = json.loads((tmp_path / "out" / "preprocess.json").read_text())
    if to == "savedmodel":
        assert "saved_model/saved_model.pb" in told["files"]
        assert not [name for name in told["files"] if name.endswith(".tflite")]
        assert described["model_sha256"] is None
    else:
        assert list(told["files"]) == ["model.tflite"]
        assert described["model_sha256"] == told["files"]["model.tflite"]


def test_missing_tools_are_told_with_what_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tools.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"nowhere.*make export-tools.*tensorflow_tool\.txt.*MIEN_EXPORT_TOOLS"):
        convert(folder(tmp_path / "small"), "tflite", tmp_path / "out", choose_faces("tflite", None, None))
    assert not (tmp_path / "out").exists()


def test_tools_that_lack_the_converter_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        tools.VARIABLE, str(pretended(tmp_path, "echo \"ModuleNotFoundError: No module named 'onnx2tf'\""))
    )
    with pytest.raises(SettingsError, match=r"onnx2tf.*make export-tools"):
        convert(folder(tmp_path / "small"), "tflite", tmp_path / "out", choose_faces("tflite", None, None))


def test_a_graph_that_the_converter_refuses_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tools.VARIABLE, str(pretended(tmp_path, "echo 'ValueError: no such operation'")))
    with pytest.raises(WeightsError, match=r"cannot build it.*no such operation"):
        convert(folder(tmp_path / "small"), "tflite", tmp_path / "out", choose_faces("tflite", None, None))
    assert not (tmp_path / "out").exists()


def pretended(place: Path, line: str) -> Path:
    """A virtual environment whose Python fails with a last line."""
    python = place / "tools" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{line} >&2\nexit 1\n")
    python.chmod(0o755)
    return place / "tools"

"""``mien export`` from a model to a folder, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mien.assembly import load_classifier
from mien.cli import main
from mien.conversion import convert as module
from mien.core.errors import DisagreementError, InputError, OutputError, SettingsError
from mien.core.settings import InferenceSettings
from tests.conversion.nets import coloured_faces, described, faces, folder, graph, saved, seeing_colour


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder(tmp_path / "small")


def test_the_comparison_is_printed(source: Path, tmp_path: Path) -> None:
    data = saved(tmp_path / "faces.npz", faces(120))
    result = run(source, "--to", "onnx-fp16", "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "120 faces (faces of --data): 100.0 % get the same label" in result.output
    assert "of 120 labelled faces right; CPU ms a face, one thread:" in result.output
    assert result.output.endswith(f"model folder: {tmp_path / 'out'}\n")


def test_the_shipped_model_is_exported_by_its_name(tmp_path: Path) -> None:
    result = run("mien-m", "--to", "onnx", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["comparison"]["label_agreement"] >= 0.9
    assert told["comparison"]["mean_share_difference"] < 0.01
    assert told["comparison"]["source"]["accuracy"] is None


def test_a_model_of_others_is_exported_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = described(seeing_colour(tmp_path / "theirs"), monkeypatch)
    data = coloured_faces(tmp_path / "faces")
    result = run(name, "--to", "onnx", "--data", data, "--out", tmp_path / "mine", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"] == name
    mine = load_classifier(str(tmp_path / "mine"), InferenceSettings())
    assert (mine.colour, mine.geometry.size) == ("rgb", 64)


def test_a_model_with_classes_of_its_own_is_compared_by_what_it_answers(tmp_path: Path) -> None:
    own = ("moved", "bored")
    theirs = seeing_colour(tmp_path / "theirs", 64, own, ("moved", "bored", "bored"))
    data = coloured_faces(tmp_path / "faces")
    result = run(theirs, "--to", "onnx-fp16", "--data", data, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["comparison"]
    assert (told["faces"], told["labelled"], told["source"]["accuracy"]) == (48, 0, None)
    assert told["label_agreement"] == 1.0
    assert json.loads((tmp_path / "out" / "label_map.json").read_text())["labels"] == list(own)


def test_integers_with_too_few_faces_for_their_ranges_are_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "quantise", lambda model, ranges: graph(seed=9))
    arguments = (source, "--to", "onnx-int8", "--out", tmp_path / "out", "--calibrate")
    result = run(*arguments, saved(tmp_path / "few.npz", faces(20)))
    assert result.exit_code == DisagreementError.exit_code
    assert "more faces, like those it will read (--calibrate)" in result.output
    assert not (tmp_path / "out").exists()
    assert run(*arguments, tmp_path / "few.npz", "--force").exit_code == 0


def test_faces_are_read_as_the_model_sees_them(tmp_path: Path) -> None:
    theirs, data = seeing_colour(tmp_path / "theirs"), coloured_faces(tmp_path / "faces")
    arguments = ("--to", "onnx", "--data", data, "--data-part", "test", "--out", tmp_path / "out", "--json")
    result = run(theirs, *arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["comparison"]
    assert (told["labelled"], told["source"]["accuracy"]) == (24, 1.0)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("mien-m", "--to", "onnx", "--data-part", "test"), SettingsError.exit_code, "--data DATA"),
        (("nothing", "--to", "onnx"), InputError.exit_code, "mien-m"),
        (("nothing",), InputError.exit_code, "hsemotion-enet-b2-8"),
        (("hsemotion-enet-b2-8",), SettingsError.exit_code, "--to"),
        (("mien-m",), SettingsError.exit_code, "--to"),
        (("mien-m", "--to", "onnx", "--layout", "nonsense"), SettingsError.exit_code, "--layout is of labelled faces"),
        (("mien-m", "--to", "onnx", "--calibration-faces", "9"), SettingsError.exit_code, "the faces of --calibrate"),
        (("mien-m", "--to", "onnx-int8"), SettingsError.exit_code, "--calibrate"),
        (("mien-m", "--to", "rknn"), 2, "onnx-fp16"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == code
    assert said in result.output


@pytest.mark.parametrize(
    "option",
    [
        ("--data", "nope.npz"),
        ("--calibrate", "nope.npz"),
        ("--calibration-faces", "512"),
        ("--data-part", "train"),
        ("--calibrate-part", "all"),
        ("--layout", "nonsense"),
        ("--labels", "moved,bored"),
        ("--label-map", "1=fear"),
        ("--force",),
        ("--json",),
    ],
    ids=lambda option: str(option[0]),
)
def test_what_a_conversion_needs_is_refused_without_one(tmp_path: Path, option: tuple[str, ...]) -> None:
    """A checkpoint becomes a model folder as its recipe says; it is not read before that is said."""
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.touch()
    result = run(checkpoint, "--out", tmp_path / "out", *option)
    assert result.exit_code == SettingsError.exit_code
    assert f"{option[0]} is of a conversion: say what to convert to with '--to'" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--mirror", "--no-mirror"])
def test_how_often_a_model_folder_looks_is_not_changed_without_its_checkpoint(tmp_path: Path, option: str) -> None:
    """Its temperature was fitted to as many looks as it has."""
    result = run("mien-m", "--out", tmp_path / "out", option)
    assert result.exit_code == SettingsError.exit_code
    assert f"{option} is of a checkpoint" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", [(), ("--to", "onnx")])
def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path, to: tuple[str, ...]) -> None:
    checkpoint, out = tmp_path / "checkpoint.pt", tmp_path / "out"
    checkpoint.touch()
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    result = run(checkpoint, "--out", out, *to)
    assert result.exit_code == OutputError.exit_code
    assert "is not empty: choose a new folder with '--out'" in result.output
    assert [path.name for path in out.iterdir()] == ["notes.txt"]

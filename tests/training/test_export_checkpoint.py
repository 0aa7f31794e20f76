"""``mien export`` of a checkpoint as its recipe says: all of a model folder, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from click.testing import CliRunner, Result

from mien.assembly import load_classifier
from mien.cli import main
from mien.core.settings import InferenceSettings
from mien.training.train import train
from tests.training.toy import recipe


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return train(recipe(tmp_path, schedule={"epochs": 1}), tmp_path / "run", None)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_it_becomes_a_model_folder_in_a_new_place_or_an_empty_one(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "new" / "toy", tmp_path / "empty"):
        result = run(checkpoint, "--out", out)
        assert result.exit_code == 0, result.output
        assert result.output.endswith(f"model folder: {out}\n")
        assert {path.name for path in out.iterdir()} == {"label_map.json", "model.onnx", "preprocess.json"}
        assert load_classifier(str(out), InferenceSettings()).name == out.name
    first, second = (json.loads((tmp_path / name / "preprocess.json").read_text()) for name in ("new/toy", "empty"))
    assert first == second


def test_an_export_that_fails_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "valid.npz").unlink()
    result = run(checkpoint, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "valid.npz" in result.output
    assert not (tmp_path / "out").exists()

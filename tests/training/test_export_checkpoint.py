"""``mien export`` of a checkpoint as its recipe says: all of a model folder, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from click.testing import CliRunner, Result

from mien.assembly import load_classifier
from mien.cli import main
from mien.core.settings import InferenceSettings
from mien.evaluation.faces import classify_pictures
from mien.training.export import export
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


@pytest.mark.parametrize("conversion", [(), ("--to", "onnx")])
@pytest.mark.parametrize("option", ["--mirror", "--no-mirror"])
def test_how_often_it_looks_can_be_said(
    checkpoint: Path, tmp_path: Path, option: str, conversion: tuple[str, ...]
) -> None:
    told = ("--data", tmp_path / "valid.npz") if conversion else ()
    result = run(checkpoint, "--out", tmp_path / "out", option, *conversion, *told)
    assert result.exit_code == 0, result.output
    described = json.loads((tmp_path / "out" / "preprocess.json").read_text(encoding="utf-8"))
    assert described["mirror"] is (option == "--mirror")


@pytest.mark.parametrize(
    "raising",
    [
        {"loss": {"kind": "balanced_softmax"}},
        {"loss": {"class_weights": "inverse"}},
        {"data": {"balance": 1.0}},
    ],
)
def test_what_finds_rare_classes_makes_none_of_them_likelier_in_what_is_served(
    raising: dict[str, Any], tmp_path: Path
) -> None:
    """Pictures of noise: all that can be learned is how often each class is, and that has to be what is answered."""
    plan = recipe(tmp_path, **({"schedule": {"epochs": 2}} | raising))
    random = np.random.default_rng(5)
    for path, count in ((plan.data.train, 320), (plan.data.valid, 200)):
        votes = np.pad(random.multinomial(10, [0.7, 0.1, 0.05, 0.05, 0.04, 0.02, 0.02, 0.02], count), ((0, 0), (0, 2)))
        images = random.integers(0, 255, (count, 48, 48)).astype(np.uint8)
        np.savez(path, images=images, votes=votes.astype(np.uint8))
    folder = export(train(plan, tmp_path / "run", None), tmp_path / "toy")
    served = classify_pictures(load_classifier(str(folder), InferenceSettings()), images)
    assert served.mean(axis=0) == pytest.approx(votes[:, :8].sum(axis=0) / votes.sum(), abs=0.02)
    result = run(tmp_path / "run" / "checkpoint.pt", "--to", "onnx", "--data", plan.data.valid, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "100.0 % get the same label" in result.output, "what it is compared with is made good too"


def test_an_export_that_fails_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "valid.npz").unlink()
    result = run(checkpoint, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "valid.npz" in result.output
    assert not (tmp_path / "out").exists()

"""The workshop on a handful of faces: a recipe becomes a checkpoint, a curve and a model folder that serves."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.classifiers.model_folder import create  # noqa: E402
from mien.core.errors import InputError, SettingsError  # noqa: E402
from mien.core.faces import FaceCrops  # noqa: E402
from mien.core.settings import InferenceSettings  # noqa: E402
from mien.training.export import export  # noqa: E402
from mien.training.recipe import Recipe, load_recipe  # noqa: E402
from mien.training.score import predict_logits  # noqa: E402
from mien.training.state import read_checkpoint  # noqa: E402
from mien.training.train import EpochReport, Listener, build_network, train  # noqa: E402
from tests.training.toy import recipe  # noqa: E402


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe]:
    folder = tmp_path_factory.mktemp("train")
    plan = recipe(folder)
    return train(plan, folder / "run", None), plan


def test_it_learns(trained: tuple[Path, Recipe]) -> None:
    checkpoint, plan = trained
    with (checkpoint.parent / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == plan.schedule.epochs
    assert float(rows[-1]["majority"]) > 0.5
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_same_seed_gives_the_same_weights(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    again = train(plan, tmp_path / "again", None)
    first, second = (torch.load(p, weights_only=True)["weights"] for p in (checkpoint, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_folder_serves_what_was_trained(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    classifier = create(export(checkpoint, tmp_path / "toy"), InferenceSettings())
    network = build_network(plan, 8)
    network.load_state_dict(read_checkpoint(checkpoint)["weights"])
    images = np.load(plan.data.valid)["images"][:16]
    crops = FaceCrops(np.repeat(images[..., None], 3, axis=3), np.ones(16, np.float32))
    served = classifier.classify(crops).probabilities
    assert (served.argmax(axis=1) == predict_logits(network, images, plan.input.form(), 48).argmax(axis=1)).all()


def test_eight_bits_answer_alike(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    saved = torch.load(checkpoint, weights_only=True)
    saved["recipe"] |= {"quantise": True, "mirror": False}
    torch.save(saved, tmp_path / "small.pt")
    images = np.load(plan.data.valid)["images"]
    crops = FaceCrops(np.repeat(images[..., None], 3, axis=3), np.ones(len(images), np.float32))
    plain, small = (
        create(export(path, tmp_path / name), InferenceSettings()).classify(crops).probabilities
        for path, name in ((checkpoint, "plain"), (tmp_path / "small.pt", "small"))
    )
    assert (plain.argmax(axis=1) == small.argmax(axis=1)).mean() > 0.95


def test_a_second_stage_starts_from_the_first(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    finish = plan.model_copy(
        update={
            "start_from": checkpoint,
            "schedule": plan.schedule.model_copy(update={"epochs": 1, "peak_learning_rate": 1e-4}),
        }
    )
    reports: list[EpochReport] = []
    train(finish, tmp_path / "finish", None, Listener(reports.append))
    assert reports[0].score.majority > 0.5


def test_a_missing_checkpoint_and_a_wrong_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pt"):
        export(tmp_path / "absent.pt", tmp_path)
    with pytest.raises(InputError, match=r"absent\.yaml"):
        load_recipe(tmp_path / "absent.yaml")
    (tmp_path / "r.yaml").write_text("name: x\nepochs: 3\n")
    with pytest.raises(SettingsError, match="data"):
        load_recipe(tmp_path / "r.yaml")

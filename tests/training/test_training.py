"""The workshop on a handful of faces: a recipe becomes a checkpoint, a curve and a model folder that serves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.classifiers.model_folder import create  # noqa: E402
from mien.core.errors import InputError, SettingsError  # noqa: E402
from mien.core.faces import CropGeometry, FaceCrops  # noqa: E402
from mien.core.settings import InferenceSettings  # noqa: E402
from mien.training.augment import AugmentOptions, augment  # noqa: E402
from mien.training.data import crop_maps  # noqa: E402
from mien.training.export import export  # noqa: E402
from mien.training.recipe import Recipe, load_recipe  # noqa: E402
from mien.training.train import INPUT, EpochReport, predict_logits, train  # noqa: E402

OFF = (
    "rotation_degrees", "scale_log", "shift", "flip", "contrast_log", "brightness", "gamma_log", "low_resolution",
    "dark", "noise", "occlusion",
)  # fmt: skip


def unchanged() -> AugmentOptions:
    options: dict[str, Any] = dict.fromkeys(OFF, 0.0)
    return AugmentOptions(**options)


IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def toy(path: Path, count: int, seed: int) -> Path:
    """Pictures whose class can be seen: a bright bar whose place is the class, and ten votes for it."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, 48, 48)).astype(np.uint8)
    classes = generator.integers(0, 8, count)
    votes = np.zeros((count, 10), np.uint8)
    for row, label in enumerate(classes):
        images[row, 6 * label : 6 * label + 6] += 180
        votes[row, label] = 10
    np.savez(path, images=images, votes=votes)
    return path


def recipe(folder: Path, **changes: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "toy",
            "options": {"widths": [8, 16], "blocks": 1, "stem_stride": 2},
            "data": {
                "train": str(toy(folder / "train.npz", 320, 1)),
                "valid": str(toy(folder / "valid.npz", 80, 2)),
                "aligned_share": 0.0,
            },
            "schedule": {
                "epochs": 8,
                "batch_size": 16,
                "average_decay": 0.9,
                "mixup_alpha": 0.0,
                "peak_learning_rate": 0.01,
            },
            "augment": dict.fromkeys(OFF, 0.0),
            **changes,
        }
    )


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
    assert float(rows[-1]["majority8"]) > 0.5
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_same_seed_gives_the_same_weights(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    checkpoint, plan = trained
    again = train(plan, tmp_path / "again", None)
    first, second = (torch.load(p, weights_only=True)["weights"] for p in (checkpoint, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_folder_serves_what_was_trained(trained: tuple[Path, Recipe], tmp_path: Path) -> None:
    from mien.training.train import build_network, read_checkpoint

    checkpoint, plan = trained
    classifier = create(export(checkpoint, tmp_path / "toy"), InferenceSettings())
    network = build_network(plan)
    network.load_state_dict(read_checkpoint(checkpoint)["weights"])
    images = np.load(plan.data.valid)["images"][:16]
    crops = FaceCrops(np.repeat(images[..., None], 3, axis=3), np.ones(16, np.float32))
    served = classifier.classify(crops).probabilities
    assert (served.argmax(axis=1) == predict_logits(network, images).argmax(axis=1)).all()


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
    train(finish, tmp_path / "finish", None, reports.append)
    assert reports[0].majority8 > 0.5


def test_a_missing_checkpoint_and_a_wrong_recipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.pt"):
        export(tmp_path / "absent.pt", tmp_path)
    with pytest.raises(InputError, match=r"absent\.yaml"):
        load_recipe(tmp_path / "absent.yaml")
    (tmp_path / "r.yaml").write_text("name: x\nepochs: 3\n")
    with pytest.raises(SettingsError, match="data"):
        load_recipe(tmp_path / "r.yaml")


def test_augmentation_off_is_the_picture() -> None:
    pixels = torch.randint(0, 256, (4, 48, 48), dtype=torch.uint8)
    off = unchanged()
    out = augment(pixels, IDENTITY.repeat(4, 1, 1), off, torch.Generator().manual_seed(0))
    assert torch.allclose(out[:, 0], pixels.float() / 255, atol=2e-3)


def test_augmentation_is_seeded_and_stays_in_range() -> None:
    pixels = torch.randint(0, 256, (16, 48, 48), dtype=torch.uint8)
    frames = IDENTITY.repeat(16, 1, 1)
    a, b = (augment(pixels, frames, AugmentOptions(), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(a, b)
    assert float(a.min()) >= 0
    assert float(a.max()) <= 1


def test_the_training_crop_is_the_serving_crop() -> None:
    """The map that training samples with shows what ``preprocess.crop_faces`` cuts."""
    from mien.preprocess import crop_faces

    generator = np.random.default_rng(4)
    coarse = generator.integers(0, 255, (8, 8)).astype(np.float32)
    picture = np.kron(coarse, np.ones((6, 6))).astype(np.uint8)
    landmarks = np.array([[[16, 21], [31, 18], [24, 27], [19, 36], [31, 34]]], np.float32)
    geometry = CropGeometry(48, 1.876, 0.153)
    served = crop_faces(np.repeat(picture[..., None], 3, axis=2), landmarks, geometry)[0, :, :, 0].astype(float)
    maps = torch.from_numpy(crop_maps(landmarks, geometry, 48))
    off = unchanged()
    sampled = augment(torch.from_numpy(picture)[None], maps, off, torch.Generator().manual_seed(1))[0, 0].numpy() * 255
    inner = (slice(8, 40), slice(8, 40))
    assert np.abs(served[inner] - sampled[inner]).mean() < 3


def test_training_pixels_are_normalised_as_in_serving() -> None:
    from mien.preprocess import normalise
    from mien.training.train import _standardise

    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    served = normalise(images, INPUT)
    trained_on = _standardise(torch.from_numpy(images)[:, None].float() / 255).numpy()
    assert np.allclose(served, trained_on, atol=1e-4)

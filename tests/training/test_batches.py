"""What the network is shown: normalised as in serving, drawn as asked, framed as a detector frames."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.core.faces import FaceDetector, Faces, UInt8Array  # noqa: E402
from mien.preprocess import InputFormat, normalise  # noqa: E402
from mien.training.batches import Batches, sampling_weights, standardise  # noqa: E402
from mien.training.data import load_training  # noqa: E402
from mien.training.framing import detect_landmarks, framings  # noqa: E402
from tests.training.toy import recipe, toy  # noqa: E402

CPU = torch.device("cpu")
IMAGENET = InputFormat("rgb", False, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SQUARE = np.array([[16, 20], [32, 20], [24, 28], [18, 36], [30, 36]], np.float32)


class Finder(FaceDetector):
    """Finds the same landmarks in every picture but the first ``blind``, and counts its calls.

    Args:
        blind: in so many pictures it finds none.
        scale: of the faces it finds, about the middle of the picture.
    """

    name = "finder"
    sha256 = "0" * 64
    calls = 0

    def __init__(self, blind: int = 0, scale: float = 1.0) -> None:
        self._blind, self._scale = blind, scale

    def _detect(self, image: UInt8Array) -> Faces:
        self.calls += 1
        if self.calls <= self._blind:
            return Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        large = round(len(image) / 1.85 / 24) * 24
        points = ((SQUARE - 24) * self._scale + 24) * (large / 48) + (len(image) - large) // 2
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])[None].astype(np.float32)
        return Faces(box, np.ones(1, np.float32), points[None].astype(np.float32))


@pytest.mark.parametrize("form", [InputFormat(), InputFormat("grey", False, (0.5,), (0.25,)), IMAGENET])
def test_training_pixels_are_normalised_as_in_serving(form: InputFormat) -> None:
    shape = (3, 48, 48) if form.colour == "grey" else (3, 48, 48, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels = torch.from_numpy(images)
    planes = (pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)).float() / 255
    assert np.allclose(normalise(images, form), standardise(planes, form).numpy(), atol=1e-4)


def test_a_grey_face_reaches_a_colour_network_in_three_equal_planes(tmp_path: Path) -> None:
    plan = recipe(tmp_path, input={"colour": "rgb", "equalise": False, "mean": (0.5,) * 3, "deviation": (0.25,) * 3})
    examples, _ = load_training(plan)
    x, _, _ = next(iter(Batches(plan, examples, None, tmp_path, print, torch.Generator(), CPU)))
    assert x.shape == (16, 3, 48, 48)
    assert torch.equal(x[:, 0], x[:, 2])


def test_an_epoch_takes_each_face_once(tmp_path: Path) -> None:
    plan = recipe(tmp_path, data={"train": str(toy(tmp_path / "other.npz", 64, 5))})
    examples, _ = load_training(plan)
    labels = torch.cat([y for _, y, _ in Batches(plan, examples, None, tmp_path, print, torch.Generator(), CPU)])
    assert torch.equal(labels.sum(dim=0), torch.from_numpy(examples.targets).sum(dim=0))


def test_oversampling_draws_rare_classes_as_often(tmp_path: Path) -> None:
    shares = [0.65, *[0.05] * 7]
    data = {"train": str(toy(tmp_path / "skewed.npz", 1200, 5, shares)), "balance": 1.0}
    plan = recipe(tmp_path, data=data)
    examples, _ = load_training(plan)
    labels = torch.cat([y for _, y, _ in Batches(plan, examples, None, tmp_path, print, torch.Generator(), CPU)])
    assert torch.allclose(labels.mean(dim=0), torch.full((8,), 1 / 8), atol=0.04)


def test_balance_between_takes_the_shares_to_a_power() -> None:
    targets = torch.eye(2).repeat_interleave(torch.tensor([80, 20]), dim=0)
    half = sampling_weights(targets, 0.5)
    assert half is not None
    drawn = half @ targets
    assert float(drawn[0] / drawn[1]) == pytest.approx((80 / 20) ** 0.5)
    assert sampling_weights(targets, 0.0) is None


def test_landmarks_come_back_in_pixels_of_the_picture() -> None:
    images = np.zeros((2, 48, 48), np.uint8)
    for size in (48, 96):
        found = detect_landmarks(np.zeros((2, size, size), np.uint8), Finder(), 2.5)
        assert np.allclose(found, SQUARE * size / 48, atol=0.5)
    colour = np.repeat(images[..., None], 3, axis=3)
    assert np.array_equal(detect_landmarks(colour, Finder()), detect_landmarks(images, Finder()))


def test_framings_are_found_once_and_kept(tmp_path: Path) -> None:
    plan = recipe(tmp_path, data={"aligned_share": 1.0, "framings": [1.5, 2.5]})
    images = load_training(plan)[0].images[:6]
    finder = Finder()
    first = framings(plan, images, finder, tmp_path, print)
    again = framings(plan, images, finder, tmp_path, print)
    assert first.shape == (2, 6, 2, 3)
    assert np.array_equal(first, again)
    assert finder.calls == 12, "the second time nothing is looked for"
    framings(plan, images[:3], finder, tmp_path, print)
    assert finder.calls == 18, "other pictures are looked at anew"


@pytest.mark.parametrize(
    ("blind", "scale", "share", "warned"),
    [
        (0, 1.0, "100.0 %", None),
        (3, 1.0, "70.0 %", None),
        (6, 1.0, "40.0 %", r"yunet finds no face on 60\.0 % of the pictures, .* middle on 0\.0 %"),
        (2, 0.4, "0.0 %", r"yunet finds no face on 20\.0 % of the pictures, .* middle on 80\.0 %"),
    ],
    ids=["all", "most", "few", "too small"],
)
def test_how_many_faces_are_cut_as_in_serving_is_told(
    blind: int, scale: float, share: str, warned: str | None, tmp_path: Path
) -> None:
    """Faces that are not become pictures as they are: a recipe that asks for half would get none in silence."""
    plan = recipe(tmp_path, data={"aligned_share": 0.5, "framings": [2.5]})
    finder, told = Finder(blind, scale), list[str]()
    for _ in range(2):
        framings(plan, load_training(plan)[0].images[:10], finder, tmp_path, told.append)
    assert told[: len(told) // 2] == told[len(told) // 2 :], "landmarks that were kept are told of as well"
    assert told[0] == f"{share} of the faces can be cut as serving cuts them; the others are shown as they are"
    assert len(told) == (2 if warned is None else 4)
    assert warned is None or re.search(f"^warning: .*{warned}", told[1])

"""Robustness curves: each disturbance does what it says, through the serving crop."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.faces import CropGeometry
from mien.evaluation.disturbances import DISTURBANCES, disturbed_crops, whole_picture
from mien.evaluation.robustness import RobustnessOptions, measure_robustness, steps_of
from mien.preprocess import crop_faces
from tests.evaluation.votes import SIDE, CornerReader, cast, pictures

GEOMETRY = CornerReader.geometry


def scene(side: int = SIDE, seed: int = 0) -> np.ndarray:
    """A smooth grey picture: uint8 1×S×S."""
    import cv2

    coarse = np.random.default_rng(seed).integers(40, 220, (6, 6), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)[None]


def crop(name: str, level: float, picture: np.ndarray) -> np.ndarray:
    told = disturbed_crops(picture, GEOMETRY, DISTURBANCES[name], level, np.random.default_rng(1))
    return np.asarray(told[0], float)


@pytest.mark.parametrize("margin", [0.0, 0.15])
def test_the_whole_picture_is_the_crop(margin: float) -> None:
    geometry = CropGeometry(SIDE, 1.876, 0.153, margin=margin)
    picture = np.repeat(scene()[0][..., None], 3, axis=2)
    assert (
        np.abs(crop_faces(picture, whole_picture(geometry, SIDE)[None], geometry)[0].astype(int) - picture).max() <= 1
    )


def test_a_larger_picture_gives_the_same_crop_but_sharper() -> None:
    """Geometry is relative to the picture: the crop of a picture twice as large shows the same square."""
    large = scene(96)
    cut = disturbed_crops(large, GEOMETRY, None, 0.0, np.random.default_rng(0))[0, ..., 0].astype(float)
    halved = large[0].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    assert np.abs(cut - halved).mean() < 2


@pytest.mark.parametrize("name", [n for n in DISTURBANCES if n != "grey"])
def test_a_stronger_level_changes_more(name: str) -> None:
    plain = scene()[0][..., None].astype(float)
    told = DISTURBANCES[name]
    order = sorted(told.levels, key=lambda level: abs(level - told.none) if np.isfinite(told.none) else -level)
    changes = [np.abs(crop(name, level, scene()) - plain).mean() for level in (order[0], order[-1])]
    assert 0 <= changes[0] < changes[1]


def test_darkness_is_dark_and_noisy() -> None:
    dark = crop("darkness", 3.0, scene())
    assert dark.mean() < 0.06 * scene().mean() + 2
    assert dark.std() > 0.5


def test_grey_takes_colour_out_and_leaves_grey_pictures_alone() -> None:
    assert (crop("grey", 100.0, scene()) == scene()[0][..., None]).all()
    colour = np.stack([scene(seed=s)[0] for s in range(3)], axis=2)[None]
    grey = crop("grey", 100.0, colour)
    assert np.ptp(grey, axis=2).max() <= 1
    assert np.ptp(crop("grey", 50.0, colour), axis=2).max() > 10


def test_an_occlusion_covers_its_share() -> None:
    covered = (crop("occlusion", 25.0, scene())[..., 0] != scene()[0]).mean()
    assert covered == pytest.approx(0.25, abs=0.03)


def test_a_classifier_is_whole_undisturbed_and_suffers_where_its_corner_is_hidden() -> None:
    faces = pictures(cast(120))
    told = measure_robustness(CornerReader(), faces, RobustnessOptions(faces=80))
    assert told.faces == 80
    assert set(told.curves) == {
        "size", "blur", "darkness", "noise", "rotation", "shift", "framing", "occlusion", "grey",
    }  # fmt: skip
    assert all(1.0 in {p.accuracy for p in curve.points if p.level is None} for curve in told.curves.values())
    assert told.curves["darkness"].points[-1].accuracy < 0.7
    assert told.curves["occlusion"].points[-1].accuracy < 0.9
    assert {p.accuracy for p in told.curves["grey"].points} == {1.0}
    assert [p.level for p in told.curves["framing"].points] == [80, 90, None, 110, 120, 140]


def test_the_same_seed_gives_the_same_curves_and_progress_is_told() -> None:
    faces, options = pictures(cast(20)), RobustnessOptions(faces=12)
    steps: list[str] = []
    first = measure_robustness(CornerReader(), faces, options, steps.append)
    assert first == measure_robustness(CornerReader(), faces, options)
    assert len(steps) == steps_of(options)
    assert steps_of(RobustnessOptions(faces=0)) == 0

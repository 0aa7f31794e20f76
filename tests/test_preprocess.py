"""The path from a face in a frame to a classifier's input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.faces import CropGeometry
from mien.preprocess import InputFormat, crop_faces, crop_side_px, crop_transforms, normalise, to_grey

GEOMETRY = CropGeometry(size=48, side=1.876, raise_centre=0.153)
FRONTAL = np.array([[14, 19], [32.5, 19], [23, 28.3], [16, 36.5], [31, 36.5]], np.float32)


def placed(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    """The frontal landmarks, scaled, rotated about their origin and moved."""
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.asarray((scale * FRONTAL @ turn.T + [x, y])[None], np.float32)


def test_the_crop_of_a_training_picture_is_nearly_the_picture() -> None:
    transform = crop_transforms(FRONTAL[None], GEOMETRY)[0]
    assert transform[:, :2] == pytest.approx(np.eye(2), abs=0.06)
    middle = transform @ [23.5, 23.5, 1]
    assert middle == pytest.approx([23.5, 23.5], abs=1.0)


@given(
    scale=st.floats(0.5, 8),
    degrees=st.floats(-60, 60),
    x=st.floats(-100, 800),
    y=st.floats(-100, 800),
)
def test_a_crop_follows_its_face(scale: float, degrees: float, x: float, y: float) -> None:
    """Where a landmark falls in the crop does not depend on where, how large or how tilted the face is."""
    still = crop_transforms(FRONTAL[None], GEOMETRY)[0]
    moved = crop_transforms(placed(scale, degrees, x, y), GEOMETRY)[0]

    def in_crop(transform: np.ndarray, point: np.ndarray) -> np.ndarray:
        return np.linalg.solve(transform[:, :2], point - transform[:, 2])

    for landmark, seen in zip(FRONTAL, placed(scale, degrees, x, y)[0], strict=True):
        assert in_crop(moved, seen.astype(float)) == pytest.approx(in_crop(still, landmark.astype(float)), abs=0.05)


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.7, 5.0, 9.3])
def test_a_dot_on_the_nose_lands_on_the_nose_at_every_size(scale: float) -> None:
    """Neither the shrinking of large faces nor the enlarging of small ones moves the picture."""
    landmarks = placed(scale, 0.0, 60.0, 40.0)
    image = np.zeros((600, 600, 3), np.uint8)
    nose = landmarks[0, 2]
    radius = max(2, round(2 * scale))
    cv2.circle(image, (round(float(nose[0])), round(float(nose[1]))), radius, (255, 255, 255), -1)
    crop = to_grey(crop_faces(image, landmarks, GEOMETRY))[0].astype(float)
    rows, columns = np.mgrid[0:48, 0:48]
    found = np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()
    transform = crop_transforms(landmarks, GEOMETRY)[0]
    expected = np.linalg.solve(transform[:, :2], nose - transform[:, 2])
    assert found == pytest.approx(expected, abs=0.6)


def test_a_face_beyond_the_frame_is_filled_with_its_edge() -> None:
    image = np.full((50, 50, 3), 77, np.uint8)
    crops = crop_faces(image, placed(1.0, 0.0, -200.0, -200.0), GEOMETRY)
    assert crops.shape == (1, 48, 48, 3)
    assert (crops == 77).all()


def test_no_face_makes_no_crop() -> None:
    assert crop_faces(np.zeros((10, 10, 3), np.uint8), np.zeros((0, 5, 2), np.float32), GEOMETRY).shape == (
        0,
        48,
        48,
        3,
    )


def test_margin_widens_the_square() -> None:
    wide = CropGeometry(48, 1.876, 0.153, margin=0.15)
    assert crop_side_px(FRONTAL[None], wide) == pytest.approx(1.3 * crop_side_px(FRONTAL[None], GEOMETRY))


@given(gain=st.floats(0.3, 1.0), offset=st.integers(0, 40))
def test_light_and_contrast_cancel_when_equalised(gain: float, offset: int) -> None:
    generator = np.random.default_rng(3)
    bright = generator.integers(60, 215, (1, 48, 48), dtype=np.uint8)
    dim = np.rint(bright * gain + offset).clip(0, 255).astype(np.uint8)
    form = InputFormat("grey", equalise=True)
    difference = np.abs(normalise(bright, form) - normalise(dim, form))
    assert difference.mean() < 0.12


def test_input_formats() -> None:
    crops = np.full((2, 8, 8, 3), (255, 0, 0), np.uint8)
    assert normalise(crops, InputFormat("grey")).shape == (2, 1, 8, 8)
    rgb = normalise(crops, InputFormat("rgb", equalise=False, mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5)))
    assert rgb.shape == (2, 3, 8, 8)
    assert rgb[0, :, 0, 0] == pytest.approx([1.0, -1.0, -1.0])
    assert to_grey(crops)[0, 0, 0] == 76

"""The path from a face in a frame to a classifier's input."""

from __future__ import annotations

import itertools

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


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A face's worth of detail at every scale, from the crop's own to single pixels: float64 640×640."""
    generator = np.random.default_rng(5)
    octaves = [cv2.resize(generator.normal(size=(n, n)), (640, 640), interpolation=cv2.INTER_CUBIC) for n in (20, 60)]
    fine = cv2.GaussianBlur(generator.normal(size=(640, 640)), (0, 0), 1.0)
    picture = octaves[0] + octaves[1] + 2 * fine
    return np.asarray(np.clip(128 + 30 * picture, 0, 255))


def as_frame(grey: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("scale", [1.1, 1.4, 1.99, 2.0, 2.6, 3.7, 4.1, 5.9, 8.3])
def test_a_pixel_of_a_crop_is_about_the_mean_of_what_it_covers(scale: float, portrait: np.ndarray) -> None:
    """Held against 24 × 24 samples of each pixel's square."""
    landmarks = placed(scale, 7.0, 60.0, 40.0)
    frame = as_frame(portrait)
    crop = crop_faces(frame, landmarks, GEOMETRY, "grey")[0].astype(float)
    transform, fine, size = crop_transforms(landmarks, GEOMETRY)[0], 24, GEOMETRY.size
    places = (np.arange(size * fine) + 0.5) / fine - 0.5
    columns, rows = np.meshgrid(places, places)
    x, y = np.tensordot(transform[:, :2], np.stack([columns, rows]), axes=1) + transform[:, 2, None, None]
    sampled = cv2.remap(frame[..., 0], x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    mean = sampled.reshape(size, fine, size, fine).mean(axis=(1, 3))
    assert np.sqrt(((crop - mean) ** 2).mean()) < 3.0


@pytest.mark.parametrize("scale", [0.8, 1.2, 2.1, 2.9, 3.1, 4.2, 5.5, 8.3])
def test_a_crop_changes_by_as_little_as_its_landmarks_move(scale: float, portrait: np.ndarray) -> None:
    """A detector's landmarks tremble by tenths of a pixel, and with them the window of the crop moves by whole ones.

    Nothing about the picture may depend on where that window begins: there is no step on a way of four pixels.
    """
    frame = as_frame(portrait)
    way = [placed(scale, 4.0, 55.5 + 0.04 * k, 37.5 + 0.028 * k) for k in range(100)]
    crops = [crop_faces(frame, landmarks, GEOMETRY, "grey")[0].astype(float) for landmarks in way]
    steps = [np.abs(after - before) for before, after in itertools.pairwise(crops)]
    assert max(step.mean() for step in steps) < (0.6 if scale > 2 else 1.0)
    if scale > 2:
        assert max(step.max() for step in steps) < 5


@pytest.mark.parametrize("scale", [0.6, 1.3, 2.7, 5.0])
def test_a_grey_crop_is_the_luma_of_the_coloured_one(scale: float) -> None:
    generator = np.random.default_rng(1)
    frame = np.asarray(cv2.resize(generator.integers(0, 256, (60, 60, 3), dtype=np.uint8), (480, 480)), np.uint8)
    landmarks = placed(scale, 10.0, 30.0, 20.0)
    grey = crop_faces(frame, landmarks, GEOMETRY, "grey")
    assert grey.shape == (1, 48, 48)
    coloured = to_grey(crop_faces(frame, landmarks, GEOMETRY))
    assert np.abs(grey.astype(int) - coloured.astype(int)).max() <= 2

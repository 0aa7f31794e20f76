"""What makes a face unread."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.core.faces import Faces, HeadPoses, UnreadReason
from mien.core.settings import QualitySettings
from mien.headposes.five_points import head_poses
from mien.quality import sharpness, unreadable_by_shape

SETTINGS = QualitySettings(min_face_px=40, max_cut_off=0.25, max_yaw_degrees=60, max_pitch_degrees=50)


def one(box: tuple[float, float, float, float]) -> Faces:
    array = np.array([box], np.float32)
    return Faces(array, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32))


def pose(yaw: float = 0.0, pitch: float = 0.0) -> HeadPoses:
    return HeadPoses(*(np.array([v], np.float32) for v in (yaw, pitch, 0.0)))


def reason(box: tuple[float, float, float, float], poses: HeadPoses | None = None) -> UnreadReason | None:
    return unreadable_by_shape(one(box), poses or pose(), 640, 480, SETTINGS)[0]


def test_size_is_the_shorter_side() -> None:
    assert reason((100, 100, 140, 160)) is None
    assert reason((100, 100, 139, 160)) is UnreadReason.TOO_SMALL


def test_cut_off_by_the_frame() -> None:
    assert reason((-10, 100, 40, 160)) is None
    assert reason((-20, 100, 30, 160)) is UnreadReason.CUT_OFF
    assert reason((700, 100, 760, 160)) is UnreadReason.CUT_OFF


def test_turned_away() -> None:
    assert reason((100, 100, 160, 160), pose(yaw=-59)) is None
    assert reason((100, 100, 160, 160), pose(yaw=-61)) is UnreadReason.TURNED_AWAY
    assert reason((100, 100, 160, 160), pose(pitch=51)) is UnreadReason.TURNED_AWAY


def test_no_face_has_no_reason() -> None:
    assert unreadable_by_shape(Faces.none(), head_poses(Faces.none().landmarks), 640, 480, SETTINGS) == []


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A detailed picture: soft shapes with fine lines, 48×48×3."""
    generator = np.random.default_rng(5)
    coarse = cv2.resize(generator.integers(40, 220, (6, 6), dtype=np.uint8), (48, 48), interpolation=cv2.INTER_CUBIC)
    fine = generator.normal(0, 12, (48, 48))
    return np.repeat(np.clip(coarse + fine, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_blur_lowers_sharpness_steadily(portrait: np.ndarray) -> None:
    blurred = [portrait] + [cv2.GaussianBlur(portrait, (0, 0), s) for s in (0.7, 1.2, 2.0, 3.0)]
    values = sharpness(np.stack(blurred), np.full(5, 48.0))
    assert (np.diff(values) < 0).all()
    assert values[-1] < QualitySettings().min_sharpness < values[0]


def test_darkness_and_low_contrast_do_not_count_as_blur(portrait: np.ndarray) -> None:
    dim = (portrait * 0.4).astype(np.uint8)
    bright, dark = sharpness(np.stack([portrait, dim]), np.full(2, 48.0))
    assert dark == pytest.approx(bright, rel=0.25)


def test_a_small_sharp_face_is_not_punished_for_being_enlarged(portrait: np.ndarray) -> None:
    small = cv2.resize(portrait, (20, 20), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR)
    as_if_large, for_its_size = sharpness(np.stack([enlarged, enlarged]), np.array([48.0, 20.0]))
    assert for_its_size > 2 * as_if_large

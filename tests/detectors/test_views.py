"""Views of a frame: whatever a detector looks at, its faces come back in the frame's own pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien.core.faces import FaceDetector, Faces, Frame, UInt8Array
from mien.core.settings import DetectionSettings
from mien.detectors._views import SecondLook, Shrunk, Tiled, with_view


class WhiteSquares(FaceDetector):
    """Finds white rectangles at least ``least_px`` high, and remembers what it was shown."""

    name, sha256 = "white", "0" * 64

    def __init__(self, least_px: int = 1) -> None:
        self.least_px = least_px
        self.shown: list[tuple[int, ...]] = []

    def _detect(self, image: UInt8Array) -> Faces:
        self.shown.append(image.shape)
        mask = (image[..., 0] > 127).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = [s for s in stats[1:count] if s[cv2.CC_STAT_HEIGHT] >= self.least_px]
        boxes = np.array([[s[0], s[1], s[0] + s[2], s[1] + s[3]] for s in found], np.float32).reshape(-1, 4)
        corners = boxes.reshape(-1, 2, 2)
        landmarks = np.repeat(corners.mean(axis=1, keepdims=True), 5, axis=1).astype(np.float32)
        return Faces(boxes, np.full(len(boxes), 0.9, np.float32), landmarks)


def _frame(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Frame:
    image = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return Frame(image, 0, 0.0)


def test_a_shrunken_look_answers_in_the_frames_pixels() -> None:
    inner = WhiteSquares()
    faces = Shrunk(inner, 200).detect([_frame(400, 800, (400, 100, 480, 180))])[0]
    assert inner.shown == [(100, 200, 3)]
    np.testing.assert_allclose(faces.boxes, [[400, 100, 480, 180]], atol=4)
    np.testing.assert_allclose(faces.landmarks[0], [[440, 140]] * 5, atol=4)


def test_a_small_frame_is_looked_at_as_it_is() -> None:
    inner = WhiteSquares()
    faces = Shrunk(inner, 200).detect([_frame(100, 200, (10, 10, 30, 30))])[0]
    np.testing.assert_array_equal(faces.boxes, [[10, 10, 30, 30]])
    assert inner.shown == [(100, 200, 3)]


def test_an_empty_frame_is_looked_at_again_enlarged() -> None:
    inner = WhiteSquares(least_px=30)
    faces = SecondLook(inner, 2.0).detect([_frame(100, 200, (20, 40, 40, 60))])[0]
    assert inner.shown == [(100, 200, 3), (200, 400, 3)]
    np.testing.assert_allclose(faces.boxes, [[20, 40, 40, 60]], atol=1)


def test_a_frame_with_a_face_is_looked_at_once() -> None:
    inner = WhiteSquares(least_px=30)
    SecondLook(inner, 2.0).detect([_frame(100, 200, (20, 40, 60, 80))])
    assert len(inner.shown) == 1


def test_a_large_frame_is_never_enlarged() -> None:
    inner = WhiteSquares()
    SecondLook(inner, 2.0).detect([_frame(100, 1300)])
    assert len(inner.shown) == 1


@pytest.mark.parametrize("left", [0, 40, 85, 100, 111, 250, 380])
def test_tiles_find_each_face_once_wherever_it_stands(left: int) -> None:
    box = (left, 30, left + 20, 50)
    faces = Tiled(WhiteSquares(least_px=15), 128).detect([_frame(200, 400, box)])[0]
    np.testing.assert_array_equal(faces.boxes, [box])


def test_a_face_larger_than_a_tile_is_found_in_the_whole() -> None:
    faces = Tiled(WhiteSquares(least_px=15), 128).detect([_frame(300, 400, (100, 50, 280, 250))])[0]
    assert len(faces) == 1
    np.testing.assert_allclose(faces.boxes, [[100, 50, 280, 250]], atol=4)


def test_settings_choose_the_view() -> None:
    inner = WhiteSquares()
    plain = DetectionSettings(second_look=None)
    assert with_view(inner, plain) is inner
    assert isinstance(with_view(inner, plain.model_copy(update={"max_side_px": 640})), Shrunk)
    assert isinstance(with_view(inner, plain.model_copy(update={"tile_px": 640})), Tiled)
    assert isinstance(with_view(inner, DetectionSettings()), SecondLook)

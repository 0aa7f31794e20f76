"""What a detector sees of a synthetic hall is where its truth says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien import weights
from mien.assembly import load_detector
from mien.core.faces import CropGeometry, FaceDetector, Frame
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.preprocess import crop_transforms
from mien.sources.file import FileSource
from mien.sources.synthetic import Hall, HallSpec, PicturePool
from mien.tracking import box_iou


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    found, _ = load_detector(None, DetectionSettings(second_look=None), InferenceSettings())
    return found


@pytest.fixture(scope="module")
def one_face(detector: FaceDetector) -> PicturePool:
    """The face of the demonstration clip, cut as tightly as the pictures of a data set are."""
    frame = next(iter(FileSource(weights.resolve("demo-clip"), SamplingSettings())))
    landmarks = detector.detect([frame])[0].landmarks[:1]
    transform = crop_transforms(landmarks, CropGeometry(96, side=1.876, raise_centre=0.153))[0]
    crop = cv2.warpAffine(frame.image, transform, (96, 96), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP)
    return PicturePool([np.asarray(crop, np.uint8)], np.array([0], np.intp), np.eye(8, dtype=np.float32)[:1])


def test_a_detector_finds_the_faces_where_the_truth_says(detector: FaceDetector, one_face: PicturePool) -> None:
    made = Hall(HallSpec(width=640, height=360, rows=2, columns=4, face_px=(48.0, 64.0), sway_px=3.0), one_face)
    for index in (0, 17):
        told = made.truth(index / 25).boxes
        found = detector.detect([Frame(made.render(index), index, index / 25)])[0].boxes
        overlap = box_iou(told, found)
        assert overlap.shape == (8, 8)
        assert sorted(overlap.argmax(axis=1)) == list(range(8))
        assert overlap.max(axis=1).min() >= 0.5


def test_truth_moves_with_what_is_seen(detector: FaceDetector, one_face: PicturePool) -> None:
    """Between two frames a found face moves as its truth does, to a pixel; the truth moves by several."""
    if not detector.name.startswith("yunet"):
        pytest.skip(f"YuNet's boxes are even to a pixel, those of {detector.name}, which stands in for it, are not")
    made = Hall(HallSpec(width=640, height=360, rows=2, columns=4, sway_px=6.0), one_face)
    told = [made.truth(index / 25).boxes for index in (0, 40)]
    seen = [detector.detect([Frame(made.render(index), 0, 0.0)])[0].boxes for index in (0, 40)]
    rows = [box_iou(t, s).argmax(axis=1) for t, s in zip(told, seen, strict=True)]
    truly = (told[1] - told[0])[:, :2]
    visibly = [s[r][:, :2] + s[r][:, 2:] for s, r in zip(seen, rows, strict=True)]
    assert np.abs(truly).max() > 5
    assert np.abs((visibly[1] - visibly[0]) / 2 - truly).mean() < 1

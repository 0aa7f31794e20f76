"""What every face detector owes; the files in ``mien/detectors`` are discovered, not listed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from mien import weights
from mien.assembly import load_detector
from mien.core import plugins
from mien.core.errors import WeightsError
from mien.core.faces import FaceDetector, Frame
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.sources.file import create as open_file

NAMES = plugins.available("detectors")


@pytest.fixture(scope="module", params=NAMES)
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    try:
        found, _ = load_detector(request.param, DetectionSettings(second_look=None), InferenceSettings())
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")
    return found


@pytest.fixture(scope="module")
def frame() -> Frame:
    source = open_file(str(weights.resolve("demo-clip")), SamplingSettings())
    return next(iter(source))


def test_there_are_detectors() -> None:
    assert {"yunet", "centerface", "mtcnn", "blazeface"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_plug_in_names_its_weights_and_creates(name: str) -> None:
    module = plugins.load("detectors", name)
    assert set(module.WEIGHTS) <= set(weights.registry())
    assert list(inspect.signature(module.create).parameters) == ["weights", "detection", "inference"]


def test_it_finds_the_face(detector: FaceDetector, frame: Frame) -> None:
    faces = detector.detect([frame])[0]
    assert len(faces) == 1
    x1, y1, x2, y2 = faces.boxes[0]
    assert 0 <= x1 < x2 <= frame.width
    assert 0 <= y1 < y2 <= frame.height
    assert 0.5 <= faces.scores[0] <= 1


def test_landmarks_are_in_order_and_inside_the_face(detector: FaceDetector, frame: Frame) -> None:
    faces = detector.detect([frame])[0]
    left_eye, right_eye, nose, mouth_left, mouth_right = faces.landmarks[0]
    assert left_eye[0] < right_eye[0]
    assert mouth_left[0] < mouth_right[0]
    assert left_eye[1] < nose[1] < mouth_left[1]
    x1, y1, x2, y2 = faces.boxes[0]
    assert (faces.landmarks[0] >= [x1, y1]).all()
    assert (faces.landmarks[0] <= [x2, y2]).all()


def test_any_size(detector: FaceDetector, frame: Frame) -> None:
    for height, width in ((1, 1), (17, 333), (360, 641), (100, 32)):
        image = np.zeros((height, width, 3), np.uint8)
        assert len(detector.detect([Frame(image, 0, 0.0)])[0]) == 0
    odd = np.ascontiguousarray(frame.image[:-7, :-13])
    assert len(detector.detect([Frame(odd, 0, 0.0)])[0]) == 1


def test_it_is_deterministic_and_leaves_the_frame_alone(detector: FaceDetector, frame: Frame) -> None:
    before = frame.image.copy()
    first, second = detector.detect([frame, frame])
    assert (first.boxes == second.boxes).all()
    assert (first.landmarks == second.landmarks).all()
    assert (frame.image == before).all()


def test_faces_come_strongest_first(detector: FaceDetector, frame: Frame) -> None:
    twice = np.ascontiguousarray(np.concatenate([frame.image, frame.image[:, ::-1]], axis=1))
    faces = detector.detect([Frame(twice, 0, 0.0)])[0]
    assert len(faces) == 2
    assert faces.scores[0] >= faces.scores[1]


def test_it_is_identified_by_the_hash_of_its_weights(detector: FaceDetector) -> None:
    assert detector.name in NAMES
    assert len(detector.sha256) == 64

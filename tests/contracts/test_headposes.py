"""What every head pose estimator owes; the files in ``mien/headposes`` are discovered, not listed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from mien import weights
from mien.assembly import load_detector, load_head_pose
from mien.core import plugins
from mien.core.errors import WeightsError
from mien.core.faces import FloatArray, HeadPoseEstimator, UInt8Array
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.sources.file import create as open_file

NAMES = plugins.available("headposes")


@pytest.fixture(scope="module", params=NAMES)
def estimator(request: pytest.FixtureRequest) -> HeadPoseEstimator:
    try:
        return load_head_pose(request.param, InferenceSettings())
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")


@pytest.fixture(scope="module")
def face() -> tuple[UInt8Array, FloatArray]:
    """A real face that looks at the camera, and its landmarks."""
    detector, _ = load_detector(None, DetectionSettings(), InferenceSettings())
    frames = iter(open_file(str(weights.resolve("demo-clip")), SamplingSettings(every_nth=60)))
    next(frames)
    frame = next(frames)
    return frame.image, detector.detect([frame])[0].landmarks


def mirrored(image: UInt8Array, landmarks: FloatArray) -> tuple[UInt8Array, FloatArray]:
    flipped = landmarks[:, [1, 0, 2, 4, 3]].copy()
    flipped[..., 0] = image.shape[1] - 1 - flipped[..., 0]
    return np.ascontiguousarray(image[:, ::-1]), flipped


def test_there_are_estimators() -> None:
    assert {"five_points", "facemesh"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_plug_in_names_its_weights_and_creates(name: str) -> None:
    module = plugins.load("headposes", name)
    assert set(module.WEIGHTS) <= set(weights.registry())
    assert list(inspect.signature(module.create).parameters) == ["weights", "inference"]


def test_it_is_named_and_identified_by_its_weights(estimator: HeadPoseEstimator) -> None:
    assert estimator.name in NAMES
    files = plugins.load("headposes", estimator.name).WEIGHTS
    assert (estimator.sha256 is None) == (len(files) == 0)


def test_a_face_that_looks_at_the_camera_is_hardly_turned(
    estimator: HeadPoseEstimator, face: tuple[UInt8Array, FloatArray]
) -> None:
    (poses,) = estimator.estimate([face[0]], [face[1]])
    assert abs(poses.yaw[0]) < 12
    assert abs(poses.pitch[0]) < 20
    assert abs(poses.roll[0]) < 12


def test_a_mirrored_face_is_turned_the_other_way(
    estimator: HeadPoseEstimator, face: tuple[UInt8Array, FloatArray]
) -> None:
    image, landmarks = mirrored(*face)
    one, other = estimator.estimate([face[0], image], [face[1], landmarks])
    assert one.yaw[0] == pytest.approx(-other.yaw[0], abs=3)
    assert one.pitch[0] == pytest.approx(other.pitch[0], abs=3)
    assert one.roll[0] == pytest.approx(-other.roll[0], abs=3)


def test_faces_of_several_pictures_come_back_in_order(
    estimator: HeadPoseEstimator, face: tuple[UInt8Array, FloatArray]
) -> None:
    image, landmarks = face
    turned = mirrored(image, landmarks)
    none = np.zeros((0, 5, 2), np.float32)
    twice = np.concatenate([landmarks] * 2)
    poses = estimator.estimate([image, image, turned[0], image], [twice, none, turned[1], landmarks])
    assert [len(p.yaw) for p in poses] == [2, 0, 1, 1]
    assert poses[0].yaw[0] == pytest.approx(poses[3].yaw[0], abs=0.01)
    assert poses[0].yaw[1] == pytest.approx(poses[3].yaw[0], abs=0.01)
    for angles in poses[2]:
        assert angles.dtype == np.float32


def test_no_face_at_all(estimator: HeadPoseEstimator, face: tuple[UInt8Array, FloatArray]) -> None:
    (poses,) = estimator.estimate([face[0]], [np.zeros((0, 5, 2), np.float32)])
    assert [len(angles) for angles in poses] == [0, 0, 0]


def test_it_leaves_the_picture_alone(estimator: HeadPoseEstimator, face: tuple[UInt8Array, FloatArray]) -> None:
    before = face[0].copy()
    estimator.estimate([face[0]], [face[1]])
    assert (face[0] == before).all()

"""MTCNN: three networks out of their arrays, and squares cut from a frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien import weights
from mien.core.errors import WeightsError
from mien.core.faces import FaceDetector, FloatArray, Frame
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.detectors._joblib import read_arrays
from mien.detectors._mtcnn_graphs import output_network, proposal_network, refinement_network
from mien.detectors.mtcnn import WEIGHTS, _cut, create
from mien.inference import open_session
from mien.sources.file import create as open_file
from mien.tracking import box_iou

SETTINGS = DetectionSettings(second_look=None)


@pytest.fixture(scope="module")
def published() -> list[Weights]:
    try:
        return [weights.load(name) for name in WEIGHTS]
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")


@pytest.fixture(scope="module")
def detector(published: list[Weights]) -> FaceDetector:
    return create(published, SETTINGS, InferenceSettings())


@pytest.fixture(scope="module")
def frame() -> Frame:
    return next(iter(open_file(str(weights.resolve("demo-clip")), SamplingSettings())))


def layer(picture: FloatArray, arrays: list[FloatArray]) -> FloatArray:
    """A convolution without padding and its slope, H×W×C, as the paper has it."""
    kernel, bias, slope = arrays
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape[:2], axis=(0, 1))
    found = np.einsum("hwcij,ijco->hwo", windows, kernel) + bias
    return np.asarray(np.where(found > 0, found, found * slope.reshape(-1)), np.float32)


def test_the_first_network_is_its_arrays_applied_in_turn(published: list[Weights]) -> None:
    arrays = read_arrays(published[0].content)
    picture = np.random.default_rng(3).uniform(-1, 1, (12, 12, 3)).astype(np.float32)
    told = layer(picture, arrays[0:3])
    told = told.reshape(5, 2, 5, 2, -1).max(axis=(1, 3))
    told = layer(layer(told, arrays[3:6]), arrays[6:9])
    moves = told @ arrays[9][0, 0] + arrays[10]
    logits = (told @ arrays[11][0, 0] + arrays[12])[0, 0]
    session = open_session(proposal_network(arrays), "proposals", InferenceSettings())
    chance, moved = session.run(None, {"input": picture.transpose(2, 0, 1)[None]})
    assert chance.shape == (1, 1, 1)
    assert chance[0, 0, 0] == pytest.approx(np.exp(logits[1]) / np.exp(logits).sum(), abs=1e-5)
    np.testing.assert_allclose(moved[0, :, 0, 0], moves[0, 0], atol=1e-5)


@pytest.mark.parametrize("build", [proposal_network, refinement_network, output_network])
def test_arrays_of_another_network_are_refused(build: object) -> None:
    with pytest.raises(WeightsError, match="not the arrays"):
        build([np.zeros((3, 3, 3, 11), np.float32), np.zeros(11, np.float32)])  # type: ignore[operator]


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 2.0])
def test_a_face_is_found_once_whatever_its_size(detector: FaceDetector, frame: Frame, scale: float) -> None:
    (whole,) = detector.detect([frame])
    size = (round(frame.width * scale), round(frame.height * scale))
    scaled = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    (found,) = detector.detect([Frame(scaled, 0, 0.0)])
    assert len(found) == 1
    assert box_iou(found.boxes / scale, whole.boxes)[0, 0] > 0.7


def test_a_square_is_cut_black_beyond_the_edges() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    cut = _cut(image, np.array([-10, 0, 10, 20], np.float32), 20)
    assert (cut[:, :10] == 0).all()
    assert (cut[:, 10:] == 200).all()
    assert (_cut(image, np.array([30, 30, 50, 50], np.float32), 24) == 0).all()


def test_a_higher_threshold_only_takes_faces_away(published: list[Weights], frame: Frame) -> None:
    twice = np.ascontiguousarray(np.concatenate([frame.image, frame.image[:, ::-1] // 3], axis=1))
    easy, strict = (
        create(published, DetectionSettings(threshold=least), InferenceSettings()).detect([Frame(twice, 0, 0.0)])[0]
        for least in (0.3, 0.95)
    )
    assert len(strict) <= len(easy)
    assert (strict.scores >= 0.95).all()

"""BlazeFace: its graph is the original's, its scales agree, and a mouth's corners lie along the eyes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mien import weights
from mien.core.errors import WeightsError
from mien.core.faces import Frame
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings, SamplingSettings
from mien.detectors.blazeface import WEIGHTS, create, five_points
from mien.inference import open_session
from mien.sources.file import create as open_file
from mien.tflite import to_onnx
from mien.tracking import box_iou

SETTINGS = DetectionSettings(second_look=None)


@pytest.fixture(scope="module")
def published() -> Weights:
    try:
        return weights.load(WEIGHTS[0])
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")


@pytest.fixture(scope="module")
def frame() -> Frame:
    return next(iter(open_file(str(weights.resolve("demo-clip")), SamplingSettings())))


@pytest.mark.parametrize("any_size", [False, True])
def test_it_computes_what_the_original_runtime_computes(published: Weights, any_size: bool) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    original = interpreters.Interpreter(model_content=published.content, num_threads=1)
    original.allocate_tensors()
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 192, 192, 3)).astype(np.float32)
    original.set_tensor(original.get_input_details()[0]["index"], picture)
    original.invoke()
    session = open_session(to_onnx(published.content, any_size=any_size), "converted", InferenceSettings())
    for ours, output in zip(session.run(None, {"input": picture}), original.get_output_details(), strict=True):
        expected = original.get_tensor(output["index"])
        assert ours.shape == expected.shape
        assert np.abs(ours - expected).max() < 1e-3


@pytest.mark.parametrize("scale", [0.15, 0.3, 0.6, 1.0, 2.5])
def test_a_face_is_found_once_whatever_its_size(published: Weights, frame: Frame, scale: float) -> None:
    detector = create([published], SETTINGS, InferenceSettings())
    (whole,) = detector.detect([frame])
    size = (round(frame.width * scale), round(frame.height * scale))
    scaled = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    (found,) = detector.detect([Frame(scaled, 0, 0.0)])
    assert len(found) == 1
    assert box_iou(found.boxes / scale, whole.boxes)[0, 0] > 0.6


def test_the_corners_of_a_mouth_lie_along_the_eyes() -> None:
    told = np.array([[[0, 0], [8, 6], [4, 9], [1, 16]]], np.float32)
    points = five_points(told)[0]
    np.testing.assert_array_equal(points[:3], told[0, :3])
    along = points[4] - points[3]
    assert along @ np.array([-6, 8]) == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose((points[3] + points[4]) / 2, told[0, 3], atol=1e-6)


def test_what_is_no_graph_is_refused_by_name() -> None:
    with pytest.raises(WeightsError, match="broken"):
        create([Weights("broken", b"nothing", "0" * 64)], SETTINGS, InferenceSettings())

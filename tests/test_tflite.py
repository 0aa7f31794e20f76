"""A TensorFlow Lite graph as ONNX gives what TensorFlow Lite's own runtime gives."""

from __future__ import annotations

import numpy as np
import pytest

from mien import weights
from mien.core.errors import WeightsError
from mien.core.settings import InferenceSettings
from mien.headposes._face_bundle import read_bundle
from mien.inference import open_session
from mien.tflite import to_onnx


@pytest.fixture(scope="module")
def network() -> bytes:
    try:
        return read_bundle(weights.load("face-landmarker").content).network
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")


def pictures() -> np.ndarray:
    """Noise, and two soft pictures; float32 3×256×256×3, 0–1."""
    generator = np.random.default_rng(0)
    soft = generator.random((2, 16, 16, 3)).repeat(16, axis=1).repeat(16, axis=2)
    return np.concatenate([generator.random((1, 256, 256, 3)), soft]).astype(np.float32)


def test_it_computes_what_the_original_runtime_computes(network: bytes) -> None:
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    original = interpreters.Interpreter(model_content=network, num_threads=1)
    original.allocate_tensors()
    (entry,) = original.get_input_details()
    session = open_session(to_onnx(network), "converted", InferenceSettings())
    batch = pictures()
    together = session.run(None, {"input": batch})
    for row, picture in enumerate(batch):
        original.set_tensor(entry["index"], picture[None])
        original.invoke()
        for output, ours in zip(original.get_output_details(), together, strict=True):
            expected = original.get_tensor(output["index"])
            # Landmarks run over 256 pixels: a hundredth of a pixel.
            assert ours[row : row + 1].shape == expected.shape
            assert np.abs(ours[row : row + 1] - expected).max() < 0.01


def test_a_face_alone_and_in_a_batch_are_the_same(network: bytes) -> None:
    session = open_session(to_onnx(network), "converted", InferenceSettings())
    batch = pictures()
    together = session.run(None, {"input": batch})[0]
    alone = session.run(None, {"input": batch[1:2]})[0]
    assert np.abs(together[1:2] - alone).max() < 0.01


@pytest.mark.parametrize("content", [b"", b"no graph at all", b"\0\0\0\0TFL3" + bytes(64), bytes(1000)])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(WeightsError):
        to_onnx(content)


def test_a_graph_cut_short_is_refused(network: bytes) -> None:
    with pytest.raises(WeightsError):
        to_onnx(network[: len(network) // 2])

"""MTCNN's three networks as ONNX graphs, from their arrays in the order in which the layers follow each other.

A layer is a kernel (H×W×in×out, or in×out), a bias and, but for the last ones, a slope for what is below zero. Inputs
are float32 N×3×H×W; the probability of a face comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mien.core.errors import WeightsError
from mien.core.faces import FloatArray

OPSET: Final = 17
_IR: Final = 8
_SHAPES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "proposal": ((3, 3, 3, 10), (3, 3, 10, 16), (3, 3, 16, 32), (1, 1, 32, 4), (1, 1, 32, 2)),
    "refinement": ((3, 3, 3, 28), (3, 3, 28, 48), (2, 2, 48, 64), (576, 128), (128, 4), (128, 2)),
    "output": (
        *((3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (2, 2, 64, 128)),
        *((1152, 256), (256, 4), (256, 10), (256, 2)),
    ),
}


def proposal_network(arrays: Sequence[FloatArray]) -> bytes:
    """Probability N×h×w and moves N×4×h×w of each square of 12 pixels, at every second pixel of a picture of any size.

    Raises:
        WeightsError: the arrays are not this network's.
    """
    net = _Net("proposal", arrays)
    net.convolve()
    net.pool(2)
    net.convolve()
    net.convolve()
    return net.finish(["moves"], "height", "width")


def refinement_network(arrays: Sequence[FloatArray]) -> bytes:
    """Probability N and moves N×4 of pictures of 24 pixels.

    Raises:
        WeightsError: the arrays are not this network's.
    """
    net = _Net("refinement", arrays)
    net.convolve()
    net.pool(3)
    net.convolve()
    net.pool(3, whole_only=True)
    net.convolve()
    net.connect()
    return net.finish(["moves"], 24, 24)


def output_network(arrays: Sequence[FloatArray]) -> bytes:
    """Probability N, moves N×4 and landmarks N×10 of pictures of 48 pixels.

    Raises:
        WeightsError: the arrays are not this network's.
    """
    net = _Net("output", arrays)
    net.convolve()
    net.pool(3)
    net.convolve()
    net.pool(3, whole_only=True)
    net.convolve()
    net.pool(2)
    net.convolve()
    net.connect()
    return net.finish(["moves", "landmarks"], 48, 48)


class _Net:
    """A graph while it grows, and the arrays that are left for it."""

    def __init__(self, name: str, arrays: Sequence[FloatArray]) -> None:
        if tuple(array.shape for array in arrays if array.ndim == 4 or array.ndim == 2) != _SHAPES[name]:
            raise WeightsError(f"these are not the arrays of MTCNN's {name} network")
        self._name = name
        self._left = list(arrays)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._at = "input"
        self._flat = False

    def convolve(self) -> None:
        """A convolution without padding, and its slope."""
        self._at = self._weighted(self._at)
        self._slope()

    def pool(self, window: int, *, whole_only: bool = False) -> None:
        """The largest of each window, every second pixel; what juts out at the end counts unless told otherwise."""
        padding = "VALID" if whole_only else "SAME_UPPER"
        self._at = self._add("MaxPool", [self._at], kernel_shape=[window] * 2, strides=[2, 2], auto_pad=padding)

    def connect(self) -> None:
        """All pixels, column after column, to all of the next layer."""
        self._at = self._add("Transpose", [self._at], perm=[0, 3, 2, 1])
        self._at = self._add("Flatten", [self._at])
        self._flat = True
        self._at = self._weighted(self._at)
        self._slope()

    def finish(self, told: Sequence[str], height: int | str, width: int | str) -> bytes:
        """The heads, of which the last tells whether there is a face; the serialised graph."""
        heads = [self._weighted(self._at) for _ in (*told, "face")]
        both = self._add("Softmax", [heads.pop()], axis=1)
        second = self._constant(np.array(1, np.int64))
        self._nodes.append(helper.make_node("Gather", [both, second], ["face"], axis=1))
        outputs = [helper.make_tensor_value_info("face", onnx.TensorProto.FLOAT, None)]
        for head, name in zip(heads, told, strict=True):
            self._nodes.append(helper.make_node("Identity", [head], [name]))
            outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        source = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["N", 3, height, width])
        graph = helper.make_graph(self._nodes, f"mtcnn {self._name}", [source], outputs, self._constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR)
        return bytes(made.SerializeToString())

    def _weighted(self, source: str) -> str:
        kernel, bias = self._left.pop(0), self._left.pop(0)
        if self._flat:
            return self._add("Gemm", [source, self._constant(kernel), self._constant(bias)])
        return self._add("Conv", [source, self._constant(kernel.transpose(3, 2, 0, 1)), self._constant(bias)])

    def _slope(self) -> None:
        slope = self._left.pop(0).reshape(-1)
        self._at = self._add("PRelu", [self._at, self._constant(slope if self._flat else slope[:, None, None])])

    def _constant(self, array: np.ndarray[Any, Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def _add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

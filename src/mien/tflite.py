"""TensorFlow Lite graphs as ONNX, so that one runtime opens every network of ours.

It knows the operations that small networks for faces are made of, in 32-bit floats (weights may be stored as 16-bit
floats, and with their zeros left out), and refuses any other. Pictures become channel-first inside, and the batch is
left open. The format is that of ``schema.fbs`` in TensorFlow Lite: a FlatBuffer whose tables number their fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from mien.core.errors import WeightsError

OPSET: Final = 17
_IR: Final = 8
_FILE_MARK: Final = b"TFL3"
_DTYPES: Final[dict[int, np.dtype[Any]]] = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 2: np.dtype("<i4")}
_NO_ACTIVATION, _RELU, _RELU6 = 0, 1, 3
_SAME: Final = 0

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a FlatBuffer: fields by their number in the schema; one that is absent has its default."""

    data: bytes
    at: int

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _field(self, number: int) -> int:
        """Where a field lies; 0 when it is absent."""
        fields = self.at - int(struct.unpack_from("<i", self.data, self.at)[0])
        size = int(struct.unpack_from("<H", self.data, fields)[0])
        slot = 4 + 2 * number
        offset = int(struct.unpack_from("<H", self.data, fields + slot)[0]) if slot < size else 0
        return self.at + offset if offset else 0

    def number(self, number: int, form: str, default: int = 0) -> int:
        at = self._field(number)
        return int(struct.unpack_from("<" + form, self.data, at)[0]) if at else default

    def table(self, number: int) -> _Table | None:
        at = self._field(number)
        return _Table(self.data, at + struct.unpack_from("<I", self.data, at)[0]) if at else None

    def _vector(self, number: int) -> tuple[int, int]:
        """Begin and length of a vector."""
        at = self._field(number)
        if not at:
            return 0, 0
        begin = at + struct.unpack_from("<I", self.data, at)[0]
        return begin + 4, struct.unpack_from("<I", self.data, begin)[0]

    def numbers(self, number: int) -> tuple[int, ...]:
        begin, length = self._vector(number)
        return struct.unpack_from(f"<{length}i", self.data, begin)

    def raw(self, number: int) -> bytes:
        begin, length = self._vector(number)
        return self.data[begin : begin + length]

    def array(self, number: int, dtype: str) -> Array:
        begin, length = self._vector(number)
        return np.frombuffer(self.data, dtype, length, begin)

    def tables(self, number: int) -> Iterator[_Table]:
        begin, length = self._vector(number)
        for at in range(begin, begin + 4 * length, 4):
            yield _Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor of the graph: its shape, as stored, and its content where it is constant."""

    shape: tuple[int, ...]
    content: Array | None


@dataclass(slots=True)
class _Graph:
    """The ONNX graph while it grows. Tensors are called by their number; pictures are channel-first."""

    tensors: list[_Tensor]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    known: dict[int, Array] = field(default_factory=dict)

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def content(self, tensor: int) -> Array:
        """A constant tensor's content.

        Raises:
            WeightsError: it is computed.
        """
        stored = self.known.get(tensor, self.tensors[tensor].content)
        if stored is None:
            raise WeightsError("its weights are not constant")
        return stored

    def add_activated(self, activation: int, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """A node and the activation that is fused with it.

        Raises:
            WeightsError: the activation is not known here.
        """
        if activation == _NO_ACTIVATION:
            self.add(kind, inputs, output, **attributes)
            return
        between = f"{output}_before"
        self.add(kind, inputs, between, **attributes)
        if activation == _RELU:
            self.add("Relu", [between], output)
        elif activation == _RELU6:
            limits = [self.constant(np.array(limit, np.float32)) for limit in (0.0, 6.0)]
            self.add("Clip", [between, *limits], output)
        else:
            raise WeightsError(f"activation {activation} is not known here")


def to_onnx(content: bytes, *, any_size: bool = False) -> bytes:
    """A TensorFlow Lite graph as a serialised ONNX graph.

    Args:
        content: the ``.tflite`` file; one input of 1×H×W×C float32.
        any_size: leave the picture's size open as well. Only a graph that is convolutions all through bears that, and
            only sides that are multiples of its stride give what the original would give at that size.

    Returns:
        A graph whose input ``input`` is float32 N×H×W×C and whose outputs ``output_0``, ``output_1``, … have the
        original's shapes with N in front.

    Raises:
        WeightsError: it is no such graph, or uses what is not known here.
    """
    try:
        return _convert(content, any_size)
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise WeightsError(f"it is not a TensorFlow Lite graph that can be read: {error}") from error


def _convert(content: bytes, any_size: bool) -> bytes:
    if content[4:8] != _FILE_MARK:
        raise WeightsError("it is not a TensorFlow Lite graph")
    model = _Table.root(content)
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    buffers = [buffer.raw(0) for buffer in model.tables(4)]
    main, *others = model.tables(2)
    if others:
        raise WeightsError("it has more than one graph")
    graph = _Graph([_tensor(one, buffers) for one in main.tables(0)])
    (entry,) = main.numbers(1)
    graph.add("Transpose", ["input"], f"t{entry}", perm=[0, 3, 1, 2])
    for operator in main.tables(3):
        code = codes[operator.number(0, "I")]
        if code not in _OPERATIONS:
            raise WeightsError(f"operation {code} is not known here")
        _OPERATIONS[code](graph, operator, operator.numbers(1), operator.numbers(2)[0])
    outputs = []
    for position, tensor in enumerate(main.numbers(2)):
        shape, name = graph.tensors[tensor].shape, f"output_{position}"
        flat = len(shape) != 4
        graph.add("Identity" if flat else "Transpose", [f"t{tensor}"], name, **({} if flat else {"perm": [0, 2, 3, 1]}))
        outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, _told(shape, name, any_size)))
    entered = _told(graph.tensors[entry].shape, "input", any_size)
    source = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, entered)
    built = helper.make_graph(graph.nodes, "from TensorFlow Lite", [source], outputs, graph.constants)
    made = helper.make_model(built, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR)
    return bytes(made.SerializeToString())


def _told(shape: tuple[int, ...], name: str, any_size: bool) -> list[int | str]:
    """A shape with the batch, and the size of a picture, left open."""
    inner: list[int | str] = list(shape[1:])
    if any_size and len(shape) > 2:
        inner[:-1] = [f"{name}_{axis}" for axis in range(len(inner) - 1)]
    return ["N", *inner]


def _tensor(table: _Table, buffers: list[bytes]) -> _Tensor:
    shape = table.numbers(0)
    raw = buffers[table.number(2, "I")]
    if not raw:
        return _Tensor(shape, None)
    kind = table.number(1, "b")
    if kind not in _DTYPES:
        raise WeightsError(f"tensors of type {kind} are not known here")
    stored: Array = np.frombuffer(raw, _DTYPES[kind])
    sparsity = table.table(6)
    return _Tensor(shape, stored.reshape(shape) if sparsity is None else _dense(stored, shape, sparsity))


_DENSE_AXIS: Final = 0
_INDEX_DTYPES: Final = {1: "<i4", 2: "<u2", 3: "u1"}


def _dense(stored: Array, shape: tuple[int, ...], sparsity: _Table) -> Array:
    """A tensor whose zeros were left out.

    Its axes are stored one inside the other, in the order given; of each only the places that hold something are
    listed, or all of them are there. Blocks are further axes, each within one of the tensor's.

    Raises:
        WeightsError: it is stored in a way that is not known here.
    """
    order, blocks = sparsity.numbers(0), sparsity.numbers(1)
    axes = list(sparsity.tables(2))
    if len(order) != len(axes) or len(order) != len(shape) + len(blocks):
        raise WeightsError("a tensor's zeros are left out in a way that is not known here")
    sides = [axis.number(1, "i") for axis in axes[len(shape) :]]
    places: Array = np.zeros((1, 0), np.int64)
    for axis in axes:
        if axis.number(0, "b") == _DENSE_AXIS:
            length = axis.number(1, "i")
            parents, index = np.repeat(np.arange(len(places)), length), np.tile(np.arange(length), len(places))
        else:
            starts, index = (_indices(axis, field).astype(np.int64) for field in (2, 4))
            parents = np.repeat(np.arange(len(places)), np.diff(starts))
        places = np.concatenate([places[parents], index[:, None]], axis=1)
    where = np.zeros((len(places), len(shape)), np.int64)
    for level, dimension in enumerate(order):
        if dimension < len(shape):
            inside = [side for side, of in zip(sides, blocks, strict=True) if of == dimension]
            where[:, dimension] += places[:, level] * int(np.prod(inside, dtype=np.int64))
        else:
            where[:, blocks[dimension - len(shape)]] += places[:, level]
    full = np.zeros(shape, stored.dtype)
    full[tuple(where.T)] = stored
    return full


def _indices(axis: _Table, field: int) -> Array:
    kind, held = axis.number(field, "B"), axis.table(field + 1)
    if kind not in _INDEX_DTYPES or held is None:
        raise WeightsError("a tensor's zeros are left out in a way that is not known here")
    return held.array(0, _INDEX_DTYPES[kind])


def _convolution(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    _any_convolution(graph, operator, inputs, output, depthwise=False)


def _depthwise(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    _any_convolution(graph, operator, inputs, output, depthwise=True)


def _any_convolution(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int, *, depthwise: bool) -> None:
    options = _options(operator)
    later = 1 if depthwise else 0
    stride = (options.number(2, "i"), options.number(1, "i"))
    dilation = (options.number(5 + later, "i", 1), options.number(4 + later, "i", 1))
    kernel = graph.content(inputs[1])
    # As stored: filters×H×W×channels, or 1×H×W×channels where each channel has filters of its own.
    weights = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
    picture = graph.tensors[inputs[0]].shape
    names = [f"t{inputs[0]}", graph.constant(weights.astype(np.float32))]
    if len(inputs) > 2 and inputs[2] >= 0:
        names.append(graph.constant(graph.content(inputs[2]).astype(np.float32)))
    graph.add_activated(
        options.number(3 + later, "b"),
        "Conv",
        names,
        f"t{output}",
        strides=list(stride),
        dilations=list(dilation),
        group=picture[3] if depthwise else 1,
        pads=_pads(options, picture, kernel.shape[1:3], stride, dilation),
    )


def _pooling(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    options = _options(operator)
    stride = (options.number(2, "i"), options.number(1, "i"))
    window = (options.number(4, "i"), options.number(3, "i"))
    graph.add_activated(
        options.number(5, "b"),
        "MaxPool",
        [f"t{inputs[0]}"],
        f"t{output}",
        kernel_shape=list(window),
        strides=list(stride),
        pads=_pads(options, graph.tensors[inputs[0]].shape, window, stride, (1, 1)),
    )


def _pads(
    options: _Table,
    picture: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> list[int]:
    """Rows and columns before and after the picture: TensorFlow's SAME puts the odd one after."""
    if options.number(0, "b") != _SAME:
        return [0, 0, 0, 0]
    total = [
        max((-(-picture[1 + axis] // stride[axis]) - 1) * stride[axis] + (window[axis] - 1) * dilation[axis] + 1
            - picture[1 + axis], 0)
        for axis in (0, 1)
    ]  # fmt: skip
    before = [one // 2 for one in total]
    return [*before, *(one - first for one, first in zip(total, before, strict=True))]


def _addition(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    if any(graph.tensors[tensor].shape != graph.tensors[output].shape for tensor in inputs):
        raise WeightsError("only tensors of one shape are added here")
    activation = _options(operator).number(0, "b")
    graph.add_activated(activation, "Add", [f"t{tensor}" for tensor in inputs], f"t{output}")


def _padding(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    pads = graph.content(inputs[1]).astype(np.int64)[[0, 3, 1, 2]]
    graph.add("Pad", [f"t{inputs[0]}", graph.constant(pads.T.reshape(-1))], f"t{output}")


def _leaky(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    """``slope · x + (1 − slope) · max(x, 0)``, scaled by 1×1 convolutions of single channels.

    ONNX Runtime keeps its blocked layout through convolutions, and leaves it for a ``PRelu``, which costs as much as
    all the rest of such a network.
    """
    slope = graph.content(inputs[1]).astype(np.float32)
    if slope.size != slope.shape[-1]:
        raise WeightsError("only slopes by channel are known here")
    scale = slope.reshape(-1, 1, 1, 1)
    source, positive, *parts = f"t{inputs[0]}", *(f"t{output}_{part}" for part in ("positive", "slope", "rest"))
    graph.add("Relu", [source], positive)
    for of, weights, part in zip((source, positive), (scale, 1 - scale), parts, strict=True):
        graph.add("Conv", [of, graph.constant(weights)], part, group=slope.size)
    graph.add("Add", parts, f"t{output}")


def _logistic(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    graph.add("Sigmoid", [f"t{inputs[0]}"], f"t{output}")


def _reshape(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    source, shape, target = f"t{inputs[0]}", graph.tensors[inputs[0]].shape, graph.tensors[output].shape
    if len(target) == 4 and max(target[1:3]) > 1:
        raise WeightsError("nothing is reshaped into a picture here")
    # Zero keeps the batch as it is.
    to = [0, *target[1:]]
    if len(shape) == 4 and max(shape[1:3]) > 1:
        if len(target) != 3:
            raise WeightsError("a picture is reshaped into rows only here")
        source, to[1] = f"t{output}_pixels", -1
        graph.add("Transpose", [f"t{inputs[0]}"], source, perm=[0, 2, 3, 1])
    graph.add("Reshape", [source, graph.constant(np.array(to, np.int64))], f"t{output}")


def _enlarge(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    options, before, after = _options(operator), graph.tensors[inputs[0]].shape, graph.tensors[output].shape
    if options.number(2, "b") or not options.number(3, "b"):
        raise WeightsError("pictures are enlarged by the centres of their pixels only here")
    scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
    names = [f"t{inputs[0]}", "", graph.constant(scales)]
    graph.add("Resize", names, f"t{output}", mode="linear", coordinate_transformation_mode="half_pixel")


def _depth_to_space(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    side = _options(operator).number(0, "i")
    graph.add("DepthToSpace", [f"t{inputs[0]}"], f"t{output}", blocksize=side, mode="DCR")


def _filled_in(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    graph.known[output] = graph.content(inputs[0])


def _stored_small(graph: _Graph, operator: _Table, inputs: tuple[int, ...], output: int) -> None:
    graph.known[output] = graph.content(inputs[0]).astype(np.float32)


def _options(operator: _Table) -> _Table:
    found = operator.table(4)
    if found is None:
        raise WeightsError("an operation lacks its options")
    return found


_OPERATIONS: Final[dict[int, Callable[[_Graph, _Table, tuple[int, ...], int], None]]] = {
    0: _addition,
    3: _convolution,
    4: _depthwise,
    5: _depth_to_space,
    6: _stored_small,
    14: _logistic,
    17: _pooling,
    22: _reshape,
    23: _enlarge,
    34: _padding,
    54: _leaky,
    124: _filled_in,
}
"""By their number in the schema's ``BuiltinOperator``."""

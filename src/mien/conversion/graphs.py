"""ONNX graphs in other number formats: back to 32-bit floats, in 16-bit floats, in eight-bit integers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from mien.core.errors import WeightsError
from mien.core.faces import FloatArray

BATCH: Final = 64
_QUANTISED: Final = ("QuantizeLinear", "DequantizeLinear")

Array = npt.NDArray[Any]


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether a graph rounds between its layers (the pairs of ``QuantizeLinear`` and ``DequantizeLinear``)."""
    return any(node.op_type in _QUANTISED for node in model.graph.node)


def in_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    """A quantised graph in 32-bit floats, which every converter reads; one in floats comes back as it is.

    Weights keep the values that their integers stand for. Rounding between layers goes, but for what it cut off below:
    where the smallest integer stands for 0, quantising has taken the place of a ``Relu``, and one is put back.

    Raises:
        WeightsError: the graph holds integer operations, not pairs of rounding.
    """
    if not is_quantised(model):
        return model
    graph = model.graph
    known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    same: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in known:
            constants.append(numpy_helper.from_array(_value(node, known), node.output[0]))
        elif node.op_type == "DequantizeLinear":
            same[node.output[0]] = same[node.input[0]]
        elif node.op_type == "QuantizeLinear":
            source = same.get(node.input[0], node.input[0])
            if _cuts_at_zero(node, known):
                name = f"{node.output[0]}_positive"
                nodes.append(helper.make_node("Relu", [source], [name]))
                source = name
            same[node.output[0]] = source
        else:
            if "Integer" in node.op_type or node.op_type.startswith("QLinear"):
                raise WeightsError(
                    f"the graph computes in integers ({node.op_type}), and no floats can be had of it: export the "
                    "model that it was made from"
                )
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[:] = [same.get(name, name) for name in node.input]
            nodes.append(copy)
    ends = {one.name for one in graph.output}
    nodes += [helper.make_node("Identity", [same[name]], [name]) for name in ends & same.keys()]
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    used = {name for node in nodes for name in node.input}
    for entries, content in (
        (plain.graph.node, nodes),
        (plain.graph.initializer, [t for t in (*graph.initializer, *constants) if t.name in used]),
        (plain.graph.value_info, []),
    ):
        del entries[:]
        entries.extend(content)
    onnx.checker.check_model(plain)
    return plain


def in_half_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    """A graph whose weights and arithmetic are 16-bit floats; what goes in and comes out stays 32-bit.

    Raises:
        WeightsError: a weight does not fit, or an operation is unknown.
    """
    # Conversion alone: no session is opened, and telemetry is off before the library is imported.
    import mien.inference  # noqa: F401, I001
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        half: onnx.ModelProto = convert_float_to_float16(in_floats(model), keep_io_types=True)
    except (ValueError, RuntimeError) as error:
        raise WeightsError(f"the graph cannot be told in 16-bit floats: {str(error).splitlines()[0]}") from error
    return half


def quantise(model: onnx.ModelProto, inputs: FloatArray) -> onnx.ModelProto:
    """The graph in eight-bit integers: static ranges, weights per channel.

    Weights use seven bits, so that CPUs without VNNI do not saturate and every machine gives the same answer.

    Args:
        model: a float32 graph with one input.
        inputs: float32 N×C×S×S, faces that show the ranges.
    """
    import mien.inference  # noqa: F401, I001
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    entrance = model.graph.input[0].name

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._starts = iter(range(0, len(inputs), BATCH))

        def get_next(self) -> dict[str, FloatArray] | None:
            start = next(self._starts, None)
            return None if start is None else {entrance: inputs[start : start + BATCH]}

    with tempfile.TemporaryDirectory() as name:
        plain, prepared, small = (Path(name) / f"{stage}.onnx" for stage in ("plain", "prepared", "small"))
        onnx.save(model, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            small,
            Pictures(),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(small)


def _value(node: onnx.NodeProto, known: dict[str, Array]) -> Array:
    """What a constant's integers stand for: ``(integer − zero) · scale``, of the whole or along one axis."""
    stored, scale = known[node.input[0]], known[node.input[1]]
    zero = known[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros_like(scale, np.int32)
    along = next((helper.get_attribute_value(one) for one in node.attribute if one.name == "axis"), 1)
    if scale.ndim:
        shape = [1] * stored.ndim
        shape[along] = -1
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((stored.astype(np.int32) - zero.astype(np.int32)) * scale, np.float32)


def _cuts_at_zero(node: onnx.NodeProto, known: dict[str, Array]) -> bool:
    """Whether no value below 0 comes through: the smallest integer of its type stands for 0."""
    if len(node.input) < 3 or not node.input[2]:
        return True
    zero = known[node.input[2]]
    return bool((zero == np.iinfo(zero.dtype).min).all())

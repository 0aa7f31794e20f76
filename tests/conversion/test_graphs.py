"""Graphs in other number formats."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.conversion.graphs import in_floats, in_half_floats, is_quantised, quantise
from mien.core.errors import WeightsError
from mien.core.faces import FloatArray
from mien.core.settings import InferenceSettings
from mien.inference import open_session
from tests.conversion.nets import SIDE, graph

INPUTS: FloatArray = np.random.default_rng(5).normal(0, 1, (96, 1, SIDE, SIDE)).astype(np.float32)


def answers(model: onnx.ModelProto) -> FloatArray:
    session = open_session(model.SerializeToString(), "it", InferenceSettings(providers=("CPUExecutionProvider",)))
    return np.asarray(session.run(None, {"pictures": INPUTS})[0])


def test_a_graph_of_floats_is_left_as_it_is() -> None:
    model = graph()
    assert in_floats(model) is model


def test_integers_answer_nearly_as_floats_do() -> None:
    plain, small = graph(), quantise(graph(), INPUTS)
    assert is_quantised(small)
    assert np.abs(answers(small) - answers(plain)).max() < 0.05 * np.ptp(answers(plain))


def test_weights_are_seven_bits_per_channel() -> None:
    """What a CPU without VNNI adds up in 16 bits does not overflow then."""
    model = quantise(graph(), INPUTS)
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    kernels = [array for array in stored.values() if array.dtype == np.int8 and array.ndim == 4]
    assert len(kernels) == 3
    assert all(np.abs(kernel.astype(int)).max() <= 64 for kernel in kernels)
    assert any(array.ndim == 1 and len(array) == 16 for name, array in stored.items() if name.endswith("_scale"))


def test_integers_go_back_to_floats_that_no_longer_round() -> None:
    small = quantise(graph(), INPUTS)
    back = in_floats(small)
    assert not is_quantised(back)
    assert {node.op_type for node in back.graph.node} >= {"Conv", "Relu", "Gemm"}
    assert [one.name for one in back.graph.output] == ["logits"]
    assert np.abs(answers(back) - answers(graph())).max() < 0.05 * np.ptp(answers(graph()))


def test_where_quantising_took_the_place_of_a_relu_one_is_put_back() -> None:
    """Without it, what is below zero would come through: the graph would be another one."""
    small = quantise(graph(), INPUTS)
    assert sum(node.op_type == "Relu" for node in small.graph.node) < 3
    assert sum(node.op_type == "Relu" for node in in_floats(small).graph.node) >= 3


def test_half_floats_are_half_the_size_and_take_and_give_whole_ones() -> None:
    plain, half = graph(), in_half_floats(graph())
    assert len(half.SerializeToString()) < 0.6 * len(plain.SerializeToString())
    assert half.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert answers(half).dtype == np.float32
    assert np.abs(answers(half) - answers(plain)).max() < 0.01 * np.ptp(answers(plain))


def test_half_floats_of_integers_have_no_integers_left() -> None:
    assert not is_quantised(in_half_floats(quantise(graph(), INPUTS)))


def test_a_graph_that_computes_in_integers_is_refused() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["pictures", "scale", "zero"], ["q"]),
        helper.make_node("ConvInteger", ["q", "kernel"], ["logits"]),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "integers",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [1, 1, 4, 4])],
            [helper.make_tensor_value_info("logits", TensorProto.INT32, None)],
            [
                numpy_helper.from_array(np.array(0.1, np.float32), "scale"),
                numpy_helper.from_array(np.array(7, np.uint8), "zero"),
                numpy_helper.from_array(np.ones((1, 1, 3, 3), np.uint8), "kernel"),
            ],
        )
    )
    with pytest.raises(WeightsError, match="ConvInteger"):
        in_floats(model)

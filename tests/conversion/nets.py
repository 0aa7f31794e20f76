"""A small network for faces with random weights, in a model folder, and faces for it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from mien import models, weights
from mien.core import plugins
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces

SIDE = 24


def graph(seed: int = 0) -> onnx.ModelProto:
    """Convolutions, a shortcut, a ``Relu`` and a mean: what our networks are made of, logits of eight classes."""
    generator = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        scale = (2 / max(1, int(np.prod(shape[1:])))) ** 0.5
        return numpy_helper.from_array(generator.normal(0, scale, shape).astype(np.float32), name)

    def convolution(source: str, number: int, stride: int) -> onnx.NodeProto:
        names = [source, f"w{number}", f"b{number}"]
        return helper.make_node("Conv", names, [f"c{number}"], pads=[1, 1, 1, 1], strides=[stride, stride])

    nodes = [
        convolution("pictures", 1, 2),
        helper.make_node("Relu", ["c1"], ["r1"]),
        convolution("r1", 2, 1),
        helper.make_node("Add", ["c2", "r1"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["r2"]),
        convolution("r2", 3, 2),
        helper.make_node("Relu", ["c3"], ["r3"]),
        helper.make_node("Flatten", ["r3"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w4", "b4"], ["logits"], transB=1),
    ]
    constants = [
        *(weights("w1", 8, 1, 3, 3), weights("b1", 8), weights("w2", 8, 8, 3, 3), weights("b2", 8)),
        *(weights("w3", 16, 8, 3, 3), weights("b3", 16), weights("w4", 8, 16 * (SIDE // 4) ** 2), weights("b4", 8)),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 8])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model


def folder(at: Path, model: onnx.ModelProto | None = None, **preprocess: Any) -> Path:
    """A model folder of a graph."""
    at.mkdir()
    content = (model or graph()).SerializeToString()
    (at / "model.onnx").write_bytes(content)
    (at / "label_map.json").write_text(json.dumps({"labels": EMOTIONS}))
    plain: dict[str, Any] = {"model_sha256": hashlib.sha256(content).hexdigest(), "crop": {"size": SIDE}}
    (at / "preprocess.json").write_text(json.dumps(plain | {"mirror": True, "temperature": 1.3} | preprocess))
    return at


def seeing_colour(
    at: Path,
    side: int = 64,
    labels: tuple[str, ...] = EMOTIONS,
    called: tuple[str, str, str] = ("happiness", "sadness", "neutral"),
) -> Path:
    """A model folder in RGB with a name for red faces, one for blue ones, and one for whatever has no colour."""
    red, blue, plain = (labels.index(one) for one in called)
    weight = np.zeros((3, len(labels)), np.float32)
    bias = np.zeros(len(labels), np.float32)
    weight[:, red] = 20, -10, -10
    weight[:, blue] = -10, -10, 20
    bias[plain] += 2
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("GlobalAveragePool", ["pictures"], ["mean"]),
                helper.make_node("Flatten", ["mean"], ["flat"]),
                helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
            ],
            "colours",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, side, side])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)])],
            [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    three = {"colour": "rgb", "equalise": False, "mean": [0.5] * 3, "deviation": [0.25] * 3}
    made = folder(at, model, crop={"size": side}, input=three, mirror=False, temperature=1.0)
    (made / "label_map.json").write_text(json.dumps({"labels": labels}))
    return made


def one_at_a_time(at: Path) -> Path:
    """A model folder whose graph was exported for one face, as torch does unless told otherwise."""
    model = graph()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    return folder(at, model)


def answering_nan(at: Path) -> Path:
    """A model folder of a graph that runs, and answers no number about any face."""
    model = graph()
    [bias] = [one for one in model.graph.initializer if one.name == "b4"]
    bias.CopyFrom(numpy_helper.from_array(np.full(8, np.nan, np.float32), "b4"))
    return folder(at, model)


def described(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model folder that from now on only describes: its graph is what the registry has under the name."""
    name = folder.name
    graph = Path((folder / "model.onnx").rename(folder.with_suffix(".onnx")))

    def load(asked: str) -> plugins.Weights:
        assert asked == name
        content = graph.read_bytes()
        return plugins.Weights(name, content, hashlib.sha256(content).hexdigest())

    monkeypatch.setattr(models, "described", lambda: {name: folder})
    monkeypatch.setattr(weights, "load", load)
    monkeypatch.setattr(weights, "resolve", lambda asked: graph)
    return name


def coloured_faces(at: Path, count: int = 12, side: int = 96, called: tuple[str, str] = ("happy", "sad")) -> Path:
    """A folder for each class of pictures as :func:`seeing_colour` tells them apart, in the parts train and test."""
    generator = np.random.default_rng(4)
    for part in ("train", "test"):
        for emotion, channel in zip(called, (0, 2), strict=True):
            home = at / part / emotion
            home.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(60, 120, (side, side, 3), dtype=np.uint8)
                pixels[..., channel] += 90
                Image.fromarray(pixels).save(home / f"{part}-{number}.png")
    return at


def faces(count: int, seed: int = 1) -> VotedFaces:
    """Pictures with a bright bar whose place is the class, with ten votes for it."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (count, 48, 48)).astype(np.uint8)
    classes = generator.integers(0, 8, count)
    votes = np.zeros((count, 10), np.uint8)
    for row, label in enumerate(classes):
        images[row, 6 * label : 6 * label + 6] += 180
        votes[row, label] = 10
    return VotedFaces(images, votes)


def saved(at: Path, some: VotedFaces) -> Path:
    """Faces as an npz."""
    np.savez(at, images=some.images, votes=some.votes)
    return at

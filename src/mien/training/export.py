"""From a checkpoint to a model folder: ONNX, label map, preprocessing, and a fitted temperature."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mien.core.faces import FloatArray
from mien.core.labels import FERPLUS8
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.protocols import vote_distribution
from mien.training.recipe import Recipe
from mien.training.train import INPUT, build_network, predict_logits, read_checkpoint

OPSET = 17


def export(checkpoint: Path, folder: Path) -> Path:
    """Write a model folder from a checkpoint.

    The temperature is fitted on the validation split's votes (each face's full vote distribution).

    Raises:
        InputError: no such checkpoint.
    """
    saved = read_checkpoint(checkpoint)
    recipe = Recipe.model_validate(saved["recipe"])
    network = build_network(recipe)
    network.load_state_dict(saved["weights"])
    network.eval()
    validation = load_voted_faces(recipe.data.valid)
    logits = predict_logits(network, validation.images)
    if recipe.mirror:
        logits = (logits + predict_logits(network, np.ascontiguousarray(validation.images[:, :, ::-1]))) / 2
    temperature = fit_temperature(logits, vote_distribution(validation.votes))
    size = recipe.crop.size
    model = _graph(network, size)
    model.doc_string = f"{recipe.name}: emotion logits of {size}-pixel grey faces"
    for node in model.graph.node:
        node.doc_string = ""
    content = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    _write(folder / "label_map.json", {"labels": list(FERPLUS8.labels)})
    _write(
        folder / "preprocess.json",
        {
            "schema_version": 1,
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "crop": {
                "size": size,
                "side": recipe.crop.side,
                "raise_centre": recipe.crop.raise_centre,
                "align": recipe.crop.align,
                "margin": 0.0,
            },
            "input": {"colour": INPUT.colour, "equalise": INPUT.equalise},
            "output": "logits",
            "mirror": recipe.mirror,
            "temperature": round(temperature, 4),
        },
    )
    return folder


def _graph(network: nn.Module, size: int) -> onnx.ModelProto:
    """The network as an ONNX graph of N faces."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The newer exporter needs two more packages and gives the same graph for a plain network.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(2, 1, size, size),),
            path,
            input_names=["faces"],
            output_names=["logits"],
            dynamic_axes={"faces": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return onnx.load(path)


def fit_temperature(logits: FloatArray, truth: FloatArray) -> float:
    """The temperature that minimises the cross-entropy against vote shares (Guo et al., 2017), by golden section.

    Args:
        logits: float32 N×C.
        truth: float32 N×C vote shares; rows that sum to 0 weigh nothing.
    """

    def loss(log_temperature: float) -> float:
        scaled = logits.astype(np.float64) / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-(truth * log_p).sum(axis=1).mean())

    low, high = np.log(0.3), np.log(4.0)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

"""From a checkpoint to a model folder: ONNX, label map, preprocessing, and a fitted temperature."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mien.core.faces import FloatArray, UInt8Array
from mien.core.settings import InferenceSettings
from mien.evaluation.calibration import fit_temperature
from mien.evaluation.faces import resized
from mien.inference import open_session
from mien.preprocess import InputFormat, normalise
from mien.training.data import coloured, held, load_faces
from mien.training.recipe import Recipe
from mien.training.state import read_checkpoint, write_label_map
from mien.training.train import build_network

OPSET = 17
CALIBRATION_FACES = 1024
BATCH = 64


def export(checkpoint: Path, folder: Path) -> Path:
    """Write a model folder from a checkpoint.

    The temperature is fitted to the outputs of the graph that is written, on the validation split's votes (each face's
    full vote distribution).

    Raises:
        InputError: no such checkpoint.
    """
    saved = read_checkpoint(checkpoint)
    recipe = Recipe.model_validate(saved["recipe"])
    labels, form = tuple(saved["labels"]), recipe.input.form()
    network = build_network(recipe, len(labels))
    network.load_state_dict(saved["weights"])
    network.eval()
    model = _graph(network, recipe)
    if recipe.quantise:
        seen = coloured(load_faces(recipe, "train").images[:CALIBRATION_FACES], recipe)
        model = quantise(model, resized(seen, recipe.crop.size), form)
    model.doc_string = f"{recipe.name}: logits of {len(labels)} classes of {recipe.crop.size}-pixel faces"
    for node in model.graph.node:
        node.doc_string = ""
    content = model.SerializeToString()
    validation = held(load_faces(recipe, "valid"), recipe)
    pictures = resized(validation.images, recipe.crop.size)
    logits = _logits(content, pictures, form)
    if recipe.mirror:
        mirrored = _logits(content, np.ascontiguousarray(pictures[:, :, ::-1]), form)
        logits = np.asarray((logits + mirrored) / 2, np.float32)
    temperature = fit_temperature(logits, validation.targets)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    write_label_map(folder, labels)
    _write(
        folder / "preprocess.json",
        {
            "schema_version": 1,
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "crop": {
                "size": recipe.crop.size,
                "side": recipe.crop.side,
                "raise_centre": recipe.crop.raise_centre,
                "align": recipe.crop.align,
                "margin": 0.0,
            },
            "input": _described(form),
            "output": "logits",
            "mirror": recipe.mirror,
            "temperature": round(temperature, 4),
        },
    )
    return folder


def quantise(model: onnx.ModelProto, faces: UInt8Array, form: InputFormat) -> onnx.ModelProto:
    """The graph in eight-bit integers: static ranges, weights per channel.

    Weights use seven bits, so that CPUs without VNNI do not saturate and every machine gives the same answer.

    Args:
        model: a float32 graph whose input is ``faces``.
        faces: uint8 N×S×S or N×S×S×3, pictures that show the ranges.
        form: how pixels become the graph's input.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = iter(_batches(faces, form))

        def get_next(self) -> dict[str, FloatArray] | None:
            batch = next(self._batches, None)
            return None if batch is None else {"faces": batch}

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


def _described(form: InputFormat) -> dict[str, object]:
    """``input`` of ``preprocess.json``; what equalising makes meaningless is left out."""
    described: dict[str, object] = {"colour": form.colour, "equalise": form.equalise}
    if not form.equalise:
        described |= {"mean": list(form.mean), "deviation": list(form.deviation)}
    return described


def _graph(network: nn.Module, recipe: Recipe) -> onnx.ModelProto:
    """The network as an ONNX graph of N faces."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The newer exporter needs two more packages and gives the same graph for a plain network.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            (torch.zeros(2, recipe.input.channels, recipe.crop.size, recipe.crop.size),),
            path,
            input_names=["faces"],
            output_names=["logits"],
            dynamic_axes={"faces": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return onnx.load(path)


def _batches(images: UInt8Array, form: InputFormat) -> Iterator[FloatArray]:
    for start in range(0, len(images), BATCH):
        yield normalise(images[start : start + BATCH], form)


def _logits(content: bytes, images: UInt8Array, form: InputFormat) -> FloatArray:
    session = open_session(content, "the exported model", InferenceSettings(threads=0))
    return np.concatenate([session.run(None, {"faces": batch})[0] for batch in _batches(images, form)])


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

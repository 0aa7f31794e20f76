"""From a checkpoint to a model folder: ONNX, label map, preprocessing, and a fitted temperature."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mien.conversion.convert import Origin
from mien.conversion.graphs import BATCH, quantise
from mien.core.errors import SettingsError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.settings import InferenceSettings
from mien.evaluation.calibration import fit_shift, fit_temperature, is_at_bound
from mien.evaluation.faces import resized
from mien.inference import open_session
from mien.preprocess import InputFormat, normalise
from mien.report.files import all_or_none, results_folder
from mien.training.data import Held, coloured, held, load_faces
from mien.training.recipe import Recipe
from mien.training.recipe_file import validated
from mien.training.score import predict_logits
from mien.training.state import read_checkpoint, write_label_map
from mien.training.train import build_network

_log = logging.getLogger(__name__)

OPSET = 17
CALIBRATION_FACES = 1024


def export(checkpoint: Path, folder: Path, *, quantised: bool | None = None, mirror: bool | None = None) -> Path:
    """Write a model folder from a checkpoint: all of its files, or none.

    Args:
        checkpoint: of ``mien train``.
        folder: to write.
        quantised: whether in eight-bit integers; as its recipe says when None.
        mirror: whether serving averages each crop with its mirror image; as its recipe says when None.

    The temperature is fitted to the outputs of the graph that is written, on the validation split's votes (each face's
    full vote distribution). A loss that raises rare classes is made good in the graph
    (:func:`mien.evaluation.calibration.fit_shift`). The balanced point of a folder that holds the same graph already is
    kept.

    Raises:
        InputError: no such checkpoint.
        SettingsError: its recipe is none of this version, its network answers what are no numbers, or no validation
            face has a vote.
        OutputError: the folder cannot be written; one that was there stays as it was.
    """
    saved = read_checkpoint(checkpoint)
    recipe = _recipe(saved, checkpoint)
    mirror = recipe.mirror if mirror is None else mirror
    labels, form = tuple(saved["labels"]), recipe.input.form()
    validation = held(load_faces(recipe, "valid"), recipe)
    if validation.targets.sum() == 0:
        raise SettingsError(f"{recipe.data.valid}: no face has a vote that a temperature could be fitted to")
    network = _network(saved, recipe, validation)
    model = _graph(network, recipe)
    if recipe.quantise if quantised is None else quantised:
        model = quantise(model, normalise(calibration_faces(recipe), form))
    model.doc_string = f"{recipe.name}: logits of {len(labels)} classes of {recipe.crop.size}-pixel faces"
    for node in model.graph.node:
        node.doc_string = ""
    content = model.SerializeToString()
    pictures = resized(validation.images, recipe.crop.size)
    logits = _logits(content, pictures, form)
    if mirror:
        mirrored = _logits(content, np.ascontiguousarray(pictures[:, :, ::-1]), form)
        logits = np.asarray((logits + mirrored) / 2, np.float32)
    if not np.isfinite(logits).all():
        raise SettingsError(
            f"the network of {checkpoint} answers what are no numbers: train it again, with a lower "
            "schedule.peak_learning_rate"
        )
    temperature = fit_temperature(logits, validation.targets)
    if is_at_bound(temperature):
        _log.warning(
            "%s: the temperature that fits %s best lies beyond %.4g: there are too few faces, or the network learned "
            "too little, for its shares to be trusted.",
            recipe.name,
            recipe.data.valid,
            temperature,
        )
    digest = hashlib.sha256(content).hexdigest()
    document = {
        "schema_version": 1,
        "model_sha256": digest,
        "crop": {
            "size": recipe.crop.size,
            "side": recipe.crop.side,
            "raise_centre": recipe.crop.raise_centre,
            "align": recipe.crop.align,
            "margin": 0.0,
        },
        "input": _described(form),
        "output": "logits",
        "mirror": mirror,
        "temperature": round(temperature, 4),
    }
    kept = _operating_points(folder, digest, mirror=mirror)
    with results_folder(folder), all_or_none(folder) as unfinished:
        (unfinished / "model.onnx").write_bytes(content)
        write_label_map(unfinished, labels)
        text = json.dumps(document | kept, indent=2) + "\n"
        (unfinished / "preprocess.json").write_text(text, encoding="utf-8")
    return folder


def _operating_points(folder: Path, digest: str, *, mirror: bool) -> dict[str, object]:
    """What a folder says of operating points that were chosen for this very graph, looking as often."""
    try:
        said = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(said, dict) or (said.get("model_sha256"), said.get("mirror")) != (digest, mirror):
        return {}
    return {name: value for name, value in said.items() if name == "operating_points"}


def calibration_faces(recipe: Recipe, count: int = CALIBRATION_FACES) -> UInt8Array:
    """Training faces that show the ranges of eight-bit integers, drawn by the recipe's seed.

    Drawn, because data may lie class by class: the first of them would show one emotion.

    Args:
        recipe: names the training split.
        count: at most so many.

    Returns:
        uint8 N×S×S or N×S×S×3, of the crop's side and the network's colour, in the order of the data.
    """
    images = load_faces(recipe, "train").images
    rows = np.random.default_rng(recipe.seed).choice(len(images), min(count, len(images)), replace=False)
    return resized(coloured(images[np.sort(rows)], recipe), recipe.crop.size)


def origin(checkpoint: Path) -> Origin:
    """A checkpoint's network as it was trained, to compare what it is converted to with.

    Raises:
        InputError: no such checkpoint.
        SettingsError: its recipe is none of this version.
    """
    saved = read_checkpoint(checkpoint)
    recipe = _recipe(saved, checkpoint)
    network = _network(saved, recipe, held(load_faces(recipe, "valid"), recipe))

    def outputs(faces: FloatArray) -> FloatArray:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                return np.asarray(network(torch.from_numpy(faces)).numpy(), np.float32)
        finally:
            torch.set_num_threads(threads)

    return Origin(f"torch {torch.__version__}", outputs)


def _recipe(saved: dict[str, Any], checkpoint: Path) -> Recipe:
    return validated(saved["recipe"], Recipe, f"the recipe in {checkpoint}")


def _network(saved: dict[str, Any], recipe: Recipe, validation: Held) -> nn.Module:
    """A checkpoint's network; where its loss made rare classes likelier than votes do, with that taken back.

    Shares are means' parts later on, and a network that is to find rare emotions would tell of too many everywhere.
    Labels at a balanced point are what finds them (``mien evaluate --fit-balanced``).
    """
    network = build_network(recipe, len(saved["labels"]))
    network.load_state_dict(saved["weights"])
    network.eval()
    if not recipe.shifts_shares:
        return network
    logits = predict_logits(network, validation.images, recipe.input.form(), recipe.crop.size)
    if not np.isfinite(logits).all():  # Nothing can be fitted: whoever runs the graph is told.
        return network
    return nn.Sequential(network, _Shift(fit_shift(logits, validation.targets))).eval()


class _Shift(nn.Module):
    """Adds a number of its own to each class's logit."""

    def __init__(self, shift: FloatArray) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(shift, dtype=torch.float32), requires_grad=False)

    def forward(self, logits: Tensor) -> Tensor:
        return logits + self.shift


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

"""Several models as one: an ensemble in a single graph, served as any other model folder is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper

from mien.classifiers.model_folder import (
    LabelMapDocument,
    ModelFolder,
    PreprocessDocument,
    create,
    read_label_map,
    read_preprocess,
)
from mien.conversion.folders import check_new
from mien.conversion.graphs import BATCH
from mien.core.errors import SettingsError, UnsupportedMediaError, WeightsError
from mien.core.labels import EMOTIONS
from mien.core.settings import InferenceSettings
from mien.evaluation.calibration import fit_temperature
from mien.evaluation.evaluate import check_emotions
from mien.evaluation.faces import VotedFaces, resized
from mien.evaluation.protocols import vote_distribution
from mien.report.files import all_or_none, results_folder

LEAST_SHARE: Final = 1e-7
"""Below it a share's logarithm is not told apart from its own."""
_ON_CPU: Final = InferenceSettings(threads=0, providers=("CPUExecutionProvider",))


def join(members: Sequence[Path], out: Path, data: VotedFaces | None = None, data_name: str = "the data") -> Path:
    """Write a model folder whose graph answers the logarithm of the mean of its members' calibrated shares.

    Args:
        members: model folders that see the same crops in the same form and have the same labels; where one of them
            looks at each crop's mirror image too, all do.
        out: the folder to write; new.
        data: labelled faces of eight emotions, of which none was trained on: their votes fit the temperature. It is 1
            without.
        data_name: what errors call them.

    Returns:
        ``out``.

    Raises:
        SettingsError: fewer than two members, or two that do not fit each other; the message says in what.
        WeightsError: a member cannot be read, or answers numbers that are no shares.
        UnsupportedMediaError: ``data`` has other classes, or no vote for one.
        OutputError: ``out`` is not empty or cannot be written.
    """
    if len(members) < 2:
        raise SettingsError("an ensemble has two members or more")
    check_new(out)
    if data is not None:
        _check_votes(data, data_name)
    told = [(read_preprocess(folder), read_label_map(folder)) for folder in members]
    _check_alike(members, told)
    content = _joined([_graph(folder) for folder in members], [one for one, _ in told]).SerializeToString()
    described = told[0][0].model_copy(
        update={
            "model_sha256": hashlib.sha256(content).hexdigest(),
            "output": "logits",
            "mirror": any(one.mirror for one, _ in told),
            "temperature": 1.0,
            "operating_points": {},
        }
    )
    with results_folder(out), all_or_none(out) as folder:
        (folder / "model.onnx").write_bytes(content)
        _write(folder / "label_map.json", told[0][1].model_dump(mode="json", exclude_defaults=True))
        _write(folder / "preprocess.json", described.model_dump(mode="json", exclude_unset=True))
        if data is not None:
            temperature = _temperature(folder, data, [member.name for member in members], data_name)
            fitted = described.model_copy(update={"temperature": round(temperature, 4)})
            _write(folder / "preprocess.json", fitted.model_dump(mode="json", exclude_unset=True))
    return out


def _check_votes(data: VotedFaces, name: str) -> None:
    check_emotions(data, name)
    if not data.votes[:, : len(EMOTIONS)].any():
        raise UnsupportedMediaError(
            f"{name}: no face of it has a vote for an emotion, and the temperature is fitted to such votes. Name other "
            "faces with '--data', or leave it out: the temperature is 1 then."
        )


def _check_alike(members: Sequence[Path], told: Sequence[tuple[PreprocessDocument, LabelMapDocument]]) -> None:
    first, labels = told[0]
    for folder, (one, named) in zip(members[1:], told[1:], strict=True):
        for what, same in (
            ("labels", named == labels),
            ("crop", one.crop == first.crop),
            ("input", one.input == first.input),
        ):
            if not same:
                raise SettingsError(f"{folder.name} and {members[0].name} cannot be joined: their {what} differ")
    if labels.beside:
        raise SettingsError(f"{members[0].name} answers more than its labels, and cannot be joined")


def _graph(folder: Path) -> onnx.ModelProto:
    create(folder, _ON_CPU)  # Checks the hash, and that it runs.
    return onnx.load(folder / "model.onnx")


def _joined(graphs: Sequence[onnx.ModelProto], told: Sequence[PreprocessDocument]) -> onnx.ModelProto:
    imports = {one.domain: one.version for graph in graphs for one in graph.opset_import}
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    shares: list[str] = []
    entrance = graphs[0].graph.input[0]
    for number, (graph, one) in enumerate(zip(graphs, told, strict=True)):
        if any(imports[given.domain] != given.version for given in graph.opset_import):
            raise WeightsError("the graphs are of different operator sets: export them again with one version of torch")
        prefix = f"member{number}_"
        member = compose.add_prefix(graph, prefix).graph
        inside = member.input[0].name
        for node in member.node:
            node.input[:] = [entrance.name if name == inside else name for name in node.input]
        nodes += member.node
        constants += member.initializer
        share = member.output[0].name
        if one.output == "logits":
            constants.append(numpy_helper.from_array(np.array(one.temperature, np.float32), f"{prefix}temperature"))
            nodes.append(helper.make_node("Div", [share, f"{prefix}temperature"], [f"{prefix}scaled"]))
            nodes.append(helper.make_node("Softmax", [f"{prefix}scaled"], [f"{prefix}share"], axis=1))
        else:
            nodes.append(helper.make_node("LpNormalization", [share], [f"{prefix}share"], axis=1, p=1))
        shares.append(f"{prefix}share")
    constants.append(numpy_helper.from_array(np.array(LEAST_SHARE, np.float32), "least_share"))
    nodes += [
        helper.make_node("Mean", shares, ["mean_share"]),
        helper.make_node("Max", ["mean_share", "least_share"], ["positive_share"]),
        helper.make_node("Log", ["positive_share"], ["logits"]),
    ]
    classes = graphs[0].graph.output[0].type.tensor_type.shape.dim[1].dim_value
    output = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", classes])
    whole = helper.make_model(
        helper.make_graph(nodes, "ensemble", [entrance], [output], constants),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=max(graph.ir_version for graph in graphs),
        doc_string=f"logarithm of the mean share of {len(graphs)} members",
    )
    onnx.checker.check_model(whole)
    return whole


def _temperature(folder: Path, data: VotedFaces, members: Sequence[str], name: str) -> float:
    model = create(folder, _ON_CPU)
    assert isinstance(model, ModelFolder)
    pictures = resized(data.images, model.geometry.size)
    parts = [model.logits(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
    outputs = np.concatenate(parts)
    if not np.isfinite(outputs).all():
        raise WeightsError(
            f"one of {', '.join(members)} answers numbers that are no shares (NaN) on {name}: find out which with "
            "'mien evaluate', and train it or fetch it again."
        )
    return fit_temperature(outputs, vote_distribution(data.votes))


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

"""A model folder in another format, compared with its source before it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args

import cv2
import numpy as np
import onnx

from mien.classifiers.model_folder import ModelFolder, create
from mien.conversion import tools
from mien.conversion.comparison import Bounds, Comparison, Run, compare
from mien.conversion.folders import check_new
from mien.conversion.graphs import BATCH, in_floats, in_half_floats, is_quantised, quantise
from mien.core.errors import DisagreementError, InputError, SettingsError, WeightsError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.labels import EMOTIONS, FERPLUS8
from mien.core.settings import InferenceSettings
from mien.evaluation.faces import VotedFaces, resized
from mien.evaluation.protocols import Truth, argmax_truth
from mien.evaluation.speed import cpu_ms
from mien.inference import RUNTIME, open_session
from mien.report.files import all_or_none, results_folder

Format = Literal["onnx", "onnx-fp16", "onnx-int8", "tflite", "tflite-fp16", "tflite-int8", "savedmodel"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
INT8: Final = ("onnx-int8", "tflite-int8")
REPORT: Final = "export.json"
SPEED_BATCHES: Final = (1, 8)
SPEED_ROUNDS: Final = 5
MADE_UP_FACES: Final = 256
MADE_UP_SIDE: Final = 96

_EXACT = Bounds(label_agreement=0.99, mean_share_difference=0.01)
_ROUNDED = Bounds(label_agreement=0.97, mean_share_difference=0.02)
_MADE_UP_AGREEMENT: Final = 0.9
"""Of labels on pictures that are of nobody: a model is of two minds about many of them."""
_ON_CPU = InferenceSettings(threads=1, providers=("CPUExecutionProvider",))


@dataclass(frozen=True, slots=True)
class Faces:
    """What a conversion is made and judged with.

    Attributes:
        calibration: uint8 N×S×S or N×S×S×3, whose ranges integers are fitted to; None for formats in floats.
        compared: pictures that both models read.
        truth: the labelled ones among them; None without labels.
        told: what they are, for the report.
        made_up: they show no faces.
    """

    calibration: UInt8Array | None
    compared: UInt8Array
    truth: Truth | None
    told: str
    made_up: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """A source that is no ONNX graph: what it answers, in its own runtime.

    Attributes:
        runtime: name and version.
        outputs: from float32 N×C×S×S to float32 N×K.
    """

    runtime: str
    outputs: Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was made.

    Attributes:
        comparison: the figures.
        bounds: those it was held to.
        beyond: what is beyond them, a clause each; empty unless it was forced.
        compared_on: what the faces were.
        folder: where it was written.
    """

    comparison: Comparison
    bounds: Bounds
    beyond: list[str]
    compared_on: str
    folder: Path


def choose_faces(
    to: Format,
    calibration: VotedFaces | None,
    data: VotedFaces | None,
    *,
    calibration_faces: int = 512,
    compared_faces: int = 4000,
    seed: int = 0,
) -> Faces:
    """Faces to fit ranges to and faces to compare on, apart where there are enough of them.

    Without any, pictures are made up: smooth random ones, which show a wrong conversion, but tell little of faces.

    Args:
        to: the format.
        calibration: faces for the ranges of integers, and for the comparison where there are no others.
        data: labelled faces to compare on.
        calibration_faces: at most so many show the ranges.
        compared_faces: at most so many are compared.
        seed: of the draw.

    Raises:
        SettingsError: the format is in integers, and no faces show the ranges.
    """
    generator = np.random.default_rng(seed)
    ranges: UInt8Array | None = None
    rest = calibration
    if to in INT8:
        if calibration is None:
            raise SettingsError(
                f"{to} needs faces that show the ranges of its integers: name some with '--calibrate DATA', such as "
                "those it was trained on."
            )
        order = generator.permutation(len(calibration))
        ranges = calibration.images[np.sort(order[:calibration_faces])]
        # A comparison on a few faces says less than one on faces that were seen before.
        if len(order) - calibration_faces >= 100:
            left = np.sort(order[calibration_faces:])
            rest = VotedFaces(calibration.images[left], calibration.votes[left], calibration.labels)
    if data is not None:
        rest, told = data, "faces of --data"
    elif rest is not None:
        same = rest is calibration and to in INT8
        told = "the faces of --calibrate" + (" that showed the ranges: name others with --data" if same else "")
    else:
        told = "made-up pictures, which say little of faces: name some with --data"
        return Faces(ranges, _made_up(generator), None, told, made_up=True)
    rows = np.sort(generator.permutation(len(rest))[:compared_faces])
    truth = argmax_truth(rest.votes[rows]) if data is not None and data.labels == tuple(EMOTIONS) else None
    return Faces(ranges, rest.images[rows], truth, told)


def convert(
    source: Path,
    to: Format,
    out: Path,
    faces: Faces,
    *,
    graph: Path | None = None,
    origin: Origin | None = None,
    force: bool = False,
) -> Conversion:
    """Convert a model folder, run the result in its own runtime beside the source, and write it if they agree.

    Args:
        source: a model folder.
        to: the format.
        out: the folder to write; empty or not there.
        faces: from :func:`choose_faces`.
        graph: the source's graph, where its folder describes one that lies elsewhere.
        origin: what the model folder was made from, to compare with instead of its graph.
        force: write it though it disagrees; the report says so.

    Raises:
        DisagreementError: it is beyond the bounds.
        OutputError: ``out`` holds something, or cannot be written.
        SettingsError: the tools of TensorFlow's formats are missing.
        WeightsError: the graph cannot be converted, or the source answers numbers that are no shares.
    """
    check_new(out)
    if not to.startswith("onnx"):
        tools.find()
    content = None if graph is None else graph.read_bytes()
    classifier = create(source, _ON_CPU, content, own_classes=True)
    if not isinstance(classifier, ModelFolder):
        raise InputError(f"{source} is no model folder")
    model = onnx.load_from_string(content or (source / "model.onnx").read_bytes())
    plain = in_floats(model)
    pictures = resized(faces.compared, classifier.geometry.size)
    seen = None if faces.calibration is None else resized(faces.calibration, classifier.geometry.size)
    inputs, shares = _as_served(classifier, pictures)
    before = (
        _run_onnx(model.SerializeToString(), classifier.name, inputs)
        if origin is None
        else measured(origin.runtime, origin.outputs, inputs)
    )
    classifier.checked_shares(before.outputs)
    with results_folder(out), all_or_none(out) as partial_folder:
        made = _make(plain, to, partial_folder, seen, classifier)
        after = made.run(inputs)
        # Labels are of the eight emotions: of other classes only outputs are compared.
        truth = faces.truth if classifier.labels == FERPLUS8 else None
        comparison = compare(before, after, shares, truth)
        rounded = to in INT8 or (is_quantised(model) and origin is None)
        bounds = _ROUNDED if rounded else _EXACT
        if faces.made_up:
            bounds = replace(bounds, label_agreement=_MADE_UP_AGREEMENT)
        beyond = comparison.beyond(bounds)
        if beyond and not force:
            raise DisagreementError(
                f"{classifier.name} as {to} does not agree with its source, and is not written: {'; '.join(beyond)}. "
                + ("Show its ranges with more faces, like those it will read (--calibrate). " if to in INT8 else "")
                + "--force writes it all the same."
            )
        files = _hashes(partial_folder)
        _write_documents(source, partial_folder, files.get(made.graph))
        report = {
            "schema_version": 1,
            "model": classifier.name,
            "source_sha256": classifier.sha256,
            "to": to,
            "files": files,
            "input": {"layout": made.layout, "kind": "float32"},
            "compared_on": faces.told,
            "calibration_faces": 0 if seen is None else len(seen),
            "bounds": asdict(bounds),
            "beyond_bounds": beyond,
            "comparison": comparison.as_document(),
        }
        _write(partial_folder / REPORT, report)
    return Conversion(comparison, bounds, beyond, faces.told, out)


@dataclass(frozen=True, slots=True)
class _Made:
    """A converted graph: its file or folder in the model folder, how pictures lie in it, and how it is run."""

    graph: str
    layout: Literal["NCHW", "NHWC"]
    run: Callable[[FloatArray], Run]


def _make(plain: onnx.ModelProto, to: Format, folder: Path, seen: UInt8Array | None, classifier: ModelFolder) -> _Made:
    """Write a float graph to ``folder`` in a format."""
    ranges = None if seen is None else classifier.inputs(seen)
    if not to.startswith("onnx"):
        made = tools.convert(plain, to, folder, ranges)
        return _Made(made.name, "NHWC", partial(tools.run, made, batches=SPEED_BATCHES))
    if to == "onnx-fp16":
        model = in_half_floats(plain)
    elif ranges is not None:
        model = quantise(plain, ranges)
    else:
        model = plain
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    return _Made("model.onnx", "NCHW", partial(_run_onnx, content, classifier.name))


def _run_onnx(content: bytes, name: str, inputs: FloatArray) -> Run:
    session = open_session(content, name, _ON_CPU)
    entrance = session.get_inputs()[0].name

    def outputs(faces: FloatArray) -> FloatArray:
        try:
            return np.asarray(session.run(None, {entrance: faces})[0], np.float32)
        except Exception as error:
            raise WeightsError(
                f"{name} does not run with {len(faces)} faces at once: {str(error).splitlines()[0]}. Leave the first "
                "dimension of its input open."
            ) from error

    return measured(RUNTIME, outputs, inputs)


def measured(runtime: str, outputs: Callable[[FloatArray], FloatArray], inputs: FloatArray) -> Run:
    """A model over inputs, a few at a time, and its processor time.

    Args:
        runtime: name and version.
        outputs: from float32 N×C×S×S to float32 N×K.
        inputs: float32 N×C×S×S.
    """
    told = [outputs(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]
    speed = {
        str(batch): min(cpu_ms(partial(outputs, _repeated(inputs, batch))) / batch for _ in range(SPEED_ROUNDS))
        for batch in SPEED_BATCHES
    }
    return Run(runtime, np.concatenate(told), speed)


def _repeated(inputs: FloatArray, batch: int) -> FloatArray:
    return inputs[np.arange(batch) % len(inputs)]


def _as_served(classifier: ModelFolder, pictures: UInt8Array) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
    """Inputs of a comparison, mirror images behind them where the model looks twice, and outputs of them as shares."""
    inputs, count = classifier.inputs(pictures), len(pictures)
    if not classifier.mirror:
        return inputs, classifier.shares
    both = np.ascontiguousarray(np.concatenate([inputs, inputs[..., ::-1]]))
    return both, lambda outputs: classifier.shares(np.asarray((outputs[:count] + outputs[count:]) / 2, np.float32))


def _made_up(generator: np.random.Generator) -> UInt8Array:
    """Smooth random pictures, uint8 N×S×S."""
    coarse = generator.integers(0, 256, (MADE_UP_FACES, 6, 6), dtype=np.uint8)
    return np.stack([cv2.resize(one, (MADE_UP_SIDE, MADE_UP_SIDE), interpolation=cv2.INTER_CUBIC) for one in coarse])


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _write_documents(source: Path, folder: Path, sha256: str | None) -> None:
    """Label map, preprocessing (with the new graph's hash) and card, as the source has them."""
    for name in ("label_map.json", "card.md"):
        if (source / name).is_file():
            (folder / name).write_bytes((source / name).read_bytes())
    document = json.loads((source / "preprocess.json").read_text(encoding="utf-8"))
    _write(folder / "preprocess.json", document | {"model_sha256": sha256})


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")

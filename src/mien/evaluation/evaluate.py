"""A model measured on faces with votes: everything ``mien evaluate`` tells, as one document."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from mien import __version__
from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.faces import EmotionClassifier
from mien.core.labels import EMOTIONS
from mien.core.operating import OperatingPoint
from mien.evaluation.accuracy import ProtocolScore, score
from mien.evaluation.agreement import Agreement, agreement
from mien.evaluation.calibration import Calibration, calibrate
from mien.evaluation.compounds import CompoundReport, score_compounds
from mien.evaluation.faces import VotedFaces, classify_pictures
from mien.evaluation.groups import USUAL_GROUP, GroupReport, Groups, score_groups
from mien.evaluation.operating import PointScore, score_points
from mien.evaluation.protocols import VIEWS, argmax_truth, majority_truth
from mien.evaluation.resampling import FloatArray, Resampling
from mien.evaluation.robustness import Robustness, RobustnessOptions, measure_robustness, steps_of
from mien.evaluation.speed import BATCHES, cpu_ms_per_face

SCHEMA_VERSION: Final = 1
VOTE_COLUMNS: Final = 10
SPEED_ROUNDS: Final = 9
SOFTWARE: Final = ("numpy", "onnxruntime", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class ModelPart:
    """Which model: its name, the SHA-256 of its graph, and the side of its crop in pixels."""

    name: str
    sha256: str
    crop_px: int


@dataclass(frozen=True, slots=True)
class DataPart:
    """Which faces: the data set's name, how many, their side in pixels, and a SHA-256 of pixels and votes."""

    name: str
    faces: int
    side_px: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MachinePart:
    """What the time was measured on: processor, threads of the network, execution provider, and versions."""

    processor: str
    threads: int
    provider: str
    software: dict[str, str]


class Scores(BaseModel):
    """What follows from probabilities and votes alone.

    Attributes:
        majority8, argmax8, majority7, argmax7, majority5, argmax5: protocols (``protocols.py``) by class view.
        ece: expected calibration error, 0–1; ``calibration`` says how.
        calibration, agreement: see there.
        operating_points: the plain point and those the model has.
        compounds: ``compound12`` by class; None in documents of before it was told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    majority8: ProtocolScore
    argmax8: ProtocolScore
    majority7: ProtocolScore
    argmax7: ProtocolScore
    majority5: ProtocolScore
    argmax5: ProtocolScore
    ece: float
    calibration: Calibration
    agreement: Agreement
    operating_points: dict[str, PointScore]
    compounds: CompoundReport | None = None


class Evaluation(Scores):
    """``evaluation.json``, version 1.

    Attributes:
        model, data: what was measured on what.
        ms_per_face: processor milliseconds by batch size; None when it was not measured.
        machine: on which that was.
        robustness, groups: None when not asked for.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    model: ModelPart
    data: DataPart
    ms_per_face: dict[str, float] | None
    machine: MachinePart
    robustness: Robustness | None
    groups: GroupReport | None

    def as_json(self) -> str:
        """Numbers to six digits, so that a diff shows changes and no noise."""
        return rounded_json(self)


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is measured beside the scores.

    Attributes:
        robustness: faces and seed of the curves; 0 faces leaves them out.
        speed: measure time; one thread is what others report.
        threads: of the classifier, for the record.
        least_group: faces below which a group is withheld.
        resampling: of the intervals.
    """

    robustness: RobustnessOptions = field(default_factory=RobustnessOptions)
    speed: bool = True
    threads: int = 1
    least_group: int = USUAL_GROUP
    resampling: Resampling = field(default_factory=Resampling)


def evaluate_probabilities(
    probabilities: FloatArray,
    votes: npt.NDArray[np.integer],
    points: Mapping[str, OperatingPoint] | None = None,
    resampling: Resampling | None = None,
) -> Scores:
    """Score calibrated probabilities.

    Args:
        probabilities: N×8, canonical order.
        votes: N×10 counts.
        points: operating points beside the plain one.
        resampling: of the intervals.
    """
    truths = {"majority": majority_truth(votes), "argmax": argmax_truth(votes)}
    protocols = {
        f"{protocol}{view}": score(probabilities, truth, emotions, resampling)
        for view, emotions in VIEWS.items()
        for protocol, truth in truths.items()
    }
    calibration = calibrate(probabilities, votes, resampling)
    return Scores(
        **protocols,
        ece=calibration.ece,
        calibration=calibration,
        agreement=agreement(probabilities, votes, resampling),
        operating_points=score_points(probabilities, votes, points or {}, resampling),
        compounds=score_compounds(probabilities, votes, resampling),
    )


def evaluate(
    classifier: EmotionClassifier,
    faces: VotedFaces,
    data_name: str,
    options: EvaluationOptions | None = None,
    groups: Groups | None = None,
    progress: Callable[[str], None] = lambda told: None,
) -> Evaluation:
    """Measure a model.

    Args:
        classifier: the model.
        faces: pictures with votes.
        data_name: of the data set, as it is told.
        options: what beside the scores.
        groups: declared groups of the faces.
        progress: told what was done after each of :func:`steps` steps.

    Raises:
        UnsupportedMediaError: its classes are not the canonical eight, or no face has one of them by most votes.
    """
    options = options or EvaluationOptions()
    check_emotions(faces, data_name)
    if not len(argmax_truth(faces.votes).keep):
        raise UnsupportedMediaError(f"{data_name}: no face of it has an emotion that most annotators saw")
    probabilities = classify_pictures(classifier, faces.images)
    progress("faces")
    scores = evaluate_probabilities(probabilities, faces.votes, classifier.operating_points, options.resampling)
    progress("scores")
    told = score_groups(probabilities, faces.votes, groups, options.least_group) if groups else None
    curves = measure_robustness(classifier, faces, options.robustness, progress) if options.robustness.faces else None
    times = cpu_ms_per_face(classifier, rounds=SPEED_ROUNDS, progress=progress) if options.speed else None
    return Evaluation(
        **{name: getattr(scores, name) for name in Scores.model_fields},
        model=model_part(classifier),
        data=data_part(faces, data_name),
        ms_per_face=times,
        machine=machine_part(classifier, options.threads),
        robustness=curves,
        groups=told,
    )


def steps(options: EvaluationOptions) -> int:
    """How often :func:`evaluate` reports progress."""
    return 2 + steps_of(options.robustness) + (SPEED_ROUNDS * len(BATCHES) if options.speed else 0)


def read_evaluation(path: Path) -> Evaluation:
    """An ``evaluation.json``.

    Raises:
        InputError: no such file.
        UnsupportedMediaError: it is not one.
    """
    try:
        return Evaluation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UnsupportedMediaError(f"{path} is no evaluation of this version: {where}: {first['msg']}") from error


def check_emotions(faces: VotedFaces, data_name: str) -> None:
    """Make sure that faces have the eight emotions for classes.

    Raises:
        UnsupportedMediaError: they have others.
    """
    if faces.labels != EMOTIONS or faces.votes.shape[1] != VOTE_COLUMNS:
        raise UnsupportedMediaError(
            f"{data_name}: its classes are {', '.join(faces.labels)}, not the eight emotions, which are what the model "
            "answers. Read them as such with '--labels ferplus8', and say what others are with '--label-map'"
        )


def model_part(classifier: EmotionClassifier) -> ModelPart:
    """Which model."""
    return ModelPart(classifier.name, classifier.sha256, classifier.geometry.size)


def data_part(faces: VotedFaces, name: str) -> DataPart:
    """Which faces, under the name of their data set."""
    return DataPart(name, len(faces), int(faces.images.shape[1]), faces.digest())


def machine_part(classifier: EmotionClassifier, threads: int) -> MachinePart:
    """What it runs on, with that many threads."""
    providers = classifier.providers
    software = {"mien": __version__, "python": platform.python_version()}
    software |= {name: metadata.version(name) for name in SOFTWARE}
    return MachinePart(_processor(), threads, providers[0] if providers else "unknown", software)


def _processor() -> str:
    """The processor's name, and whether it has the integer instructions that decide an eight-bit model's speed."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(told.get("flags", "").split())
    known = [n for n, f in (("AVX2", "avx2"), ("AVX-512", "avx512f"), ("VNNI", "avx512_vnni")) if f in flags]
    name = told.get("model name") or platform.machine()
    return f"{name} ({', '.join(known)})" if known else name


def rounded_json(document: BaseModel) -> str:
    """A document with numbers to six digits."""
    return json.dumps(_rounded(document.model_dump(mode="json")), indent=1) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return value

"""A model whose classes are not the eight emotions, scored in its own: no protocol of FER+, no view, no audience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from mien.core.errors import UnsupportedMediaError
from mien.core.faces import EmotionClassifier
from mien.core.labels import EMOTIONS, LABEL_SETS, LabelSet
from mien.evaluation.accuracy import ProtocolScore, score_answers
from mien.evaluation.evaluate import (
    SPEED_ROUNDS,
    DataPart,
    MachinePart,
    ModelPart,
    data_part,
    machine_part,
    model_part,
    rounded_json,
)
from mien.evaluation.faces import VotedFaces, classify_pictures
from mien.evaluation.protocols import Truth, argmax_truth, vote_distribution
from mien.evaluation.resampling import Resampling
from mien.evaluation.speed import BATCHES, cpu_ms_per_face

SCHEMA_VERSION: Final = 1


class OwnEvaluation(BaseModel):
    """``evaluation.json`` of a model with classes of its own, version 1.

    Attributes:
        kind: tells it from the other.
        model, data: what was measured on what.
        classes: in the order of the model's outputs and of the confusion matrix.
        argmax: figures, a face's class being the one with most votes.
        ms_per_face: processor milliseconds by batch size; None when it was not measured.
        machine: on which that was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["own_classes"] = "own_classes"
    model: ModelPart
    data: DataPart
    classes: tuple[str, ...]
    argmax: ProtocolScore
    ms_per_face: dict[str, float] | None
    machine: MachinePart

    def as_json(self) -> str:
        """Numbers to six digits, so that a diff shows changes and no noise."""
        return rounded_json(self)


def evaluate_own_classes(
    classifier: EmotionClassifier,
    faces: VotedFaces,
    data_name: str,
    *,
    speed: bool = True,
    threads: int = 1,
    resampling: Resampling | None = None,
    progress: Callable[[str], None] = lambda told: None,
) -> OwnEvaluation:
    """Measure a model in its own classes.

    Args:
        classifier: the model.
        faces: pictures with votes for these classes; or for the eight emotions, where the classes are a view of them.
        data_name: of the data set, as it is told.
        speed: measure time.
        threads: of the classifier, for the record.
        resampling: of the intervals.
        progress: told what was done after each of :func:`own_steps` steps.

    Raises:
        UnsupportedMediaError: the faces have other classes, or none of them has one by most votes.
    """
    truth = own_truth(faces, classifier.labels, data_name)
    answer = classify_pictures(classifier, faces.images)[truth.keep].argmax(axis=1)
    progress("faces")
    told = score_answers(truth.label, answer, classifier.labels.labels, resampling)
    progress("scores")
    times = cpu_ms_per_face(classifier, rounds=SPEED_ROUNDS, progress=progress) if speed else None
    return OwnEvaluation(
        model=model_part(classifier),
        data=data_part(faces, data_name),
        classes=classifier.labels.labels,
        argmax=told,
        ms_per_face=times,
        machine=machine_part(classifier, threads),
    )


def own_steps(*, speed: bool) -> int:
    """How often :func:`evaluate_own_classes` reports progress."""
    return 2 + (SPEED_ROUNDS * len(BATCHES) if speed else 0)


def own_truth(faces: VotedFaces, classes: LabelSet, data_name: str) -> Truth:
    """The faces that most votes give a class, and that class's place among ``classes``.

    Votes for the eight emotions are seen through the label set where it is a view of them, as training sees them.

    Raises:
        UnsupportedMediaError: the faces have other classes, or none is kept.
    """
    if faces.labels == classes.labels:
        winner = faces.votes.argmax(axis=1)
        keep = np.flatnonzero((winner < len(classes)) & (faces.votes.max(axis=1) > 0))
        truth = Truth(keep, winner[keep])
    elif faces.labels == EMOTIONS and classes in LABEL_SETS.values():
        keep = argmax_truth(faces.votes).keep
        keep = keep[faces.votes[keep].max(axis=1) > 0]
        truth = Truth(keep, classes.view(vote_distribution(faces.votes[keep])).argmax(axis=1))
    else:
        raise UnsupportedMediaError(
            f"{data_name} has the classes {', '.join(faces.labels)}, the model {', '.join(classes.labels)}: name the "
            "model's with '--labels', and say what the data's are with '--label-map'"
        )
    if not len(truth.keep):
        raise UnsupportedMediaError(f"{data_name}: no face of it has a class that most annotators saw")
    return truth

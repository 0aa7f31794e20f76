"""Accuracy, recall, calibration and agreement of a classifier's probabilities, with NumPy alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS
from mien.evaluation.protocols import Truth, argmax_truth, majority_truth, vote_distribution

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ProtocolScore:
    """How a model does under one protocol.

    Attributes:
        faces: faces the protocol keeps.
        accuracy: share answered right, 0–1.
        low, high: 95 % Wilson interval of the accuracy.
        macro_recall: mean of the classes' recalls, 0–1, over classes that occur.
        recall, precision: per canonical emotion, 0–1; None where undefined.
        confusion: rows truth, columns answer, counts.
    """

    faces: int
    accuracy: float
    low: float
    high: float
    macro_recall: float
    recall: dict[str, float | None]
    precision: dict[str, float | None]
    confusion: list[list[int]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model against FER+ votes.

    Attributes:
        majority8, argmax8: the two protocols over eight classes.
        ece: expected calibration error against vote shares (each vote a label, 15 bins), 0–1.
        correlation: per emotion, Pearson correlation of probability with vote share.
    """

    majority8: ProtocolScore
    argmax8: ProtocolScore
    ece: float
    correlation: dict[str, float]

    def as_document(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)


def evaluate_probabilities(probabilities: FloatArray, votes: npt.NDArray[np.integer]) -> Evaluation:
    """Score calibrated probabilities.

    Args:
        probabilities: N×8, canonical order.
        votes: N×10 counts.
    """
    share = vote_distribution(votes)
    return Evaluation(
        score(probabilities, majority_truth(votes)),
        score(probabilities, argmax_truth(votes)),
        calibration_error(probabilities, votes[:, : len(EMOTIONS)]),
        {e: _correlation(probabilities[:, i], share[:, i]) for i, e in enumerate(EMOTIONS)},
    )


def score(probabilities: FloatArray, truth: Truth) -> ProtocolScore:
    """One protocol's figures from N×8 probabilities."""
    answer = probabilities[truth.keep].argmax(axis=1)
    classes = len(EMOTIONS)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth.label, answer), 1)
    right = np.diag(confusion)
    actual, given = confusion.sum(axis=1), confusion.sum(axis=0)
    recall = {e: float(right[i] / actual[i]) if actual[i] else None for i, e in enumerate(EMOTIONS)}
    precision = {e: float(right[i] / given[i]) if given[i] else None for i, e in enumerate(EMOTIONS)}
    known = [r for r in recall.values() if r is not None]
    low, high = wilson(int(right.sum()), len(answer))
    return ProtocolScore(
        len(answer),
        float(right.sum() / max(len(answer), 1)),
        low,
        high,
        float(np.mean(known)) if known else 0.0,
        recall,
        precision,
        confusion.tolist(),
    )


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion (Wilson, 1927)."""
    if trials == 0:
        return 0.0, 1.0
    p = successes / trials
    middle = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * np.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return float(middle - half), float(middle + half)


def calibration_error(probabilities: FloatArray, votes: npt.NDArray[np.integer], bins: int = 15) -> float:
    """Expected calibration error of the top answer, each vote for an emotion counting as one label.

    Args:
        probabilities: N×8.
        votes: N×8 counts.
        bins: equal-width bins of confidence.
    """
    answer = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    cast = votes.sum(axis=1).astype(np.float64)
    agreed = votes[np.arange(len(votes)), answer].astype(np.float64)
    slot = np.minimum((confidence * bins).astype(int), bins - 1)
    weight = np.bincount(slot, cast, bins)
    hit = np.bincount(slot, agreed, bins)
    trust = np.bincount(slot, confidence * cast, bins)
    used = weight > 0
    return float(np.abs(hit[used] - trust[used]).sum() / weight.sum())


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])

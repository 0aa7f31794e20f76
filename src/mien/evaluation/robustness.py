"""Robustness curves: how a model's figures fall as one thing after another gets in the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.core.faces import EmotionClassifier, FaceCrops, FloatArray, UInt8Array
from mien.core.labels import EMOTIONS
from mien.evaluation.accuracy import score
from mien.evaluation.agreement import correlations
from mien.evaluation.disturbances import DISTURBANCES, Disturbance, disturbed_crops
from mien.evaluation.faces import VotedFaces
from mien.evaluation.protocols import argmax_truth, majority_truth, vote_distribution
from mien.evaluation.resampling import Range, Resampling

BATCH = 512
_FEAR, _NEUTRAL = EMOTIONS.index("fear"), EMOTIONS.index("neutral")


@dataclass(frozen=True, slots=True)
class RobustnessOptions:
    """How curves are measured.

    Attributes:
        faces: drawn from the data set, the same ones for every point; all where it has fewer.
        seed: of the draw and of whatever is random in a disturbance.
    """

    faces: int = 1000
    seed: int = 5


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A model's figures at one strength.

    Attributes:
        level: the strength, in the curve's unit; None for the picture as it is.
        accuracy: majority protocol, eight classes, 0–1.
        interval: its 95 %, bootstrap over faces.
        macro_recall: argmax protocol, 0–1.
        fear_correlation: of the share of fear with its votes, -1 to 1; None where one does not vary.
        neutral_share: mean share of neutral, 0–1: a model that sees nothing tends to say neutral.
    """

    level: float | None
    accuracy: float
    interval: Range
    macro_recall: float
    fear_correlation: float | None
    neutral_share: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One disturbance.

    Attributes:
        about, unit: what it is and in which unit its levels are.
        points: the picture as it is first, then by rising strength; in the middle where a disturbance has two sides.
    """

    about: str
    unit: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class Robustness:
    """Every curve, over the same faces.

    Attributes:
        faces: how many.
        curves: by disturbance.
    """

    faces: int
    curves: dict[str, Curve]


def steps_of(options: RobustnessOptions) -> int:
    """Points that :func:`measure_robustness` reads, for progress; 0 when there is nothing to do."""
    return 1 + sum(len(d.levels) for d in DISTURBANCES.values()) if options.faces else 0


def measure_robustness(
    classifier: EmotionClassifier,
    faces: VotedFaces,
    options: RobustnessOptions,
    progress: Callable[[str], None] = lambda told: None,
) -> Robustness:
    """Read the same faces under every disturbance at every level.

    Args:
        classifier: the model; crops are cut by its geometry, as serving cuts them.
        faces: pictures with votes.
        options: how many, and the seed.
        progress: told after each point.
    """
    draw = np.random.default_rng(options.seed)
    rows = np.sort(draw.permutation(len(faces))[: options.faces])
    images, votes = faces.images[rows], faces.votes[rows]

    def point(disturbance: Disturbance | None, level: float) -> CurvePoint:
        told = _point(classifier, images, votes, disturbance, level, options.seed)
        progress("robustness")
        return told

    undisturbed = point(None, math.nan)
    curves = {
        name: Curve(d.about, d.unit, _in_order(d, undisturbed, [point(d, level) for level in d.levels]))
        for name, d in DISTURBANCES.items()
    }
    return Robustness(len(rows), curves)


def _in_order(disturbance: Disturbance, undisturbed: CurvePoint, points: list[CurvePoint]) -> tuple[CurvePoint, ...]:
    """The undisturbed picture first, or in the middle of levels that lie on both sides of it."""
    before = sum(level < disturbance.none for level in disturbance.levels)
    middle = before if 0 < before < len(points) else 0
    return (*points[:middle], undisturbed, *points[middle:])


def _point(
    classifier: EmotionClassifier,
    images: UInt8Array,
    votes: UInt8Array,
    disturbance: Disturbance | None,
    level: float,
    seed: int,
) -> CurvePoint:
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, len(images), BATCH):
        crops = disturbed_crops(
            images[start : start + BATCH], classifier.geometry, disturbance, level, generator, classifier.colour
        )
        parts.append(classifier.classify(FaceCrops(crops, np.ones(len(crops), np.float32))).probabilities)
    p = np.concatenate(parts)
    majority = score(p, majority_truth(votes), resampling=Resampling(300))
    recall = score(p, argmax_truth(votes), resampling=Resampling(1)).macro_recall
    return CurvePoint(
        None if disturbance is None else level,
        majority.accuracy,
        majority.interval,
        recall,
        _correlation(p[:, _FEAR], vote_distribution(votes)[:, _FEAR]),
        float(p[:, _NEUTRAL].mean()),
    )


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    p, q = first.astype(np.float64)[:, None], second.astype(np.float64)[:, None]
    told = float(correlations(p, q, np.ones((1, len(first))))[0, 0])
    return told if np.isfinite(told) else None

"""From logits to probabilities and decisions: Platt scaling and thresholds, fitted to texts the weights never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.training.text.data import FloatArray

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]

PRIOR_TEXTS: Final = 4.0
"""Strength of the prior that a logit is right as it is, in texts: rare labels have too few to say otherwise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """float32 C each: probability = logistic(scale · logit + offset); a label is present from its threshold."""

    scale: FloatArray
    offset: FloatArray
    thresholds: FloatArray

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """float32 N×C of float32 N×C logits."""
        return logistic(self.scale * logits + self.offset).astype(np.float32)


def calibrate(logits: FloatArray, truth: BoolArray) -> Calibration:
    """Fit every label on its own.

    Args:
        logits: float32 N×C.
        truth: bool N×C.
    """
    fits = [platt(logits[:, c].astype(np.float64), truth[:, c]) for c in range(logits.shape[1])]
    scale, offset = np.array([s for s, _ in fits], np.float32), np.array([o for _, o in fits], np.float32)
    probabilities = logistic(scale * logits + offset)
    thresholds = [threshold(probabilities[:, c], truth[:, c]) for c in range(logits.shape[1])]
    return Calibration(scale, offset, np.array(thresholds, np.float32))


def logistic(x: npt.NDArray[np.floating]) -> Float64Array:
    """1 / (1 + e^-x) in float64, for any x."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -x.astype(np.float64))))


def platt(logits: Float64Array, truth: BoolArray) -> tuple[float, float]:
    """Scale and offset that minimise the cross-entropy (Platt, 1999), by Newton's method with halved steps.

    A quadratic prior of :data:`PRIOR_TEXTS` holds the scale near 1 and the offset near 0.
    """
    features = np.stack([logits, np.ones_like(logits)], axis=1)
    start = np.array([1.0, 0.0])
    weights, loss = start, _platt_loss(features, truth, start)
    for _ in range(50):
        p = logistic(features @ weights)
        slope = features.T @ (p - truth) + PRIOR_TEXTS * (weights - start)
        curvature = (features * (p * (1 - p))[:, None]).T @ features + PRIOR_TEXTS * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        while (tried := _platt_loss(features, truth, weights - step)) > loss and np.abs(step).max() > 1e-9:
            step = step / 2
        weights, loss = weights - step, tried
        if np.abs(step).max() < 1e-7:
            break
    return max(float(weights[0]), 1e-3), float(weights[1])


def threshold(probabilities: Float64Array, truth: BoolArray) -> float:
    """The probability from which answering a label gives the best F1.

    What is maximised is the mean of two curves over the candidate thresholds: F1 as counted on these texts, and F1 as
    the calibrated probabilities expect it (Lipton et al., 2014, *Optimal thresholding of classifiers to maximize F1*).
    The first alone follows the accidents of a rare label's few texts, the second alone trusts the calibration's tail.
    The threshold of a label that no text carries is 1.
    """
    if not truth.any():
        return 1.0
    order = np.argsort(-probabilities, kind="stable")
    sorted_p = probabilities[order]
    given = np.arange(1, len(order) + 1)
    counted = 2 * np.cumsum(truth[order]) / (given + max(int(truth.sum()), 1))
    expected = 2 * np.cumsum(sorted_p) / (given + max(float(sorted_p.sum()), 1e-9))
    last = np.append(sorted_p[1:] < sorted_p[:-1], True)
    score = np.where(last, counted + expected, -1.0)
    best = int(score.argmax())
    below = sorted_p[best + 1] if best + 1 < len(sorted_p) else 0.0
    return float((sorted_p[best] + below) / 2)


def _platt_loss(features: Float64Array, truth: BoolArray, weights: Float64Array) -> float:
    logits = features @ weights
    prior = 0.5 * PRIOR_TEXTS * float(((weights - np.array([1.0, 0.0])) ** 2).sum())
    return float((np.logaddexp(0.0, logits) - truth * logits).sum()) + prior

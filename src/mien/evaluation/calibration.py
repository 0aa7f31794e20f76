"""Calibration against votes: does a share of 0.7 mean that seven of ten people would call the face so?

Each vote for an emotion counts as one label, so that disagreement between annotators is no error of a model that shares
it. The temperature under which a model is judged is cross-fitted: fitted on four fifths of the faces, applied to the
fifth, so that no face is judged by a temperature that saw it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS
from mien.evaluation.resampling import FloatArray, Range, Resampling, face_draws, percentiles

BINS = 15
FOLDS = 5
_LEAST_SHARE = 1e-9
_HOTTEST, _COLDEST = 4.0, 0.3
_NEWTON_STEPS = 100
_STILL = 1e-9
"""A step this short, in logits, is none: the search has arrived."""
_LEAST_CURVATURE = 1e-9
"""Added so that a direction in which nothing changes can be divided by."""
_NEAR = 1.001
"""A search that ends at a bound stops a little short of it, and what it found is stored to four digits."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Faces whose strongest share lies in one stretch of confidence; None without faces.

    Attributes:
        low, high: the stretch, 0–1.
        votes: votes cast for these faces.
        confidence: mean strongest share, weighted by votes.
        agreement: share of the votes that went to that emotion.
    """

    low: float
    high: float
    votes: int
    confidence: float | None
    agreement: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far shares can be taken at their word.

    Attributes:
        ece: expected calibration error with the cross-fitted temperature, 0–1.
        interval: its 95 %, bootstrap over faces.
        ece_as_shipped: with the model's own temperature.
        temperatures: what each fold was divided by on top of the model's own; all near 1 where that fits.
        bins: of the cross-fitted shares, for a reliability plot.
    """

    ece: float
    interval: Range | None
    ece_as_shipped: float
    temperatures: tuple[float, ...]
    bins: tuple[Bin, ...]


def calibrate(
    probabilities: FloatArray, votes: npt.NDArray[np.integer], resampling: Resampling | None = None
) -> Calibration:
    """Judge a model's shares.

    Args:
        probabilities: N×8, canonical order, as the model gives them.
        votes: N×8 or more counts, emotions first; other columns are left out (the emotions renormalised).
        resampling: of the interval and of the folds.
    """
    resampling = resampling or Resampling()
    cast = votes[:, : len(EMOTIONS)].astype(np.float64)
    fitted, temperatures = cross_fitted(probabilities, cast, resampling.generator())
    told = _told(fitted, cast)
    draws = [_errors(drawn, told) for drawn in face_draws(len(fitted), resampling)] if len(fitted) else []
    return Calibration(
        ece=calibration_error(fitted, cast),
        interval=percentiles(np.concatenate(draws)) if draws else None,
        ece_as_shipped=calibration_error(probabilities, cast),
        temperatures=temperatures,
        bins=_bins(told),
    )


def calibration_error(probabilities: FloatArray, votes: npt.NDArray[np.number], bins: int = BINS) -> float:
    """Expected calibration error of the top answer, each vote for an emotion counting as one label.

    Args:
        probabilities: N×8.
        votes: N×8 counts.
        bins: equal-width bins of confidence.
    """
    told = _told(probabilities, np.asarray(votes, np.float64), bins)
    return float(_errors(np.ones((1, len(probabilities))), told)[0])


def cross_fitted(
    probabilities: FloatArray, votes: FloatArray, generator: np.random.Generator, folds: int = FOLDS
) -> tuple[FloatArray, tuple[float, ...]]:
    """Each face under a temperature fitted on the other folds.

    Args:
        probabilities: N×8.
        votes: N×8 counts.
        generator: seeded; deals the faces into folds.
        folds: how many; fewer where there are fewer faces.

    Returns:
        N×8 shares, and the temperature of each fold; 1 where the other folds have no vote.
    """
    scaled = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_SHARE))
    total = votes.sum(axis=1, keepdims=True)
    shares = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0)
    fold = generator.permutation(len(scaled)) % folds
    out = np.asarray(probabilities, np.float64).copy()
    temperatures = []
    for number in range(min(folds, len(scaled)) if len(scaled) > 1 else 0):
        inside = fold == number
        others = shares[~inside]
        temperature = fit_temperature(scaled[~inside], others) if others.any() else 1.0
        out[inside] = _softmax(scaled[inside] / temperature)
        temperatures.append(temperature)
    return out, tuple(temperatures)


def fit_temperature(logits: FloatArray, truth: FloatArray) -> float:
    """The temperature that minimises the cross-entropy against vote shares (Guo et al., 2017), by golden section.

    Args:
        logits: N×C.
        truth: N×C vote shares; rows that sum to 0 weigh nothing.

    Returns:
        Between 0.3 and 4; :func:`is_at_bound` tells where the best lies beyond.

    Raises:
        ValueError: no row has a vote, or a logit is no finite number.
    """
    exact = np.asarray(logits, np.float64)
    if not np.any(truth):
        raise ValueError("no face has a vote for a class, and a temperature is fitted to votes")
    if not np.isfinite(exact).all():
        raise ValueError("a temperature is fitted to finite numbers, and some of these logits are none")

    def loss(log_temperature: float) -> float:
        return float(-(truth * _log_softmax(exact / np.exp(log_temperature))).sum(axis=1).mean())

    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def fit_shift(logits: FloatArray, truth: FloatArray) -> FloatArray:
    """What is to be added to each class's logit so that shares follow votes: bias-corrected temperature scaling
    (Alexandari et al., 2020), by Newton's method.

    It is for a network whose loss made rare classes likelier than they are. The temperature that is fitted along is for
    the shift's sake; :func:`fit_temperature` of the shifted logits gives it again. A class without votes is lowered as
    far as one face's weight of evidence goes, not without end.

    Args:
        logits: N×C.
        truth: N×C vote shares; rows that sum to 0 weigh nothing.

    Returns:
        float64 C, of mean 0.

    Raises:
        ValueError: no row has a vote, or a logit is no finite number.
    """
    voted = np.asarray(truth, np.float64).sum(axis=1) > 0
    z, y = np.asarray(logits, np.float64)[voted], np.asarray(truth, np.float64)[voted]
    if not len(z):
        raise ValueError("no face has a vote for a class, and a shift is fitted to votes")
    if not np.isfinite(z).all():
        raise ValueError("a shift is fitted to finite numbers, and some of these logits are none")
    count, classes = z.shape
    ridge = np.full(classes + 1, 1 / count)
    ridge[0] = 0.0

    def loss(at: FloatArray) -> float:
        return float(-(y * _log_softmax(at[0] * z + at[1:])).sum() / count + (ridge * at**2).sum() / 2)

    best = np.zeros(classes + 1)
    best[0] = 1.0
    least = loss(best)
    for _ in range(_NEWTON_STEPS):
        p = _softmax(best[0] * z + best[1:])
        weight = y.sum(axis=1, keepdims=True)
        gap, spread = weight * p - y, weight * p * z
        gradient = np.concatenate([[(gap * z).sum()], gap.sum(axis=0)]) / count + ridge * best
        mean = (p * z).sum(axis=1, keepdims=True)
        cross = (spread - weight * p * mean).sum(axis=0)
        curvature = np.empty((classes + 1, classes + 1))
        curvature[0, 0] = (weight * ((p * z**2).sum(axis=1, keepdims=True) - mean**2)).sum()
        curvature[0, 1:] = curvature[1:, 0] = cross
        curvature[1:, 1:] = np.diag((weight * p).sum(axis=0)) - (weight * p).T @ p
        step = np.linalg.solve(curvature / count + np.diag(ridge + _LEAST_CURVATURE), gradient)
        while (reached := loss(best - step)) > least and np.abs(step).max() >= _STILL:
            step = step / 2
        if np.abs(step).max() < _STILL:
            break
        best, least = best - step, reached
    shift = best[1:] / max(best[0], 1 / _HOTTEST)
    return np.asarray(shift - shift.mean())


def is_at_bound(temperature: float) -> bool:
    """Whether a fitted temperature is the highest or lowest that is tried: one beyond would fit the votes better."""
    return not _COLDEST * _NEAR < temperature < _HOTTEST / _NEAR


@dataclass(frozen=True, slots=True)
class _Told:
    """Sums over the faces of each bin, as N×B so that faces can be weighted.

    Attributes:
        cast, hit, trust: float64 N×B: votes cast, votes that agree, and confidence times votes cast.
    """

    cast: FloatArray
    hit: FloatArray
    trust: FloatArray


def _told(probabilities: FloatArray, votes: FloatArray, bins: int = BINS) -> _Told:
    rows = np.arange(len(probabilities))
    answer, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
    inside = np.zeros((len(rows), bins))
    inside[rows, np.minimum((confidence * bins).astype(int), bins - 1)] = 1.0
    cast = inside * votes.sum(axis=1, keepdims=True)
    return _Told(cast, inside * votes[rows, answer][:, None], cast * confidence[:, None])


def _errors(weights: FloatArray, told: _Told) -> FloatArray:
    """Expected calibration error for each row of R×N weights."""
    total = weights @ told.cast.sum(axis=1)
    gap = np.abs(weights @ (told.hit - told.trust)).sum(axis=1)
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total > 0))


def _bins(told: _Told) -> tuple[Bin, ...]:
    cast, hit, trust = told.cast.sum(axis=0), told.hit.sum(axis=0), told.trust.sum(axis=0)
    count = len(cast)
    return tuple(
        Bin(
            i / count,
            (i + 1) / count,
            int(cast[i]),
            float(trust[i] / cast[i]) if cast[i] else None,
            float(hit[i] / cast[i]) if cast[i] else None,
        )
        for i in range(count)
    )


def _log_softmax(scaled: FloatArray) -> FloatArray:
    raised = scaled - scaled.max(axis=1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=1, keepdims=True)))


def _softmax(scaled: FloatArray) -> FloatArray:
    return np.asarray(np.exp(_log_softmax(scaled)))

"""Agreement with the annotators' votes: distances between distributions, correlation and ranking per emotion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS
from mien.evaluation.protocols import argmax_truth, vote_distribution
from mien.evaluation.resampling import FloatArray, Range, Resampling, face_draws, percentiles

_LEAST_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval (bootstrap over faces); None where it is undefined."""

    value: float | None
    interval: Range | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near a model's shares are to the votes.

    Attributes:
        faces: faces with a vote for an emotion.
        kl: mean Kullback–Leibler divergence of the shares from the votes, nats; 0 is agreement, there is no upper end.
        js: mean Jensen–Shannon divergence (Lin, 1991), bits, 0–1; 0 is agreement.
        cosine: mean cosine similarity, 0–1; 1 is agreement.
        correlation: per emotion, Pearson correlation of the model's share with the votes' share, -1 to 1.
        auc: per emotion, area under the ROC curve of its share, faces of it (argmax protocol) against all others, 0–1.
    """

    faces: int
    kl: Figure
    js: Figure
    cosine: Figure
    correlation: dict[str, Figure]
    auc: dict[str, Figure]


def agreement(
    probabilities: FloatArray, votes: npt.NDArray[np.integer], resampling: Resampling | None = None
) -> Agreement:
    """Compare shares with votes.

    Args:
        probabilities: N×8, canonical order.
        votes: N×10 counts.
        resampling: of the intervals.
    """
    resampling = resampling or Resampling()
    share = vote_distribution(votes).astype(np.float64)
    voted = share.sum(axis=1) > 0
    p, q = np.asarray(probabilities, np.float64)[voted], share[voted]
    truth = argmax_truth(votes)
    ranked = np.asarray(probabilities, np.float64)[truth.keep]
    distances = np.stack([divergence(q, p), jensen_shannon(q, p), cosine(q, p)], axis=1)
    kl, js, near = _means(distances, resampling)
    return Agreement(
        len(p),
        kl,
        js,
        near,
        correlation=dict(zip(EMOTIONS, correlation_figures(p, q, resampling), strict=True)),
        auc=dict(zip(EMOTIONS, area_figures(ranked, truth.label, resampling), strict=True)),
    )


def divergence(truth: FloatArray, told: FloatArray) -> FloatArray:
    """Kullback–Leibler divergence ``Σ q·log(q/p)`` of each row, nats; ``told`` counts as at least 1e-9."""
    p = np.maximum(told, _LEAST_SHARE)
    ratio = np.log(np.where(truth > 0, truth, 1.0)) - np.where(truth > 0, np.log(p), 0.0)
    return np.asarray((truth * ratio).sum(axis=1))


def jensen_shannon(first: FloatArray, second: FloatArray) -> FloatArray:
    """Jensen–Shannon divergence of each row, bits, 0–1."""
    middle = (first + second) / 2
    return np.asarray((divergence(first, middle) + divergence(second, middle)) / 2 / np.log(2))


def cosine(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cosine of the angle between each pair of rows."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray(np.divide((first * second).sum(axis=1), lengths, out=np.zeros(len(first)), where=lengths > 0))


def area_under_curve(scores: FloatArray, positive: npt.NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Args:
        scores: N.
        positive: bool N.
        weights: R×N, how often each counts.

    Returns:
        float64 R; NaN where there is no positive or no negative.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) > 0]))
    ordered = weights[:, order]
    up = np.add.reduceat(ordered * positive[order], starts, axis=1)
    down = np.add.reduceat(ordered * ~positive[order], starts, axis=1)
    below = np.cumsum(down, axis=1) - down
    pairs = up.sum(axis=1) * down.sum(axis=1)
    won = (up * (below + down / 2)).sum(axis=1)
    return np.asarray(np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0))


def _means(columns: FloatArray, resampling: Resampling) -> list[Figure]:
    if not len(columns):
        return [Figure(None, None)] * columns.shape[1]
    draws = np.concatenate([w @ columns / w.sum(axis=1, keepdims=True) for w in face_draws(len(columns), resampling)])
    return [Figure(float(columns[:, i].mean()), percentiles(draws[:, i])) for i in range(columns.shape[1])]


def correlation_figures(p: FloatArray, q: FloatArray, resampling: Resampling) -> list[Figure]:
    """:func:`correlations` with intervals, one figure a column."""
    if len(p) < 2:
        return [Figure(None, None)] * p.shape[1]
    draws = np.concatenate([correlations(p, q, w) for w in face_draws(len(p), resampling)])
    here = correlations(p, q, np.ones((1, len(p))))[0]
    return [
        Figure(float(here[i]) if np.isfinite(here[i]) else None, percentiles(draws[:, i])) for i in range(p.shape[1])
    ]


def correlations(p: FloatArray, q: FloatArray, weights: FloatArray) -> FloatArray:
    """Pearson correlation per column.

    Args:
        p, q: float64 N×C.
        weights: R×N, how often each row counts.

    Returns:
        float64 R×C; NaN where a column does not vary.
    """
    total = weights.sum(axis=1, keepdims=True)
    mean_p, mean_q = weights @ p / total, weights @ q / total
    both = weights @ (p * q) / total - mean_p * mean_q
    spread = (weights @ (p * p) / total - mean_p**2) * (weights @ (q * q) / total - mean_q**2)
    return np.asarray(
        np.divide(both, np.sqrt(np.maximum(spread, 0)), out=np.full(both.shape, np.nan), where=spread > 1e-15)
    )


def area_figures(p: FloatArray, label: npt.NDArray[np.intp], resampling: Resampling) -> list[Figure]:
    """:func:`area_under_curve` of each column, rows with its label against all others, with intervals."""
    classes = p.shape[1]
    if not len(p):
        return [Figure(None, None)] * classes
    draws: list[list[FloatArray]] = [[] for _ in range(classes)]
    for weights in face_draws(len(p), resampling):
        for i in range(classes):
            draws[i].append(area_under_curve(p[:, i], label == i, weights))
    out = []
    for i in range(classes):
        here = float(area_under_curve(p[:, i], label == i, np.ones((1, len(p))))[0])
        known = np.isfinite(here)
        out.append(Figure(here if known else None, percentiles(np.concatenate(draws[i])) if known else None))
    return out

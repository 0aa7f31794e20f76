"""Chooses a model's balanced operating point by cross-validation, and scores a model at every point it has.

What is chosen is one number, the strength of the logit adjustment. It is chosen on training faces; the split that
reports figures must not choose it. A model that was trained on these faces should be no surer of them than of others:
compare the plain figures of both splits first, or give probabilities of held-out folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.core.operating import PLAIN, OperatingPoint, logit_adjustment
from mien.evaluation.accuracy import ProtocolScore, score
from mien.evaluation.protocols import argmax_truth
from mien.evaluation.resampling import FloatArray, Resampling

GRID = tuple(round(0.025 * step, 3) for step in range(41))
"""Strengths that are tried."""


@dataclass(frozen=True, slots=True)
class BalanceRule:
    """What a balanced point must keep while it raises the mean recall over emotions (argmax protocol).

    Attributes:
        least_accuracy: share answered right, 0–1.
        least_precision: per emotion, share of its calls that must be right, 0–1: an alarm that is mostly false is none.
        folds: of the cross-validation.
        seed: deals faces into folds.
    """

    least_accuracy: float = 0.78
    least_precision: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"fear": 0.45}))
    folds: int = 5
    seed: int = 11


@dataclass(frozen=True, slots=True)
class BalancedChoice:
    """A strength and what it rests on.

    Attributes:
        strength: the largest mean recall that the rule permits, over the faces of all folds.
        prior: share of each canonical emotion among the labels, with one face added to each.
        faces: labelled faces.
        data: what their data set is called.
        held_out_macro_recall, held_out_accuracy: 0–1; each fold at the strength that the *other* folds choose.
        fold_strengths: those strengths.
    """

    strength: float
    prior: tuple[float, ...]
    faces: int
    data: str
    held_out_macro_recall: float
    held_out_accuracy: float
    fold_strengths: tuple[float, ...]

    @property
    def reason(self) -> str:
        """How it was chosen, in a sentence."""
        lowest, highest = min(self.fold_strengths), max(self.fold_strengths)
        return (
            f"logit adjustment of strength {self.strength:g}, chosen by cross-validation in {len(self.fold_strengths)} "
            f"folds of {self.faces:,} faces of {self.data} (the folds alone choose {lowest:g} to {highest:g})"
        )

    def point(self) -> OperatingPoint:
        """As serving uses it."""
        return logit_adjustment(self.strength, self.prior, self.reason)

    def as_document(self) -> dict[str, object]:
        """As ``operating_points.balanced`` of ``preprocess.json``."""
        prior = {e: round(share, 6) for e, share in zip(EMOTIONS, self.prior, strict=True)}
        return {"strength": self.strength, "prior": prior, "reason": self.reason}


def choose_balanced(
    probabilities: FloatArray,
    votes: npt.NDArray[np.integer],
    rule: BalanceRule | None = None,
    data: str = "a data set without a name",
) -> BalancedChoice:
    """The strength whose mean recall is highest among those that keep the rule, on faces of held-out folds.

    In each fold the prior comes from the other folds. A fold whose others permit no strength is read plainly.

    Args:
        probabilities: N×8, calibrated, canonical order.
        votes: N×10 counts.
        rule: what must be kept.
        data: what the reason calls the faces.

    Raises:
        ValueError: fewer labelled faces than folds.
        SettingsError: no strength keeps the rule, the plain point's 0 included.
    """
    rule = rule or BalanceRule()
    truth = argmax_truth(votes)
    label = truth.label
    if len(label) < rule.folds:
        raise ValueError(f"{len(label)} labelled faces are too few for {rule.folds} folds")
    kept = np.asarray(probabilities, np.float64)[truth.keep]
    fold = np.random.default_rng(rule.seed).permutation(len(label)) % rule.folds
    tables = np.zeros((rule.folds, len(GRID), len(EMOTIONS), len(EMOTIONS)), np.int64)
    for number in range(rule.folds):
        inside = fold == number
        prior = _prior(label[~inside])
        for place, strength in enumerate(GRID):
            answer = logit_adjustment(strength, prior).adjust(kept[inside]).argmax(axis=1)
            np.add.at(tables[number, place], (label[inside], answer), 1)
    whole = tables.sum(axis=0)
    best = _best(whole, rule)
    if best is None:
        raise SettingsError(_refusal(whole, rule))
    chosen = [_best(whole - tables[number], rule) or 0 for number in range(rule.folds)]
    held_out = np.sum([tables[number, place] for number, place in enumerate(chosen)], axis=0)
    return BalancedChoice(
        strength=GRID[best],
        prior=_prior(label),
        faces=len(label),
        data=data,
        held_out_macro_recall=_macro_recall(held_out),
        held_out_accuracy=float(np.trace(held_out) / held_out.sum()),
        fold_strengths=tuple(GRID[place] for place in chosen),
    )


@dataclass(frozen=True, slots=True)
class PointScore:
    """A model at one operating point.

    Attributes:
        reason: how the point was chosen.
        offsets: per emotion, nats.
        argmax8: its figures, argmax protocol over eight classes.
    """

    reason: str
    offsets: dict[str, float]
    argmax8: ProtocolScore


def score_points(
    probabilities: FloatArray,
    votes: npt.NDArray[np.integer],
    points: Mapping[str, OperatingPoint],
    resampling: Resampling | None = None,
) -> dict[str, PointScore]:
    """Figures at the plain point and at each of ``points``."""
    truth = argmax_truth(votes)
    return {
        name: PointScore(
            point.reason,
            dict(zip(EMOTIONS, point.offsets, strict=True)),
            score(point.adjust(probabilities), truth, resampling=resampling),
        )
        for name, point in {"plain": PLAIN, **points}.items()
    }


def _prior(label: npt.NDArray[np.intp]) -> tuple[float, ...]:
    counts = np.bincount(label, minlength=len(EMOTIONS)) + 1.0
    return tuple((counts / counts.sum()).tolist())


def _macro_recall(table: npt.NDArray[np.int64]) -> float:
    actual = table.sum(axis=1)
    occurs = actual > 0
    return float((np.diag(table)[occurs] / actual[occurs]).mean())


def _best(tables: npt.NDArray[np.int64], rule: BalanceRule) -> int | None:
    """Place of the best strength among S×8×8 tables; None where none keeps the rule."""
    kept = [place for place, table in enumerate(tables) if _keeps(table, rule)]
    return max(kept, key=lambda place: _macro_recall(tables[place]), default=None)


def _keeps(table: npt.NDArray[np.int64], rule: BalanceRule) -> bool:
    precision = {emotion: _precision(table, emotion) for emotion in rule.least_precision}
    precise = all(p is None or p >= rule.least_precision[emotion] for emotion, p in precision.items())
    return precise and _accuracy(table) >= rule.least_accuracy


def _accuracy(table: npt.NDArray[np.int64]) -> float:
    return float(np.trace(table) / table.sum())


def _precision(table: npt.NDArray[np.int64], emotion: str) -> float | None:
    """Share of an emotion's calls that are right, 0–1; None without a call."""
    place = EMOTIONS.index(emotion)
    given = int(table[:, place].sum())
    return float(table[place, place] / given) if given else None


def _refusal(tables: npt.NDArray[np.int64], rule: BalanceRule) -> str:
    """Why no strength is chosen, with the figures of the plain point, which the limits are to be held against."""
    limits = [
        f"accuracy at {100 * rule.least_accuracy:g} % (at the plain point it is {100 * _accuracy(tables[0]):.1f} %)"
    ]
    for emotion, least in rule.least_precision.items():
        plain = _precision(tables[0], emotion)
        told = "there is none" if plain is None else f"{100 * plain:.1f} % are"
        limits.append(f"calls of {emotion} {100 * least:g} % right (at the plain point {told})")
    return (
        f"no operating point is chosen: no strength of the adjustment keeps {' and '.join(limits)} on held-out folds "
        "of these faces. Give training faces that the model reads well, or other limits (--least-accuracy-percent, "
        "--least-fear-precision-percent)."
    )

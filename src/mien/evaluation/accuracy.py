"""Accuracy, recall, precision and F1 of a classifier's answers under a protocol, with NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS
from mien.evaluation.protocols import Truth, restricted
from mien.evaluation.resampling import Range, Resampling, confusion_draws, percentiles

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One emotion under one protocol; None where undefined.

    Attributes:
        faces: faces that are of it.
        recall: share of them that were called so, 0–1.
        recall_interval: Wilson's 95 %: a percentile bootstrap of few faces has no width at 0 and at 1.
        precision: share of the faces called so that are of it, 0–1.
        precision_interval: likewise.
        f1: harmonic mean of the two, 0–1; 0 where none was found.
    """

    faces: int
    recall: float | None
    recall_interval: Range | None
    precision: float | None
    precision_interval: Range | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class ProtocolScore:
    """How a model does under one protocol.

    Attributes:
        faces: faces the protocol keeps.
        accuracy: share answered right, 0–1.
        interval: 95 % of the accuracy, bootstrap over faces.
        macro_recall: mean of the classes' recalls, 0–1, over classes that occur.
        macro_recall_interval: 95 %, bootstrap over faces; None without faces.
        macro_f1: mean of the classes' F1, 0–1, over classes that occur.
        macro_f1_interval: likewise.
        classes: each emotion of the view, in canonical order, or each of a model's own classes in its order.
        confusion: rows truth, columns answer, counts, in the order of ``classes``.
    """

    faces: int
    accuracy: float
    interval: Range
    macro_recall: float
    macro_recall_interval: Range | None
    macro_f1: float
    macro_f1_interval: Range | None
    classes: dict[str, ClassScore]
    confusion: list[list[int]]

    @property
    def recall(self) -> dict[str, float | None]:
        """Recall per emotion, 0–1; None where no face is of it."""
        return {emotion: one.recall for emotion, one in self.classes.items()}

    @property
    def precision(self) -> dict[str, float | None]:
        """Precision per emotion, 0–1; None where no face was called so."""
        return {emotion: one.precision for emotion, one in self.classes.items()}


def score(
    probabilities: FloatArray,
    truth: Truth,
    emotions: Sequence[str] = EMOTIONS,
    resampling: Resampling | None = None,
) -> ProtocolScore:
    """One protocol's figures.

    Args:
        probabilities: N×8 of the whole data set, canonical order; the largest of the view's is the answer.
        truth: the faces that count, and their class.
        emotions: the view: other faces are left out, other answers are not given.
        resampling: of the intervals; the usual one when None.
    """
    columns = [EMOTIONS.index(e) for e in emotions]
    kept = restricted(truth, columns)
    answer = np.asarray(probabilities)[kept.keep][:, columns].argmax(axis=1)
    place = np.full(len(EMOTIONS), -1)
    place[columns] = np.arange(len(columns))
    return score_answers(place[kept.label], answer, emotions, resampling)


def score_answers(
    label: npt.NDArray[np.intp],
    answer: npt.NDArray[np.intp],
    classes: Sequence[str],
    resampling: Resampling | None = None,
) -> ProtocolScore:
    """Figures of answers in any classes.

    Args:
        label: N, place of each face's class.
        answer: N, place of the class it was called.
        classes: their names, by place.
        resampling: of the intervals; the usual one when None.
    """
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (label, answer), 1)
    draws = _figures(confusion_draws(confusion, resampling or Resampling()))
    here = {name: float(values[0]) for name, values in _figures(confusion[None]).items()}
    right, actual, given = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return ProtocolScore(
        faces=len(answer),
        accuracy=_known(here["accuracy"]),
        interval=percentiles(draws["accuracy"]) or (0.0, 1.0),
        macro_recall=_known(here["macro_recall"]),
        macro_recall_interval=percentiles(draws["macro_recall"]),
        macro_f1=_known(here["macro_f1"]),
        macro_f1_interval=percentiles(draws["macro_f1"]),
        classes={e: _class(int(right[i]), int(actual[i]), int(given[i])) for i, e in enumerate(classes)},
        confusion=confusion.tolist(),
    )


def _figures(confusions: npt.NDArray[np.int64]) -> dict[str, FloatArray]:
    """Accuracy, macro recall and macro F1 of R×K×K counts: float64 R each, NaN without faces."""
    right = np.diagonal(confusions, axis1=1, axis2=2).astype(np.float64)
    actual, given = confusions.sum(axis=2), confusions.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / actual
        f1 = np.where(actual > 0, 2 * right / (actual + given), np.nan)
        occur = (actual > 0).sum(axis=1)
        return {
            "accuracy": right.sum(axis=1) / actual.sum(axis=1),
            "macro_recall": np.nansum(recall, axis=1) / occur,
            "macro_f1": np.nansum(f1, axis=1) / occur,
        }


def _known(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def _class(right: int, actual: int, given: int) -> ClassScore:
    return ClassScore(
        faces=actual,
        recall=right / actual if actual else None,
        recall_interval=wilson(right, actual) if actual else None,
        precision=right / given if given else None,
        precision_interval=wilson(right, given) if given else None,
        f1=2 * right / (actual + given) if actual else None,
    )


def wilson(successes: int, trials: int, z: float = 1.96) -> Range:
    """Wilson's 95 % interval of a proportion (Wilson, 1927)."""
    if trials == 0:
        return 0.0, 1.0
    p = successes / trials
    middle = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * np.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))

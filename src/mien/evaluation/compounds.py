"""Compound expressions (``compound12``): two emotions that share a face, from votes and from shares alike.

A face on which the annotators were split between happiness and surprise shows both. The truth is therefore the same
view of the votes that serving takes of the shares (``LabelSet.view``), and nobody's judgement of a compound enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.labels import COMPOUND12
from mien.evaluation.accuracy import wilson
from mien.evaluation.agreement import Figure, area_figures, correlation_figures
from mien.evaluation.protocols import vote_distribution
from mien.evaluation.resampling import FloatArray, Range, Resampling

UNTOLD: Final = "other"
"""A label that votes for the eight emotions cannot support."""


@dataclass(frozen=True, slots=True)
class CompoundScore:
    """One label of ``compound12``; None where undefined.

    Attributes:
        faces: faces on which it has the largest share of the votes' view.
        recall, precision: of calling a face by the largest share, 0–1, with Wilson's 95 %.
        correlation: of its share with that of the votes' view, -1 to 1.
        auc: area under the ROC curve of its share, its faces against all others, 0–1.
    """

    faces: int
    recall: float | None
    recall_interval: Range | None
    precision: float | None
    precision_interval: Range | None
    correlation: Figure
    auc: Figure


@dataclass(frozen=True, slots=True)
class CompoundReport:
    """``compound12`` by class, in the label set's order.

    Attributes:
        faces: faces with a vote for an emotion.
        accuracy: share of them whose largest share is that of the votes' view, 0–1, with Wilson's 95 %.
        accuracy_interval: see there.
        classes: by label; ``other`` is not among them.
    """

    faces: int
    accuracy: float
    accuracy_interval: Range
    classes: dict[str, CompoundScore]


def score_compounds(
    probabilities: FloatArray, votes: npt.NDArray[np.integer], resampling: Resampling | None = None
) -> CompoundReport:
    """Compare the views of shares and votes.

    Args:
        probabilities: N×8, canonical order.
        votes: N×10 counts.
        resampling: of the intervals.
    """
    resampling = resampling or Resampling()
    share = vote_distribution(votes)
    voted = share.sum(axis=1) > 0
    told = [i for i, label in enumerate(COMPOUND12.labels) if label != UNTOLD]
    q, p = (
        COMPOUND12.view(np.asarray(rows[voted], np.float32)).astype(np.float64)[:, told]
        for rows in (share, np.asarray(probabilities))
    )
    truth, answer = q.argmax(axis=1) if len(q) else np.zeros(0, np.intp), p.argmax(axis=1) if len(p) else np.zeros(0)
    correlation, auc = correlation_figures(p, q, resampling), area_figures(p, truth, resampling)
    right = int((truth == answer).sum())
    classes = {}
    for column, place in enumerate(told):
        actual, given = truth == column, answer == column
        hits = int((actual & given).sum())
        of, called = int(actual.sum()), int(given.sum())
        classes[COMPOUND12.labels[place]] = CompoundScore(
            faces=of,
            recall=hits / of if of else None,
            recall_interval=wilson(hits, of) if of else None,
            precision=hits / called if called else None,
            precision_interval=wilson(hits, called) if called else None,
            correlation=correlation[column],
            auc=auc[column],
        )
    return CompoundReport(len(q), right / len(q) if len(q) else 0.0, wilson(right, len(q)), classes)

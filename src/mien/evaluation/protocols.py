"""How votes become truth: the two protocols of FER+ and the vote distribution.

Barsoum et al., 2016, give ten annotators' votes to each face, over eight emotions, *unknown* and *not a face*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS, ENGAGEMENT5

EMOTION_COLUMNS = 8

VIEWS: Final = {
    "8": EMOTIONS,
    "7": tuple(e for e in EMOTIONS if e != "contempt"),
    "5": tuple(e for e in EMOTIONS if (e,) in ENGAGEMENT5.sources),
}
"""Emotions of the class views. A view leaves out the faces of other emotions, and never answers with one."""

VoteArray = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Truth:
    """The faces a protocol keeps, and their class.

    Attributes:
        keep: intp M, rows of the data set that the protocol keeps.
        label: intp M, canonical class index of each kept row.
    """

    keep: npt.NDArray[np.intp]
    label: npt.NDArray[np.intp]


def argmax_truth(votes: VoteArray) -> Truth:
    """Most votes over all ten columns, the first on ties.

    Faces won by *unknown* or *not a face*, and those without a vote, are dropped.

    Args:
        votes: N×10 counts.
    """
    winner = votes.argmax(axis=1)
    keep = np.flatnonzero((winner < EMOTION_COLUMNS) & (votes.max(axis=1) > 0))
    return Truth(keep, winner[keep])


def majority_truth(votes: VoteArray) -> Truth:
    """FER+'s majority: single votes are dropped, and the winner must have more than half of what remains.

    Args:
        votes: N×10 counts.
    """
    agreed = np.where(votes <= 1, 0, votes).astype(np.int64)  # twice a uint8 overflows
    winner = agreed.argmax(axis=1)
    keep = np.flatnonzero((2 * agreed.max(axis=1) > agreed.sum(axis=1)) & (winner < EMOTION_COLUMNS))
    return Truth(keep, winner[keep])


def restricted(truth: Truth, classes: Sequence[int]) -> Truth:
    """The faces of a protocol whose class is one of ``classes``."""
    of_them = np.isin(truth.label, classes)
    return Truth(truth.keep[of_them], truth.label[of_them])


def vote_distribution(votes: VoteArray, *, drop_single_votes: bool = False) -> npt.NDArray[np.float32]:
    """Share of the votes that went to each emotion.

    Args:
        votes: N×10 counts.
        drop_single_votes: treat a lone vote as noise, as the majority protocol does.

    Returns:
        float32 N×8; rows sum to 1, or to 0 where no vote went to an emotion.
    """
    emotions = votes[:, :EMOTION_COLUMNS].astype(np.float32)
    if drop_single_votes:
        thinned = np.where(emotions <= 1, 0, emotions)
        emotions = np.where(thinned.sum(axis=1, keepdims=True) > 0, thinned, emotions)
    total = emotions.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(emotions, total, out=np.zeros_like(emotions), where=total > 0), np.float32)

"""Whom labelled faces show, as far as somebody declared it. Nothing here looks at a picture to tell who is shown.

Groups come from a table as :func:`mien.evaluation.groups.read_groups` reads it. What is not declared stays undeclared:
it is counted as that, and enters no share.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from mien.evaluation.groups import LEAST_GROUP, USUAL_GROUP, Groups

FAR_BELOW = 0.5
"""A group's share of an emotion is far below its share of all when it is less than this part of it."""
LEAST_EXPECTED = 10
"""Where a group's share of all would give it fewer faces of an emotion than this, nothing is said: it may be chance."""


@dataclass(frozen=True, slots=True)
class GroupCoverage:
    """One group.

    Attributes:
        faces: that were declared to be of it.
        share: of the faces for which the attribute was declared, 0–1.
        emotions: faces by the emotion with the most votes, every class in the data's order.
        unnamed: faces that most called unknown or no face, or nobody called anything.
    """

    faces: int
    share: float
    emotions: dict[str, int]
    unnamed: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    """An emotion that a group shows far less often than its share of all would give.

    Attributes:
        group: declared value.
        emotion: name of the class.
        faces: of the group that show it.
        share_of_emotion: the group's, of the declared faces that show it, 0–1.
        share_of_all: the group's, of the declared faces that show any emotion, 0–1.
    """

    group: str
    emotion: str
    faces: int
    share_of_emotion: float
    share_of_all: float


@dataclass(frozen=True, slots=True)
class AttributeCoverage:
    """One attribute.

    Attributes:
        groups: by declared value, in alphabetical order; None where a group is smaller than the least.
        undeclared: faces for which nothing was declared.
        undeclared_share: of all faces, 0–1.
        shortfalls: by group, then emotion.
    """

    groups: dict[str, GroupCoverage | None]
    undeclared: int
    undeclared_share: float
    shortfalls: tuple[Shortfall, ...]


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Every attribute.

    Attributes:
        faces: of the data set.
        least_group: faces below which a group is told as few.
        attributes: by name.
    """

    faces: int
    least_group: int
    attributes: dict[str, AttributeCoverage]

    def as_json(self, data: str) -> str:
        """The report as JSON, with the name of what it is about."""
        return json.dumps({"schema_version": 1, "data": data, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"


def coverage(
    votes: npt.NDArray[np.integer], labels: Sequence[str], groups: Groups, least_group: int = USUAL_GROUP
) -> CoverageReport:
    """Count declared groups, and the emotions of each.

    Args:
        votes: N×(K + 2) counts: the K classes, *unknown*, *not a face*.
        labels: names of the K classes.
        groups: declared groups of the N faces.
        least_group: faces below which a group is told as few; never under ``groups.LEAST_GROUP``.
    """
    least = max(least_group, LEAST_GROUP)
    winner = votes.argmax(axis=1)
    shown = np.where((votes.max(axis=1, initial=0) > 0) & (winner < len(labels)), winner, len(labels))
    attributes = {name: _attribute(np.array(values), shown, labels, least) for name, values in groups.items()}
    return CoverageReport(len(votes), least, attributes)


def _attribute(
    declared: npt.NDArray[np.str_], shown: npt.NDArray[np.intp], labels: Sequence[str], least: int
) -> AttributeCoverage:
    """``shown`` is the class of each face, K where it has none."""
    there = declared != ""
    whole = _counts(shown[there], labels)
    told: dict[str, GroupCoverage | None] = {}
    shortfalls: list[Shortfall] = []
    for value in sorted(set(declared[there].tolist())):
        rows = declared == value
        if (faces := int(rows.sum())) < least:
            told[value] = None
            continue
        own = _counts(shown[rows], labels)
        emotions = dict(zip(labels, own[:-1].tolist(), strict=True))
        told[value] = GroupCoverage(faces, faces / int(there.sum()), emotions, int(own[-1]))
        shortfalls += _shortfalls(value, own[:-1], whole[:-1], labels)
    undeclared = int((~there).sum())
    return AttributeCoverage(told, undeclared, undeclared / max(1, len(declared)), tuple(shortfalls))


def _counts(shown: npt.NDArray[np.intp], labels: Sequence[str]) -> npt.NDArray[np.intp]:
    """intp K + 1: faces of each class, and those without one."""
    return np.bincount(shown, minlength=len(labels) + 1)


def _shortfalls(
    group: str, own: npt.NDArray[np.intp], whole: npt.NDArray[np.intp], labels: Sequence[str]
) -> list[Shortfall]:
    share = float(own.sum()) / max(1, int(whole.sum()))
    return [
        Shortfall(group, label, int(mine), float(mine / all_), share)
        for label, mine, all_ in zip(labels, own, whole, strict=True)
        if share * all_ >= LEAST_EXPECTED and mine < FAR_BELOW * share * all_
    ]

"""Figures by group, from groups that somebody declared. Nothing here looks at a picture to tell who is shown.

A table of groups is a CSV with a column ``row`` (position in what was read of the data set, counted from 0) or ``file``
(a picture's name as the data set has it) and any number of further columns, one an attribute: self-declared age band,
lighting, camera, country of recording. An empty cell declares nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError, UnsupportedMediaError
from mien.evaluation.accuracy import score
from mien.evaluation.calibration import calibration_error
from mien.evaluation.protocols import argmax_truth, majority_truth
from mien.evaluation.resampling import FloatArray, Range, Resampling

ROW, FILE = "row", "file"
LEAST_GROUP = 10
"""No group smaller than this is ever told about, whatever is asked for."""
USUAL_GROUP = 30

Groups = Mapping[str, tuple[str, ...]]
"""By attribute, the declared group of each face; empty where none was."""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A model on one group. A figure that fewer faces than the least stand behind is withheld: None.

    Attributes:
        faces: faces of the group, labelled or not.
        accuracy, interval: majority protocol, eight classes, 0–1, and its 95 %.
        macro_recall, macro_recall_interval: argmax protocol, over the emotions that occur in the group.
        fear_recall: argmax protocol, 0–1.
        ece: calibration error with the model's own temperature, 0–1.
        majority_faces: that the majority protocol keeps, behind ``accuracy``; None in documents of before it was told.
        argmax_faces: that the argmax protocol keeps, behind ``macro_recall``; likewise.
        fear_faces: of those, the ones that show fear; likewise.
        voted_faces: with a vote for an emotion, behind ``ece``; likewise.
    """

    faces: int
    accuracy: float | None
    interval: Range | None
    macro_recall: float | None
    macro_recall_interval: Range | None
    fear_recall: float | None
    ece: float | None
    majority_faces: int | None = None
    argmax_faces: int | None = None
    fear_faces: int | None = None
    voted_faces: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeReport:
    """One attribute.

    Attributes:
        groups: by declared value, in alphabetical order; None where a group is smaller than the least.
        largest_gap: between the accuracies told, 0–1; None with fewer than two.
        undeclared: faces for which nothing was declared.
    """

    groups: dict[str, GroupScore | None]
    largest_gap: float | None
    undeclared: int


@dataclass(frozen=True, slots=True)
class GroupReport:
    """Every attribute.

    Attributes:
        least_group: faces below which a group, or a figure of one, is withheld.
        attributes: by name.
    """

    least_group: int
    attributes: dict[str, AttributeReport]


def read_groups(path: Path, faces: int, files: Sequence[str] = ()) -> Groups:
    """Read a table of groups.

    Args:
        path: the CSV, UTF-8.
        faces: of the data set it is about.
        files: names of their pictures; none where it has none. A table may name pictures of other parts, too.

    Raises:
        InputError: no such file.
        UnsupportedMediaError: neither ``row`` nor ``file`` or both, no attribute, a row that the data set does not
            have, a row or file that appears twice, or no file that the data set has.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names = [name for name in reader.fieldnames or [] if name]
            lines = list(reader)
    except FileNotFoundError as error:
        raise InputError(f"no such table of groups: {path}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnsupportedMediaError(f"{path} cannot be read as a CSV of groups: {error}") from error
    keys = [name for name in (ROW, FILE) if name in names]
    attributes = [name for name in names if name not in keys]
    if len(keys) != 1 or not attributes:
        raise UnsupportedMediaError(
            f"{path}: a table of groups has either a column '{ROW}' (counted from 0) or a column '{FILE}', and one "
            f"column an attribute; it has {', '.join(names) or 'no header'}"
        )
    if keys == [FILE] and not files:
        raise UnsupportedMediaError(
            f"{path} names faces by '{FILE}', but the data set has no names of pictures: use '{ROW}', their position "
            "from 0"
        )
    rows_of = _by_position(faces) if keys == [ROW] else _by_name(files)
    told: dict[str, list[str]] = {name: [""] * faces for name in attributes}
    seen: set[str] = set()
    for number, line in enumerate(lines, start=2):
        key = (line[keys[0]] or "").strip()
        if keys == [ROW] and key.isdecimal():
            key = str(int(key))
        if key in seen or (keys == [ROW] and key not in rows_of):
            again = "appears twice" if key in seen else f"is no row of a data set of {faces} faces"
            raise UnsupportedMediaError(f"{path}, line {number}: '{keys[0]}' is {key!r}, which {again}")
        seen.add(key)
        for row in rows_of.get(key, ()):
            for name in attributes:
                told[name][row] = (line[name] or "").strip()
    if lines and not seen & rows_of.keys():
        raise UnsupportedMediaError(
            f"{path}: none of its files is in what was read of the data set, where they are called such as {files[0]!r}"
        )
    return {name: tuple(values) for name, values in told.items()}


def _by_position(faces: int) -> dict[str, list[int]]:
    return {str(row): [row] for row in range(faces)}


def _by_name(files: Sequence[str]) -> dict[str, list[int]]:
    """Rows of each file: a picture may show several faces."""
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(files):
        rows.setdefault(file, []).append(row)
    return rows


def score_groups(
    probabilities: FloatArray,
    votes: npt.NDArray[np.integer],
    groups: Groups,
    least_group: int = USUAL_GROUP,
    resampling: Resampling | None = None,
) -> GroupReport:
    """Score each declared group.

    Args:
        probabilities: N×8, canonical order.
        votes: N×10 counts.
        groups: declared groups of the N faces.
        least_group: faces below which a group, or a figure of one, is withheld; never under :data:`LEAST_GROUP`.
        resampling: of the intervals.
    """
    least = max(least_group, LEAST_GROUP)
    attributes = {}
    for name, values in groups.items():
        declared = np.array(values)
        told: dict[str, GroupScore | None] = {}
        for value in sorted(set(values) - {""}):
            rows = np.flatnonzero(declared == value)
            enough = len(rows) >= least
            told[value] = _score(probabilities[rows], votes[rows], least, resampling) if enough else None
        accuracies = [one.accuracy for one in told.values() if one is not None and one.accuracy is not None]
        gap = max(accuracies) - min(accuracies) if len(accuracies) > 1 else None
        attributes[name] = AttributeReport(told, gap, int((declared == "").sum()))
    return GroupReport(least, attributes)


def _score(
    probabilities: FloatArray, votes: npt.NDArray[np.integer], least: int, resampling: Resampling | None
) -> GroupScore:
    majority = score(probabilities, majority_truth(votes), resampling=resampling)
    argmax = score(probabilities, argmax_truth(votes), resampling=resampling)
    fear = argmax.classes["fear"]
    cast = votes[:, : probabilities.shape[1]]
    voted = int((cast.sum(axis=1) > 0).sum())
    by_majority, by_argmax = majority.faces >= least, argmax.faces >= least
    return GroupScore(
        faces=len(votes),
        accuracy=majority.accuracy if by_majority else None,
        interval=majority.interval if by_majority else None,
        macro_recall=argmax.macro_recall if by_argmax else None,
        macro_recall_interval=argmax.macro_recall_interval if by_argmax else None,
        fear_recall=fear.recall if fear.faces >= least else None,
        ece=calibration_error(probabilities, cast) if voted >= least else None,
        majority_faces=majority.faces,
        argmax_faces=argmax.faces,
        fear_faces=fear.faces,
        voted_faces=voted,
    )

"""Splits labelled faces into train, validation and test, keeping copies of one photograph on one side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.evaluation.duplicates import THRESHOLD, copies_within, joined
from mien.evaluation.faces import VotedFaces

SIDES = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a data set: intp arrays, disjoint, together all rows."""

    train: npt.NDArray[np.intp]
    valid: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]


def split(
    faces: VotedFaces,
    shares: tuple[float, float, float],
    generator: np.random.Generator,
    threshold: float = THRESHOLD,
    progress: Callable[[int], None] = lambda done: None,
) -> Split:
    """Random rows for train, validation and test, balanced by the class with most votes.

    Args:
        faces: what to split.
        shares: of train, validation and test; they sum to 1.
        generator: seeded by the caller.
        threshold: score from which two pictures are copies (:mod:`mien.evaluation.duplicates`).
        progress: told how many faces have been compared.

    Raises:
        ValueError: the shares do not sum to 1, or a side with a share gets no face.
    """
    if abs(sum(shares) - 1) > 1e-6 or min(shares) < 0:
        raise ValueError(f"shares of train, validation and test must sum to 1, got {shares}")
    group = joined(len(faces), copies_within(faces.images, threshold, progress))
    members: dict[int, list[int]] = {}
    for row, number in enumerate(group.tolist()):
        members.setdefault(number, []).append(row)
    label = faces.votes.argmax(axis=1)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for emotion in np.unique(label):
        groups = [rows for rows in members.values() if label[rows[0]] == emotion]
        order = generator.permutation(len(groups))
        total, placed = sum(map(len, groups)), 0
        for position in order:
            done = placed / total
            part = 0 if done < shares[0] else 1 if done < shares[0] + shares[1] else 2
            parts[part].extend(groups[position])
            placed += len(groups[position])
    empty = [name for name, share, part in zip(SIDES, shares, parts, strict=True) if share > 0 and not part]
    if empty:
        raise ValueError(
            f"{len(faces)} faces of {len(np.unique(label))} classes, in {len(members)} groups of copies, are too few: "
            f"{' and '.join(empty)} would be empty. Bring more faces of each class, or give the side a share of 0"
        )
    return Split(*(np.sort(np.array(part, np.intp)) for part in parts))

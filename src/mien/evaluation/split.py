"""Splits labelled faces into train, validation and test, keeping look-alikes on one side."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import UInt8Array
from mien.evaluation.faces import VotedFaces

_HASH_SIDE = 8


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a data set: intp arrays, disjoint, together all rows."""

    train: npt.NDArray[np.intp]
    valid: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]


def look_alikes(images: UInt8Array) -> npt.NDArray[np.intp]:
    """A group number for each picture; pictures with the same 64-bit difference hash share one.

    The hash (8×9 cells, each compared with its right neighbour) survives re-encoding, scaling and brightness, so
    copies of a picture fall together; it does not survive cropping or mirroring.

    Args:
        images: uint8 N×S×S.
    """
    small = np.stack([cv2.resize(i, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA) for i in images])
    bits = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(images), -1)
    keys = np.packbits(bits, axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)


def split(faces: VotedFaces, shares: tuple[float, float, float], generator: np.random.Generator) -> Split:
    """Random rows for train, validation and test, balanced by the emotion with most votes.

    Args:
        faces: what to split.
        shares: of train, validation and test; they sum to 1.
        generator: seeded by the caller.

    Raises:
        ValueError: the shares do not sum to 1.
    """
    if abs(sum(shares) - 1) > 1e-6 or min(shares) < 0:
        raise ValueError(f"shares of train, validation and test must sum to 1, got {shares}")
    group = look_alikes(faces.images)
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
    return Split(*(np.sort(np.array(part, np.intp)) for part in parts))

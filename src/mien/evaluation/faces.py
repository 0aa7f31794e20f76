"""Labelled faces for evaluation and training: pictures with votes, and a classifier run over them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import EmotionClassifier, FaceCrops, FloatArray, UInt8Array
from mien.core.labels import EMOTIONS
from mien.evaluation.layouts import ReadOptions, find_layout, load_layout
from mien.report.partial import written_whole

BATCH = 512


@dataclass(frozen=True, slots=True)
class VotedFaces:
    """Pictures of faces with annotators' votes.

    Attributes:
        images: uint8 N×S×S grey, or N×S×S×3 RGB.
        votes: uint8 N×(K + 2): the K classes, then *unknown* and *not a face*. With the canonical labels these are
            FER+'s ten columns.
        labels: the classes, in the order of their columns.
        files: N names of pictures as the data set has them; empty where it has none.
        called: the names that the data set they were read from may have for its classes, in whatever part of it, before
            a ``label_map`` translates them; empty where they were not read.
    """

    images: UInt8Array
    votes: UInt8Array
    labels: tuple[str, ...] = EMOTIONS
    files: tuple[str, ...] = ()
    called: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def digest(self) -> str:
        """SHA-256 of pictures and votes, hexadecimal."""
        whole = hashlib.sha256(np.ascontiguousarray(self.images).data)
        whole.update(np.ascontiguousarray(self.votes).data)
        return whole.hexdigest()


def load_voted_faces(path: Path, options: ReadOptions | None = None, layout: str | None = None) -> VotedFaces:
    """Read labelled faces in any layout of :mod:`mien.evaluation.layouts`.

    Args:
        path: a file or folder.
        options: what to read; everything, grey, when None.
        layout: its name; found out when None.

    Raises:
        InputError: no such file, or no such part.
        UnsupportedMediaError: it is in no known layout, or rows cannot be used; the message names them.
    """
    name = layout or (find_layout(path) if path.suffix != ".npz" else "npz")
    return load_layout(name).read(path, options or ReadOptions())


def save_voted_faces(path: Path, faces: VotedFaces, rows: npt.NDArray[np.intp]) -> None:
    """Write some rows as an npz that :func:`load_voted_faces` reads: whole or not at all, in place of what was there.

    Classes of one's own and names of pictures are written with them.

    Args:
        path: of the file.
        faces: the data set.
        rows: intp M, which of its rows.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {"images": faces.images[rows], "votes": faces.votes[rows]}
    if faces.labels != EMOTIONS:
        arrays["labels"] = np.array(faces.labels)
    if faces.files:
        arrays["files"] = np.array(faces.files)[rows]
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def classify_pictures(classifier: EmotionClassifier, images: UInt8Array) -> FloatArray:
    """Calibrated probabilities of face pictures taken as crops.

    Args:
        classifier: reads them.
        images: uint8 N×S×S grey or N×S×S×3 RGB, each one face; resized to the classifier's crop.

    Returns:
        float32 N×K, the K classes in the classifier's order: the canonical eight, unless it has its own.
    """
    side = classifier.geometry.size
    parts = []
    for start in range(0, len(images), BATCH):
        part = resized(images[start : start + BATCH], side)
        if part.ndim == 3 and classifier.colour == "rgb":
            part = np.repeat(part[..., None], 3, axis=3)
        parts.append(classifier.classify(FaceCrops(part, np.ones(len(part), np.float32))).probabilities)
    return np.concatenate(parts)


def resized(images: UInt8Array, side: int) -> UInt8Array:
    """Square pictures at another side: uint8 N×S×S or N×S×S×3; those of that side come back as they are."""
    if images.shape[1] == side:
        return images
    # The area filter averages what it shrinks, but repeats pixels where it enlarges.
    way = cv2.INTER_AREA if side < images.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(image, (side, side), interpolation=way) for image in images])

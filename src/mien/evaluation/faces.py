"""Labelled faces for evaluation and training: pictures with votes, and a classifier run over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien.core.errors import InputError, UnsupportedMediaError
from mien.core.faces import EmotionClassifier, FaceCrops, FloatArray, UInt8Array

BATCH = 512


@dataclass(frozen=True, slots=True)
class VotedFaces:
    """Pictures of faces with annotators' votes.

    Attributes:
        images: uint8 N×S×S grey.
        votes: uint8 N×10, FER+'s columns.
    """

    images: UInt8Array
    votes: UInt8Array

    def __len__(self) -> int:
        return len(self.images)


def load_voted_faces(path: Path) -> VotedFaces:
    """Read an npz of ``images`` and ``votes``.

    Raises:
        InputError: no such file.
        UnsupportedMediaError: the arrays are missing or have the wrong shape.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, votes = archive["images"], archive["votes"]
    except FileNotFoundError as error:
        raise InputError(f"no such data set: {path}") from error
    except (KeyError, ValueError, OSError) as error:
        raise UnsupportedMediaError(f"{path} is not an npz with arrays 'images' and 'votes': {error}") from error
    if images.ndim != 3 or images.dtype != np.uint8 or votes.shape != (len(images), 10):
        raise UnsupportedMediaError(
            f"{path}: expected images uint8 N×S×S and votes N×10, got {images.dtype} {images.shape} and {votes.shape}"
        )
    return VotedFaces(images, votes)


def classify_pictures(classifier: EmotionClassifier, images: UInt8Array) -> FloatArray:
    """Calibrated probabilities of face pictures taken as crops.

    Args:
        classifier: reads them.
        images: uint8 N×S×S grey, each one face; resized to the classifier's crop.

    Returns:
        float32 N×8.
    """
    side = classifier.geometry.size
    parts = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        if part.shape[1] != side:
            part = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in part])
        colour = np.repeat(part[..., None], 3, axis=3)
        parts.append(classifier.classify(FaceCrops(colour, np.ones(len(part), np.float32))).probabilities)
    return np.concatenate(parts)

"""A teacher's answers about every face of a data set, stored, so that a student can be trained without the teacher."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.core.faces import EmotionClassifier, FloatArray, UInt8Array
from mien.core.labels import EMOTIONS
from mien.evaluation.faces import VotedFaces, classify_pictures
from mien.report.partial import written_whole


def teach(
    teachers: Sequence[EmotionClassifier],
    faces: VotedFaces,
    path: Path,
    seen_by: Callable[[EmotionClassifier], UInt8Array] | None = None,
) -> FloatArray:
    """Write the mean of the teachers' calibrated answers as a compressed npz: 2 bytes a face and class at most.

    Args:
        teachers: one, or an ensemble.
        faces: of the training set, every row, as the student sees them.
        path: of the npz.
        seen_by: the same faces as a teacher was made to see them, uint8 N×S×S or N×S×S×3; the student's when None.

    Returns:
        float32 N×8 as it will be read.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    answers = [
        classify_pictures(teacher, faces.images if seen_by is None else seen_by(teacher)) for teacher in teachers
    ]
    mean = np.mean(answers, axis=0)
    stored = np.asarray(mean, np.float16)
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            probabilities=stored,
            labels=np.array(EMOTIONS),
            teachers=np.array([f"{t.name} {t.sha256}" for t in teachers]),
            images_sha256=np.array(pictures_digest(faces.images)),
        )
    return _whole(stored)


def read_soft_labels(path: Path, faces: VotedFaces) -> FloatArray:
    """A teacher's answers, float32 N×8, rows sum to 1, in the rows of a data set.

    Raises:
        InputError: no such file.
        UnsupportedMediaError: it is no file of ``mien data teach``.
        SettingsError: it was made of other pictures, or the data's classes are not the canonical emotions.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            stored, labels = archive["probabilities"], tuple(str(label) for label in archive["labels"])
            digest = str(archive["images_sha256"])
    except FileNotFoundError as error:
        raise InputError(f"no such soft labels: {path}") from error
    except (KeyError, ValueError, OSError) as error:
        raise UnsupportedMediaError(f"{path} holds no soft labels of 'mien data teach': {error}") from error
    if labels != EMOTIONS or faces.labels != EMOTIONS:
        raise SettingsError(
            f"{path}: soft labels are about {', '.join(labels)}, the data about {', '.join(faces.labels)}"
        )
    if digest != pictures_digest(faces.images) or stored.shape != (len(faces), len(EMOTIONS)):
        raise SettingsError(f"{path} was made of other pictures than the training data: run 'mien data teach' again")
    return _whole(stored)


def pictures_digest(images: UInt8Array) -> str:
    """SHA-256 of pictures and their shape, hexadecimal."""
    whole = hashlib.sha256(repr(images.shape).encode())
    whole.update(np.ascontiguousarray(images).data)
    return whole.hexdigest()


def _whole(stored: npt.NDArray[np.floating]) -> FloatArray:
    probabilities = stored.astype(np.float32)
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), np.float32)

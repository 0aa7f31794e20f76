"""Faces in the shapes that clients of earlier systems expect, inside the process only; they are never serialised."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import numpy.typing as npt

from mien.core.faces import LANDMARK_NAMES, FaceReading, Faces, FloatArray
from mien.core.labels import CINEMA7, LabelSet


class FaceRecord(TypedDict):
    """A detected face: ``box`` is ``[x, y, width, height]``; whole pixels, confidence 0–1."""

    box: list[int]
    confidence: float
    keypoints: dict[str, tuple[int, int]]


class EmotionRecord(TypedDict):
    """What a face shows; probabilities 0–1."""

    dominant_emotion: str
    emotion_scores: dict[str, float]


class DetectionArrays(TypedDict):
    """Faces of one frame: float32 N×4, ``ymin, xmin, ymax, xmax`` as shares of the frame, and float32 N."""

    detection_boxes: FloatArray
    detection_scores: FloatArray


def face_record(reading: FaceReading) -> FaceRecord:
    """One face as a record. Its box may reach past the frame's edges, as the detector's does."""
    left, top, right, bottom = (round(float(v)) for v in reading.box)
    points = [(round(float(x)), round(float(y))) for x, y in reading.landmarks]
    return {
        "box": [left, top, right - left, bottom - top],
        "confidence": float(reading.score),
        "keypoints": dict(zip(LANDMARK_NAMES, points, strict=True)),
    }


def emotion_record(reading: FaceReading, labels: LabelSet = CINEMA7) -> EmotionRecord:
    """What one face shows, in the names of a label set. The strongest is named even where a label is withheld.

    Raises:
        ValueError: the face was not read.
    """
    if reading.probabilities is None:
        raise ValueError(f"the face was not read ({reading.unread}): it has no emotion")
    view = labels.view(reading.probabilities[None])[0]
    return {
        "dominant_emotion": labels.labels[int(view.argmax())],
        "emotion_scores": {label: float(p) for label, p in zip(labels.labels, view, strict=True)},
    }


def detection_arrays(faces: Faces, width: int, height: int) -> DetectionArrays:
    """Faces of a frame of ``width`` × ``height`` pixels as arrays."""
    scale = np.array([height, width, height, width], np.float32)
    return {"detection_boxes": faces.boxes[:, [1, 0, 3, 2]] / scale, "detection_scores": faces.scores}


def pixel_boxes(detection_boxes: FloatArray, width: int, height: int) -> npt.NDArray[np.int64]:
    """Normalised boxes in whole pixels, cut towards zero and clipped to the frame: int64 N×4, ``x1, y1, x2, y2``."""
    pixels = (detection_boxes[:, [1, 0, 3, 2]] * np.array([width, height, width, height])).astype(np.int64)
    return np.asarray(np.clip(pixels, 0, np.array([width, height, width, height])), np.int64)

"""Frames and readings to draw and log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.faces import FaceReading, FrameReading, UInt8Array, UnreadReason
from mien.core.labels import EMOTIONS, FERPLUS8


def picture(width: int = 640, height: int = 360, level: int = 90) -> UInt8Array:
    """A plain grey picture."""
    return np.full((height, width, 3), level, np.uint8)


def face(
    label: str | None = "fear",
    *,
    box: Sequence[float] = (200, 100, 300, 220),
    track: int = 0,
    unread: UnreadReason | None = None,
    confidence: float = 0.63,
) -> FaceReading:
    """A face that shows ``label``, or one that was not read."""
    left, top, right, bottom = box
    across, down = right - left, bottom - top
    landmarks = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    probabilities = np.full(8, (1 - confidence) / 7, np.float32)
    probabilities[EMOTIONS.index(label) if label in FERPLUS8.labels else 0] = confidence
    return FaceReading(
        track=track,
        box=np.array(box, np.float32),
        landmarks=np.array([(left + x * across, top + y * down) for x, y in landmarks], np.float32),
        score=0.95,
        sharpness=0.5,
        yaw_degrees=0.0,
        pitch_degrees=0.0,
        roll_degrees=0.0,
        unread=unread,
        probabilities=None if unread else probabilities,
        label=None if unread else label,
        confidence=None if unread else confidence,
    )


def reading(*faces: FaceReading, at: float = 0.0, index: int = 0) -> FrameReading:
    """What the frame at ``at`` seconds told."""
    return FrameReading(index=index, media_time=at, faces=faces, detector_ms=5.25, classifier_ms=2.5)

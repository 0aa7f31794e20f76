"""Steadies one face's readings over time. Time constants are in seconds, so a frame rate changes nothing."""

from __future__ import annotations

import math

import numpy as np

from mien.core.faces import FloatArray, Track
from mien.core.labels import UNCERTAIN
from mien.core.settings import SmoothingSettings


def smooth(track: Track, probabilities: FloatArray, media_time: float, settings: SmoothingSettings) -> FloatArray:
    """Take a reading of a track.

    An exponential average whose weight for the new reading is ``1 - exp(-elapsed / seconds)``.

    Args:
        track: updated in place.
        probabilities: float32 C, of this frame.
        media_time: seconds.
        settings: the time constant; 0 passes readings through unchanged.

    Returns:
        float32 C, the smoothed probabilities.
    """
    elapsed = media_time - track.read_at
    if track.smoothed is None or settings.seconds == 0 or not math.isfinite(elapsed):
        track.smoothed = probabilities
    else:
        weight = np.float32(-math.expm1(-max(elapsed, 0.0) / settings.seconds))
        track.smoothed = track.smoothed + weight * (probabilities - track.smoothed)
    track.read_at = media_time
    return track.smoothed


def commit_label(
    track: Track, strongest: str, confidence: float, media_time: float, settings: SmoothingSettings
) -> str:
    """The label to show for a track. Probabilities are never changed by this.

    A label changes only once its successor has stayed strongest for ``label_seconds``; below ``uncertain_below`` it
    reads ``uncertain``, which waits its time like any other.

    Args:
        track: updated in place.
        strongest: the label of the class that is strongest now, smoothed.
        confidence: its probability, 0–1.
        media_time: seconds.
        settings: the waiting time and the threshold.

    Returns:
        The committed label.
    """
    label = strongest if confidence >= settings.uncertain_below else UNCERTAIN
    if track.label is None or label == track.label:
        track.label, track.candidate = label, None
    elif track.candidate is None or track.candidate[0] != label:
        track.candidate = (label, media_time)
        if settings.label_seconds == 0:
            track.label, track.candidate = label, None
    elif media_time - track.candidate[1] >= settings.label_seconds:
        track.label, track.candidate = label, None
    return track.label

"""Sentiment, valence and arousal, and expressiveness: weighted sums of the emotions (MET12, BEY11).

Valence and arousal are *derived*: the mean of published coordinates of emotion words, weighted by how much of each
emotion was seen. No model was trained to read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from mien.core.labels import EMOTIONS
from mien.core.settings import AudienceSettings
from mien.metrics._linear import LinearMetric, LinearSeries
from mien.metrics._paths import FloatArray

POLARITY: Final[Mapping[str, float]] = MappingProxyType(
    {"happiness": 1.0, "sadness": -1.0, "anger": -1.0, "disgust": -1.0, "fear": -1.0, "contempt": -1.0}
)
"""Neutral and surprise count as neither."""
VALENCE_AROUSAL: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "neutral": (0.0, 0.0),
        "happiness": (0.81, 0.51),
        "surprise": (0.40, 0.67),
        "sadness": (-0.63, -0.27),
        "anger": (-0.51, 0.59),
        "disgust": (-0.60, 0.35),
        "fear": (-0.64, 0.60),
    }
)
"""Pleasure and arousal of *happy, surprised, sad, angry, disgusted, fearful*, -1 to 1: Russell and Mehrabian, 1977,
*Evidence for a three-factor theory of emotions*; neutral is the origin. Contempt is left out."""


def create(audience: AudienceSettings) -> LinearMetric:
    """The metric for a session."""
    about = tuple(e in VALENCE_AROUSAL for e in EMOTIONS)
    return LinearMetric(
        "sentiment",
        "Sentiment",
        "points -100–100",
        (
            LinearSeries("sentiment", "Sentiment", "points -100–100", "points", 100.0 * _of(POLARITY), (-100.0, 100.0)),
            LinearSeries("valence", "Valence (derived)", "-1–1", "minus1_to_1", _of(_axis(0)), (-1.0, 1.0), about),
            LinearSeries("arousal", "Arousal (derived)", "-1–1", "minus1_to_1", _of(_axis(1)), (-1.0, 1.0), about),
            LinearSeries(
                "expressiveness",
                "Expressiveness",
                "points 0–100",
                "points",
                100.0 * np.array([e != "neutral" for e in EMOTIONS], np.float64),
                (0.0, 100.0),
            ),
        ),
        audience.replicates,
        left_out=audience.left_out,
    )


def _axis(axis: int) -> dict[str, float]:
    return {emotion: place[axis] for emotion, place in VALENCE_AROUSAL.items()}


def _of(weights: Mapping[str, float]) -> FloatArray:
    return np.array([weights.get(e, 0.0) for e in EMOTIONS])

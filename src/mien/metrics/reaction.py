"""Weighted reaction: how much of what matters in a horror film is on people's faces, without a baseline (MET19)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from mien.core.labels import EMOTIONS
from mien.core.settings import AudienceSettings
from mien.metrics._linear import LinearMetric, LinearSeries

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {"fear": 2.0, "surprise": 1.5, "disgust": 0.8, "happiness": 0.3, "anger": 0.2, "sadness": 0.1, "neutral": 0.0}
)
"""Published weights; those of fear and surprise are the shock score's. Contempt is not listed and weighs nothing."""


def create(audience: AudienceSettings) -> LinearMetric:
    """The metric for a session; a hall full of fear is 100."""
    weights = np.array([WEIGHTS.get(e, 0.0) for e in EMOTIONS]) / max(WEIGHTS.values())
    series = LinearSeries("reaction", "Weighted reaction", "points 0–100", "points", 100.0 * weights, (0.0, 100.0))
    return LinearMetric(
        "reaction",
        series.display_name,
        series.unit,
        (series,),
        audience.replicates,
        left_out=audience.left_out,
    )

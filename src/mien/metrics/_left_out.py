"""What is left of a score when some emotions are not told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.core.labels import EMOTIONS
from mien.metrics._paths import FloatArray

LEFT_OUT: Final = "it is made of {names}, not told here"
"""Why there is no score where an emotion that it cannot do without is not told."""
_SLACK: Final = 0.05
"""Share of a scale that may be out of reach before the scale has lost its end."""


def missing(needed: Sequence[str], left_out: Sequence[str]) -> str | None:
    """Why a score made of these emotions has no value, or None where all of them are told."""
    names = [emotion for emotion in needed if emotion in left_out]
    return LEFT_OUT.format(names=" and ".join(names)) if names else None


def lost_end(weights: FloatArray, left_out: Sequence[str]) -> str | None:
    """Why a weighted sum has no value, or None where what is told still reaches both ends of its scale.

    Without happiness, a sentiment could only fall; without neutral, everybody is expressive.

    Args:
        weights: float64 8, of each canonical emotion; NaN where the sum is not about it.
        left_out: emotions that are not told.
    """
    told = np.array([emotion not in left_out for emotion in EMOTIONS])
    low, high = float(np.nanmin(weights)), float(np.nanmax(weights))
    rest = weights[told & ~np.isnan(weights)]
    slack = _SLACK * (high - low)
    if len(rest) and rest.max() >= high - slack and rest.min() <= low + slack:
        return None
    ends = [
        emotion
        for emotion, weight in zip(EMOTIONS, weights.tolist(), strict=True)
        if emotion in left_out and (weight >= high - slack or weight <= low + slack)
    ]
    return LEFT_OUT.format(names=" and ".join(ends))

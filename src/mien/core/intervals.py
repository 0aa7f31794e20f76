"""Intervals over people from bootstrap replicates, honest for small groups."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_STUDENT_975: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""97.5 % points of Student's t for 1 to 30 degrees of freedom."""
_NORMAL_975: Final = 1.960


def stretch(people: float) -> float:
    """How much wider than a percentile bootstrap's an honest 95 % interval is.

    A bootstrap of n people underestimates the spread of their mean by ``sqrt((n - 1) / n)`` and knows nothing of
    Student's tails, so deviations are stretched by ``t(n - 1) / 1.96 · sqrt(n / (n - 1))``.

    Args:
        people: their number, or Kish's effective number where they weigh unequally; below two counts as two.
    """
    freedom = max(1, math.floor(people + 1e-9) - 1)
    student = _STUDENT_975[freedom - 1] if freedom <= len(_STUDENT_975) else _NORMAL_975 + 2.4 / freedom
    counted = max(people, 2.0)
    return student / _NORMAL_975 * math.sqrt(counted / (counted - 1))


def interval(value: FloatArray, replicates: FloatArray, people: float) -> tuple[FloatArray, FloatArray]:
    """95 % interval of values from their bootstrap replicates.

    Args:
        value: float64 K, the values themselves.
        replicates: float64 R×K; NaN where a replicate drew nobody.
        people: how many were resampled, see :func:`stretch`.

    Returns:
        The 2.5th and 97.5th percentile (linear between neighbours), stretched and on both sides of the value, float64 K
        each; NaN where every replicate is.
    """
    low, high = _percentile(replicates, 0.025), _percentile(replicates, 0.975)
    factor = stretch(people)
    return np.minimum(value, value + (low - value) * factor), np.maximum(value, value + (high - value) * factor)


def _percentile(replicates: FloatArray, share: float) -> FloatArray:
    """Linear between the nearest of what is known in each column; NaN where nothing is."""
    # NaN sorts to the end.
    ordered = np.sort(replicates, axis=0)
    count = len(replicates) - np.isnan(replicates).sum(axis=0)
    if len(replicates) == 0:
        return np.full(replicates.shape[1], np.nan)
    place = share * np.maximum(count - 1, 0)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    columns = np.arange(replicates.shape[1])
    first, second = ordered[below, columns], ordered[above, columns]
    return np.asarray(first + (second - first) * (place - below), np.float64)

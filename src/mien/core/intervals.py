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
        Low and high, float64 K each, on both sides of the value; NaN where every replicate is.
    """
    known = ~np.isnan(replicates).all(axis=0)
    low, high = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    if known.any():
        ends = np.nanpercentile(replicates[:, known], [2.5, 97.5], axis=0)
        factor = stretch(people)
        low[known] = np.minimum(value[known], value[known] + (ends[0] - value[known]) * factor)
        high[known] = np.maximum(value[known], value[known] + (ends[1] - value[known]) * factor)
    return low, high

"""Rolling and cumulative means of a value over media time."""

from __future__ import annotations

from collections import deque

import numpy as np

from mien.metrics._paths import FloatArray


class RollingMean:
    """Mean of each path over the last seconds of media time; steps weigh as long as they last.

    Args:
        seconds: length of the window; infinite for the mean so far.
        paths: 1+R.
    """

    def __init__(self, seconds: float, paths: int) -> None:
        self._seconds = seconds
        self._total = np.zeros(paths)
        self._weight = np.zeros(paths)
        self._window: deque[tuple[float, float, FloatArray]] = deque()

    def add(self, end: float, seconds: float, values: FloatArray) -> FloatArray:
        """Take a step and give the mean, float64 1+R; NaN for a path without a value.

        Args:
            end: of the step, seconds of media time.
            seconds: how long it lasts.
            values: float64 1+R.
        """
        self._count(seconds, values, 1.0)
        if np.isfinite(self._seconds):
            self._window.append((end, seconds, values))
            while self._window[0][0] <= end - self._seconds + 1e-6:
                _, gone, old = self._window.popleft()
                self._count(gone, old, -1.0)
        return np.divide(self._total, self._weight, out=np.full_like(self._total, np.nan), where=self._weight > 1e-9)

    def _count(self, seconds: float, values: FloatArray, sign: float) -> None:
        known = ~np.isnan(values)
        self._total[known] += sign * seconds * values[known]
        self._weight[known] += sign * seconds

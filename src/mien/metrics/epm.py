"""EPM, how much of a title lands: high on average, high at its peak, and steady (MET2, MET17, MET19)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, MetricSample, SampleLog
from mien.core.settings import AudienceSettings
from mien.metrics._paths import FloatArray, Running
from mien.metrics._shock import BaselineOptions, Shock

SLUG: Final = "epm"
BOUNDS: Final = (0.0, 10.0)
WINDOW_SECONDS: Final = 5.0
LEAST_READ_SHARE: Final = 0.5
"""A window of which less has a score has no EPM."""
TOO_LITTLE: Final = "less than half of the window has a shock score"
BANDS: Final = ((3.0, "poor"), (5.0, "fair"), (7.0, "good"), (9.0, "very good"), (float("inf"), "exceptional"))
"""Upper end of each band, exclusive. *poor* and *exceptional* are published; the three between are ours."""


def create(audience: AudienceSettings) -> Epm:
    """The metric for a session."""
    return Epm(audience.replicates, left_out=audience.left_out)


def epm(average: FloatArray, highest: FloatArray, deviation: FloatArray) -> FloatArray:
    """average · (highest / 100) · (1 − deviation / 50) / 10, in 0–10.

    With shock scores in 0–100 the deviation is at most 50 and the result at most 10. It can never exceed
    average · highest / 1000: the published 7.8 for an average of 42.5 and a peak of 89.3 is impossible (3.80 at most).

    Args:
        average, highest: points 0–100.
        deviation: population standard deviation, points.
    """
    return np.asarray(average * (highest / 100.0) * (1.0 - deviation / 50.0) / 10.0, np.float64)


def band(value: float) -> str:
    """The word for an EPM 0–10."""
    return next(word for end, word in BANDS if value < end)


class Epm:
    """Of every five seconds of media time, and of the whole title.

    Args:
        replicates: of the session's bootstrap.
        options: of the baseline.
        left_out: emotions that are not told.
    """

    slug = SLUG
    display_name = "EPM"
    unit = "0–10"

    def __init__(
        self, replicates: int = 0, options: BaselineOptions | None = None, *, left_out: Sequence[str] = ()
    ) -> None:
        self._replicates, self._options, self._left_out = replicates, options, tuple(left_out)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._shock = Shock(self._replicates, self._options, self._left_out)
        self._title = Running(1 + self._replicates)
        self._window = Running(1 + self._replicates)
        self._number: int | None = None
        self._tracks = 0
        self._samples = SampleLog(SLUG, "0_to_10")

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        number = math.floor(step.snapshot.media_time / WINDOW_SECONDS + 1e-6)
        if self._number is not None and number != self._number:
            self._samples.append(self._close(self._number))
            self._window, self._tracks = Running(1 + self._replicates), 0
        self._number = number
        shock = self._shock.update(step)
        score = shock.score
        if score is None:
            return
        for running in (self._title, self._window):
            running.add(score, step.snapshot, shock.seconds)
        self._tracks = max(self._tracks, step.snapshot.tracks or 0)

    def compute(self) -> MetricResult:
        """EPM of each window, the open one included, and of the title."""
        samples = self._samples[:]
        if self._number is not None:
            samples.append(self._close(self._number))
        known = self._title.steps > 0
        values = self._of(self._title)
        low, high = self._title.ends(values, BOUNDS) if known else (None, None)
        figure = MetricFigure(
            SLUG,
            "EPM of the whole title",
            self.unit,
            float(values[0]) if known else None,
            low,
            high,
            band=band(float(values[0])) if known else None,
            steps=self._title.steps,
            coverage=self._title.coverage,
            withheld=None if known else self._shock.why_none,
        )
        return MetricResult({SLUG: samples}, (figure,))

    def _close(self, number: int) -> MetricSample:
        start, window = number * WINDOW_SECONDS, self._window
        if window.steps == 0:
            return MetricSample(SLUG, start, None, withheld=TOO_LITTLE if self._title.steps else self._shock.why_none)
        if window.seconds < LEAST_READ_SHARE * WINDOW_SECONDS - 1e-6:
            return MetricSample(SLUG, start, None, coverage=window.coverage, withheld=TOO_LITTLE)
        values = self._of(window)
        low, high = window.ends(values, BOUNDS)
        return MetricSample(
            SLUG, start, float(values[0]), low=low, high=high, tracks=self._tracks, coverage=window.coverage
        )

    def _of(self, running: Running) -> FloatArray:
        highest = np.where(np.isfinite(running.highest), running.highest, np.nan)
        # Rounding can carry a value that is a bound in truth a hair past it.
        return np.clip(epm(running.mean, highest, running.deviation), *BOUNDS)

"""What metrics share: an audience and its replicates as one array, and a sample out of such values."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.audience import AudienceSnapshot, AudienceStep
from mien.core.findings import MetricSample
from mien.core.intervals import interval
from mien.core.labels import EMOTIONS

FloatArray = npt.NDArray[np.float64]

LONGEST_FRAME_SECONDS: Final = 1.0
"""A step that is a single frame lasts until the next one, but no longer than this."""

SUPPRESSED: Final = "the group was smaller than the session's minimum"
GAP: Final = "no frame fell into this step"
NO_FACE: Final = "no face was seen"
UNREAD: Final = "no face could be read"


def paths_of(step: AudienceStep, replicates: int) -> FloatArray | None:
    """Mean emotions of the audience and of each of its replicates.

    Args:
        step: one step.
        replicates: how many there are in the session, R.

    Returns:
        float64 (1+R)×8 points 0–100, the audience first; NaN where a replicate drew nobody and throughout where there
        is one person only. None where nothing was read.
    """
    emotions = step.snapshot.emotions
    if emotions is None:
        return None
    paths = np.full((1 + replicates, len(EMOTIONS)), np.nan)
    paths[0] = emotions.values()
    if step.replicates is not None:
        paths[1:] = step.replicates.means
    return paths


def why_withheld(snapshot: AudienceSnapshot) -> str | None:
    """Why a snapshot has no emotions, or None where it has."""
    if snapshot.emotions is not None:
        return None
    if snapshot.suppressed:
        return SUPPRESSED
    if not snapshot.frames:
        return GAP
    return UNREAD if snapshot.present else NO_FACE


class StepLengths:
    """How long each step lasts, also where steps are single frames."""

    def __init__(self) -> None:
        self._previous: float | None = None

    def of(self, snapshot: AudienceSnapshot) -> float:
        """Seconds that a step stands for; a single frame stands for the time since the one before it."""
        start, before = snapshot.media_time, self._previous
        self._previous = start
        if snapshot.duration_seconds > 0:
            return snapshot.duration_seconds
        return 0.0 if before is None else min(max(start - before, 0.0), LONGEST_FRAME_SECONDS)


def sample(
    slug: str,
    snapshot: AudienceSnapshot,
    values: FloatArray,
    bounds: tuple[float, float],
    *,
    can_leave_bounds: bool = False,
    media_time: float | None = None,
) -> MetricSample:
    """A sample of one step.

    Args:
        slug: of the series.
        snapshot: the step, for time, tracks and coverage.
        values: float64 1+R, the audience first; not NaN there.
        bounds: what value and interval are clamped to, last of all.
        can_leave_bounds: keep the value before clamping as ``raw``.
        media_time: seconds, where it is not the step's own.
    """
    raw = float(values[0])
    low = high = None
    if (snapshot.readable or 0) > 1:
        ends = interval(values[:1], values[1:, None], float(snapshot.readable or 0))
        if not np.isnan(ends[0][0]):
            low, high = float(np.clip(ends[0][0], *bounds)), float(np.clip(ends[1][0], *bounds))
    return MetricSample(
        slug=slug,
        media_time=snapshot.media_time if media_time is None else media_time,
        value=float(np.clip(raw, *bounds)),
        raw=raw if can_leave_bounds else None,
        low=low,
        high=high,
        tracks=snapshot.tracks or 0,
        coverage=snapshot.coverage or 0.0,
    )


def withheld(slug: str, snapshot: AudienceSnapshot, reason: str) -> MetricSample:
    """A sample without a value."""
    return MetricSample(
        slug, snapshot.media_time, None, tracks=snapshot.tracks or 0, coverage=snapshot.coverage or 0.0, withheld=reason
    )


class Running:
    """Count, mean, deviation and maximum of each path, and the coverage behind them, without keeping the values.

    Args:
        paths: 1+R.
    """

    def __init__(self, paths: int) -> None:
        self.count = np.zeros(paths)
        self._mean = np.zeros(paths)
        self._squares = np.zeros(paths)
        self.highest = np.full(paths, -np.inf)
        self.seconds = 0.0
        self.steps = 0
        self._coverage = 0.0
        self._readable = 0.0

    def add(self, values: FloatArray, snapshot: AudienceSnapshot, seconds: float) -> None:
        """Take one step's values (float64 1+R); NaN paths are passed over (Welford, 1962)."""
        known = ~np.isnan(values)
        self.count[known] += 1
        delta = values[known] - self._mean[known]
        self._mean[known] += delta / self.count[known]
        self._squares[known] += delta * (values[known] - self._mean[known])
        self.highest[known] = np.maximum(self.highest[known], values[known])
        self.seconds += seconds
        self.steps += 1
        self._coverage += snapshot.coverage or 0.0
        self._readable += snapshot.readable or 0

    @property
    def mean(self) -> FloatArray:
        """float64 1+R; NaN for a path without a value."""
        return np.where(self.count > 0, self._mean, np.nan)

    @property
    def deviation(self) -> FloatArray:
        """Population standard deviation, float64 1+R."""
        return np.sqrt(np.divide(self._squares, self.count, out=np.full_like(self._mean, np.nan), where=self.count > 0))

    @property
    def coverage(self) -> float:
        """Mean coverage, 0–1."""
        return self._coverage / self.steps if self.steps else 0.0

    @property
    def people(self) -> float:
        """Mean number of faces readable at once."""
        return self._readable / self.steps if self.steps else 0.0

    def ends(self, values: FloatArray, bounds: tuple[float, float]) -> tuple[float | None, float | None]:
        """95 % interval of something computed of every path, clamped; None over one person.

        Args:
            values: float64 1+R, the audience first.
            bounds: what the ends are clamped to.
        """
        if self.people <= 1:
            return None, None
        low, high = interval(values[:1], values[1:, None], self.people)
        if np.isnan(low[0]):
            return None, None
        return float(np.clip(low[0], *bounds)), float(np.clip(high[0], *bounds))

"""What one audience showed while each part of a talk was said.

A segment's means weigh each step as a mean over the session does (its frames times its coverage), times how much of the
step lies in the segment. Where the steps carry an interval over people, so does the mean: each end lies as far from it
as the steps' ends do on average. That is how far it would move if all its steps moved together; the same people sit in
all of them, so they nearly do. For errors of one shape it can be too wide, never too narrow (their standard deviations
add up at most, by Minkowski's inequality).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.analysis.series import FloatArray, Series, StepState
from mien.core.engagement import BOUNDS, WEIGHTS, scores
from mien.core.errors import SettingsError
from mien.core.findings import GROUP_TOO_SMALL, SampleLog

NO_READING: Final = "nothing was read in it"
TOO_LITTLE: Final = "read in {share:.0f} % of it, less than {least:.0f} %"
NO_SERIES: Final = "{series} was not measured"
OUTSIDE: Final = "nothing was recorded then"
_WITH_INTERVAL: Final = 0.9
"""Share of what a mean is made of that has to carry an interval for the mean to have one."""


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """What belongs to a segment, and when it is told about.

    Attributes:
        lingers_seconds: what is shown in the pause after it belongs to it, for so long.
        least_share: of its length that was read, 0–1; below it no mean is told.

    Raises:
        SettingsError: out of range.
    """

    lingers_seconds: float = 1.5
    least_share: float = 0.25

    def __post_init__(self) -> None:
        if not (0 <= self.least_share <= 1 and self.lingers_seconds >= 0):
            raise SettingsError("a segment needs a share between 0 and 1, and a time of 0 seconds or more.")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean in its own unit with its 95 % interval over people, or why there is none.

    Attributes:
        value: None when withheld.
        low, high: None where the steps behind it carry none.
        withheld: why there is no value, or None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """One segment of one audience.

    Attributes:
        start_seconds, end_seconds: recorded time that it is about, the pause after it included.
        emotions: of each its mean, points 0–100 in canonical order; None when withheld.
        engagement: 1–5, by environment; an interval only for the session's own.
        attention: percent of the faces seen that faced the screen; there is no interval over people.
        shock, shock_peak: mean and highest of the shock score, points 0–100.
        readable: faces read at once, median over steps in which any was; 0 when withheld.
        steps: steps behind the emotions.
        coverage: share of the faces seen that was read, mean over frames, 0–1; None where nothing may be told.
        read_share: of its length in which something was read, 0–1.
        withheld: why no emotion is told, or None.
    """

    start_seconds: float
    end_seconds: float
    emotions: tuple[Estimate, ...] | None
    engagement: Mapping[str, Estimate]
    attention: Estimate
    shock: Estimate
    shock_peak: Estimate
    readable: int
    steps: int
    coverage: float | None
    read_share: float
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a timeline's metrics tell beside its snapshots.

    Attributes:
        series: samples by slug, one a step; ``shock``, ``attention`` and ``engagement`` are looked at.
        environment: whose weights the engagement series has.
        engagement_withheld: why a session has no engagement, by environment.
    """

    series: Mapping[str, SampleLog] = field(default_factory=dict)
    environment: str = "general"
    engagement_withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Column:
    """One series over N steps: float64 N each, NaN where there is none, and reasons by step."""

    values: FloatArray
    low: FloatArray
    high: FloatArray
    reasons: Mapping[int, str]
    why_none: str | None

    @classmethod
    def of(cls, slug: str, log: SampleLog | None, steps: int) -> _Column:
        ends = [np.full(steps, np.nan) for _ in range(3)]
        reasons = {}
        for step, sample in enumerate((log or ())[:steps]):
            for column, number in zip(ends, (sample.value, sample.low, sample.high), strict=True):
                column[step] = np.nan if number is None else number
            if sample.withheld:
                reasons[step] = sample.withheld
        values, low, high = ends
        return cls(values, low, high, reasons, NO_SERIES.format(series=slug) if log is None else None)

    def mean(self, steps: npt.NDArray[np.intp], weights: FloatArray) -> Estimate:
        """Over some steps by their weights."""
        known = ~np.isnan(self.values[steps]) & (weights > 0)
        if not known.any():
            why = [self.reasons[step] for step in steps.tolist() if step in self.reasons]
            return Estimate(None, withheld=self.why_none or (max(set(why), key=why.count) if why else NO_READING))
        kept = steps[known]
        return _mean(self.values[kept], self.low[kept], self.high[kept], weights[known])

    def highest(self, steps: npt.NDArray[np.intp], weights: FloatArray) -> Estimate:
        """The highest of some steps with its own interval."""
        mean = self.mean(steps, weights)
        if mean.value is None:
            return mean
        best = int(steps[int(np.nanargmax(np.where(weights > 0, self.values[steps], np.nan)))])
        return Estimate(float(self.values[best]), _known(self.low[best]), _known(self.high[best]))


def stretches_of(
    segments: Sequence[tuple[float, float]], options: SegmentOptions | None = None
) -> tuple[tuple[float, float], ...]:
    """The recorded time that each segment is about: its own and the pause after it, until the next one at most.

    Args:
        segments: start and end of what was said, seconds, in order.
        options: how long a segment lingers.
    """
    options = options or SegmentOptions()
    found = []
    for number, (start, end) in enumerate(segments):
        following = segments[number + 1][0] if number + 1 < len(segments) else float("inf")
        found.append((start, max(end, min(end + options.lingers_seconds, following))))
    return tuple(found)


def read_segments(
    series: Series,
    segments: Sequence[tuple[float, float]],
    measured: Measured,
    *,
    min_group: int,
    options: SegmentOptions | None = None,
) -> tuple[SegmentReading, ...]:
    """Every segment, in order.

    Args:
        series: the timeline, N steps; of suppressed ones it holds nothing.
        segments: start and end of what was said, recorded seconds, in order.
        measured: what metrics tell of the same steps.
        min_group: the session's smallest group, for the words of what is withheld.
        options: how.
    """
    options = options or SegmentOptions()
    columns = {s: _Column.of(s, measured.series.get(s), len(series)) for s in ("shock", "attention", "engagement")}
    return tuple(
        _read(series, stretch, measured, columns, min_group, options) for stretch in stretches_of(segments, options)
    )


def _read(
    series: Series,
    stretch: tuple[float, float],
    measured: Measured,
    columns: Mapping[str, _Column],
    group: int,
    options: SegmentOptions,
) -> SegmentReading:
    start, end = stretch
    overlap = np.minimum(series.until, end) - np.maximum(series.start, start)
    steps = np.flatnonzero(overlap > 0)
    seconds = overlap[steps]
    length = max(end - start, 1e-9)
    heft = series.weights[steps] * seconds
    state = {s: series.in_state(s)[steps] for s in StepState}
    read_share = min(1.0, float(seconds[state[StepState.READ]].sum() / length))
    suppressed = float(seconds[state[StepState.SUPPRESSED]].sum())
    told = ~(state[StepState.SUPPRESSED] | state[StepState.GAP])
    why = None
    if not len(steps):
        why = OUTSIDE
    elif suppressed > seconds[~state[StepState.READ]].sum() / 2 and read_share < options.least_share:
        why = GROUP_TOO_SMALL.format(group=group)
    elif not heft.sum() > 0:
        why = NO_READING
    elif read_share < options.least_share:
        why = TOO_LITTLE.format(share=100 * read_share, least=100 * options.least_share)
    seen = float(seconds[told].sum()) / length
    attended = columns["attention"].mean(steps, np.where(told, seconds, 0.0))
    if why is not None:
        none = Estimate(None, withheld=why)
        if seen < options.least_share:
            attended = none
        return SegmentReading(
            start, end, None, dict.fromkeys(WEIGHTS, none), attended, none, none, 0, 0, None, read_share, why
        )
    known = heft > 0
    kept, weights = steps[known], heft[known]
    frames = series.frames[steps][told] * seconds[told]
    emotions = tuple(
        _mean(series.emotions[kept, c], series.low[kept, c], series.high[kept, c], weights)
        for c in range(series.emotions.shape[1])
    )
    return SegmentReading(
        start_seconds=start,
        end_seconds=end,
        emotions=emotions,
        engagement=_engagement(emotions, columns["engagement"].mean(steps, heft), measured),
        attention=attended,
        shock=columns["shock"].mean(steps, heft),
        shock_peak=columns["shock"].highest(steps, heft),
        readable=int(np.sort(series.readable[kept])[(len(kept) - 1) // 2]),
        steps=len(kept),
        coverage=float(series.coverage[steps][told] @ frames / frames.sum()),
        read_share=read_share,
        withheld=None,
    )


def _engagement(emotions: Sequence[Estimate], own: Estimate, measured: Measured) -> dict[str, Estimate]:
    """Of the session's environment as it was measured; of the others from the mean emotions: it is linear in them."""
    shares = np.array([emotion.value or 0.0 for emotion in emotions]) / 100.0
    found = {}
    for environment in WEIGHTS:
        if environment in measured.engagement_withheld:
            found[environment] = Estimate(None, withheld=measured.engagement_withheld[environment])
        elif environment == measured.environment and own.value is not None:
            found[environment] = own
        else:
            found[environment] = Estimate(float(np.clip(shares @ scores(environment), *BOUNDS)))
    return found


def _mean(values: FloatArray, low: FloatArray, high: FloatArray, weights: FloatArray) -> Estimate:
    mean = float(np.average(values, weights=weights))
    both = ~(np.isnan(low) | np.isnan(high))
    if weights[both].sum() < _WITH_INTERVAL * weights.sum():
        return Estimate(mean)
    below = float(np.average(values[both] - low[both], weights=weights[both]))
    above = float(np.average(high[both] - values[both], weights=weights[both]))
    return Estimate(mean, mean - below, mean + above)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

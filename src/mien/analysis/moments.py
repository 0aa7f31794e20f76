"""The strongest moments of a timeline: where an emotion stood out from the session's own level.

A step is a peak when it rises far enough above the session's usual level and is the highest step of its own stretch:
the steps around it that stay above half its rise. Two peaks of one emotion are therefore always parted by a stretch
in which it fell below half of the weaker one, and a slope is never taken for a peak.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.analysis.series import FloatArray, Series
from mien.core.audience import AudienceSnapshot
from mien.core.findings import Moment, MomentKind
from mien.core.labels import EMOTIONS

LIMIT: Final = 12


@dataclass(frozen=True, slots=True)
class PeakOptions:
    """What counts as a moment.

    Attributes:
        min_rise: least rise above the session's usual level, points 0–100.
        min_separation_seconds: least media time between two peaks of one emotion; the stronger one stays.
        min_coverage: steps of which less was read, 0–1, are no evidence and are left out; where the session's median
            coverage is below twice this, half of that median counts instead.
        bridge_seconds: steps left out for no longer than this do not end a stretch.
        window_seconds: steps shorter than this are averaged over it to find peaks, so that one odd frame is none.
    """

    min_rise: float = 10.0
    min_separation_seconds: float = 2.0
    min_coverage: float = 0.3
    bridge_seconds: float = 1.0
    window_seconds: float = 0.5


def find_peaks(
    snapshots: Iterable[AudienceSnapshot] | Series, *, limit: int = LIMIT, options: PeakOptions | None = None
) -> tuple[Moment, ...]:
    """The strongest moments of every emotion but neutral, strongest rise first.

    Args:
        snapshots: one session's, in order of media time, or their series.
        limit: how many moments at most.
        options: what counts as one.

    Returns:
        Moments of emotions. ``value``, ``coverage``, ``readable`` and the interval are those of the step at ``peak``
        (its start, seconds); the moment lasts from the start of its first step to the end of its last.
    """
    options = options or PeakOptions()
    series = snapshots if isinstance(snapshots, Series) else Series.of(snapshots)
    read = series.is_read
    if limit <= 0 or not read.any():
        return ()
    usable = np.flatnonzero(read & (series.coverage >= min(options.min_coverage, np.median(series.coverage[read]) / 2)))
    moments: list[Moment] = []
    for column, emotion in enumerate(EMOTIONS):
        if emotion != "neutral":
            moments += _peaks_of(series, usable, column, options)
    moments.sort(key=lambda m: (-m.rise, m.peak, m.subject))
    return tuple(moments[:limit])


def usual_level(values: FloatArray) -> float:
    """What an emotion's steps are compared with: their median, or midway between their first and ninth decile where
    that is lower.

    The second keeps a feeling that filled most of a session from hiding its own rise; where values scatter evenly
    the two agree.

    Args:
        values: float64, at least one, any order.
    """
    low, middle, high = np.percentile(values, (10, 50, 90))
    return float(min(middle, (low + high) / 2))


def _peaks_of(series: Series, usable: npt.NDArray[np.intp], column: int, options: PeakOptions) -> list[Moment]:
    values = series.emotions[usable, column]
    level = usual_level(values)
    if values.max() - level < options.min_rise:
        return []
    start, end = series.start[usable], series.end[usable]
    holes = np.diff(start) - _typical_step(start)
    breaks = np.flatnonzero(holes > options.bridge_seconds + 1e-6) + 1
    found: list[Moment] = []
    for run in np.split(np.arange(len(usable)), breaks):
        rises = _windowed(start[run], values[run] - level, options.window_seconds)
        for peak, first, last in _stretches(rises, options.min_rise):
            near = _window(start[run], peak, options.window_seconds)
            strongest = run[near.start + int(np.argmax(values[run][near]))]
            step = usable[strongest]
            found.append(
                Moment(
                    kind=MomentKind.PEAK,
                    subject=EMOTIONS[column],
                    start=float(min(start[run[first]], start[strongest])),
                    peak=float(start[strongest]),
                    end=float(max(end[run[last]], end[strongest])),
                    value=float(values[strongest]),
                    rise=float(values[strongest]) - level,
                    coverage=float(series.coverage[step]),
                    readable=int(series.readable[step]),
                    low=_known(series.low[step, column]),
                    high=_known(series.high[step, column]),
                )
            )
    return _apart(found, options.min_separation_seconds)


def _typical_step(start: FloatArray) -> float:
    return float(np.median(np.diff(start))) if len(start) > 1 else 0.0


def _window(start: FloatArray, at: int, seconds: float) -> slice:
    """Steps whose start lies less than half of ``seconds`` from that of step ``at``."""
    half = seconds / 2 - 1e-6
    return slice(
        int(np.searchsorted(start, start[at] - half, "left")), int(np.searchsorted(start, start[at] + half, "right"))
    )


def _windowed(start: FloatArray, values: FloatArray, seconds: float) -> FloatArray:
    """Centred mean over ``seconds``; steps that are no shorter stay as they are."""
    half = seconds / 2 - 1e-6
    first = np.searchsorted(start, start - half, "left")
    last = np.searchsorted(start, start + half, "right")
    if np.all(last - first == 1):
        return values
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((total[last] - total[first]) / (last - first), np.float64)


def _stretches(rises: FloatArray, min_rise: float) -> list[tuple[int, int, int]]:
    """Position of each peak with the first and last of its stretch, in order.

    A peak is found from the lowest value between it and the nearest higher one on either side (nearest no lower one
    on its left, so that a plateau has one peak, its first step): that has to lie below half of its rise.
    """
    dip_before = _dips(rises, ties_are_higher=True)
    dip_after = _dips(rises[::-1], ties_are_higher=False)[::-1]
    peaks = np.flatnonzero((rises >= min_rise) & (dip_before < rises / 2) & (dip_after < rises / 2))
    out = []
    for peak in peaks:
        first = last = int(peak)
        while first > 0 and rises[first - 1] >= rises[peak] / 2:
            first -= 1
        while last + 1 < len(rises) and rises[last + 1] >= rises[peak] / 2:
            last += 1
        out.append((int(peak), first, last))
    return out


def _dips(values: FloatArray, *, ties_are_higher: bool) -> FloatArray:
    """The lowest value between each position and the nearest higher one before it; -inf where none is higher."""
    dips = np.empty(len(values))
    pending: list[tuple[float, float]] = []
    for position, value in enumerate(values.tolist()):
        dip = value
        while pending and (pending[-1][0] < value or (pending[-1][0] == value and not ties_are_higher)):
            dip = min(dip, pending.pop()[1])
        dips[position] = dip if pending else float("-inf")
        # What is kept beside a value is the lowest between it and the one below it on the stack.
        pending.append((value, dip))
    return dips


def _apart(moments: list[Moment], seconds: float) -> list[Moment]:
    """The strongest moments whose peaks keep their distance."""
    kept: list[Moment] = []
    for moment in sorted(moments, key=lambda m: (-m.rise, m.peak)):
        if all(abs(moment.peak - other.peak) >= seconds for other in kept):
            kept.append(moment)
    return kept


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

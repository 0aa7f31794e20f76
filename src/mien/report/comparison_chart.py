"""The curves of a comparison as drawings: reduced to what a page can show, as :mod:`mien.report.chart` does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mien.analysis.series import FloatArray
from mien.report import chart
from mien.report.comparison import ComparisonPart, FindingPart

MOST_POINTS: Final = 720
LEAST_POINTS: Final = 240
_PAGE_POINTS: Final = 2880
"""Points of all comparisons of a page together: with many of them, each is drawn a little coarser."""
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_LEVELS: Final = 5
_LEAST_MARK_PERCENT: Final = 0.35
_AROUND_STEPS: Final = 12
"""Steps on either side of a finding in its small chart, at least."""


@dataclass(frozen=True, slots=True)
class Curves:
    """A comparison's curve in B buckets of equally many steps.

    Attributes:
        start, end: float64 B, seconds.
        steps_each: steps in a bucket (the last may hold fewer).
        mean: of each column, float64 B; NaN where there is none.
        least, most: lowest and highest of its steps.
    """

    start: FloatArray
    end: FloatArray
    steps_each: int
    mean: Mapping[str, FloatArray]
    least: Mapping[str, FloatArray]
    most: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.start)


def points_for(comparisons: int) -> int:
    """Points of a line where a page has so many comparisons."""
    return max(LEAST_POINTS, min(MOST_POINTS, _PAGE_POINTS // max(comparisons, 1)))


def curves(part: ComparisonPart, most: int = MOST_POINTS, window: tuple[int, int] | None = None) -> Curves:
    """A comparison in at most ``most`` buckets.

    Args:
        part: as it is told.
        most: buckets.
        window: first step and the one after the last; None takes all.
    """
    columns = {name: np.array([np.nan if v is None else v for v in told]) for name, told in part.curve.items()}
    steps = len(columns["difference"])
    begin, stop = window or (0, steps)
    columns = {name: column[begin:stop] for name, column in columns.items()}
    n = stop - begin
    each = max(1, -(-n // most))
    first = np.arange(0, n, each)
    last = np.minimum(first + each, n)
    at = part.start_seconds + begin * part.step_seconds
    reduced: dict[str, dict[str, FloatArray]] = {"mean": {}, "least": {}, "most": {}}
    for name, column in columns.items():
        known = np.add.reduceat((~np.isnan(column)).astype(np.float64), first)
        total = np.add.reduceat(np.nan_to_num(column), first)
        reduced["mean"][name] = np.divide(total, known, out=np.full(len(first), np.nan), where=known > 0)
        reduced["least"][name] = np.fmin.reduceat(column, first)
        reduced["most"][name] = np.fmax.reduceat(column, first)
    start, end = (np.asarray(at + edge * part.step_seconds, np.float64) for edge in (first, last))
    return Curves(start, end, each, **reduced)


@dataclass(frozen=True, slots=True)
class Axis:
    """A vertical axis from ``low`` to ``high`` with round marks at ``levels``."""

    low: float
    high: float
    levels: tuple[float, ...]

    @classmethod
    def over(cls, low: float, high: float) -> Axis:
        """Round ends and at most six marks around a range."""
        if not (math.isfinite(low) and math.isfinite(high)):
            low, high = 0.0, 1.0
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        rough = (high - low) / _MOST_LEVELS
        power = 10.0 ** math.floor(math.log10(rough))
        each = next(n * power for n in _NICE if n * power >= rough - 1e-12)
        first, last = math.floor(low / each + 1e-9), math.ceil(high / each - 1e-9)
        levels = tuple(round(k * each, 12) for k in range(first, last + 1))
        return cls(levels[0], levels[-1], levels)

    def marks(self) -> list[dict[str, Any]]:
        """Text and place (percent from the top) of each mark."""
        length = self.high - self.low
        return [
            {"text": f"{v:g}".replace("-", "−"), "top": round(100 - (v - self.low) / length * 100, 2), "zero": v == 0}
            for v in self.levels
        ]

    def top(self, value: float) -> float:
        """Percent from the top."""
        return round(100 - (value - self.low) / (self.high - self.low) * 100, 2)


def draw(part: ComparisonPart, drawn: Curves, level: float) -> dict[str, Any]:
    """Both charts of a comparison.

    Args:
        part: as it is told.
        drawn: its curve.
        level: of this comparison, 0–1: a false-discovery rate up to it is a discovery.
    """
    scale = chart.Scale.of(drawn)
    means = _axis(drawn, ("mean_a", "mean_b"), ("mean_a", "mean_b"))
    between = _axis(drawn, ("family_low", "low", "difference"), ("family_high", "high", "difference"), zero=True)
    upright = chart.Scale(scale.begin, scale.end, means.high - means.low)
    apart = chart.Scale(scale.begin, scale.end, between.high - between.low)
    over = {name: column - between.low for name, column in drawn.mean.items()}
    low = {name: column - between.low for name, column in drawn.least.items()}
    high = {name: column - between.low for name, column in drawn.most.items()}
    sessions = np.fmin(drawn.least["sessions_a"], drawn.least["sessions_b"])
    most_sessions = max(1.0, float(np.nanmax(sessions, initial=1.0)))
    return {
        "means": {
            "levels": means.marks(),
            "a": chart.line_path(drawn, drawn.mean["mean_a"] - means.low, upright),
            "b": chart.line_path(drawn, drawn.mean["mean_b"] - means.low, upright),
        },
        "between": {
            "levels": between.marks(),
            "zero": f"{apart.y(-between.low):.2f}",
            "line": chart.line_path(drawn, over["difference"], apart),
            "spread": chart.band_path(drawn, low["difference"], high["difference"], apart)
            if drawn.steps_each > 1
            else "",
            "pointwise": chart.band_path(drawn, low["low"], high["high"], apart),
            "simultaneous": chart.band_path(drawn, low["family_low"], high["family_high"], apart),
        },
        "sessions": chart.step_area(drawn, sessions / most_sessions * 100, scale),
        "most_sessions": int(most_sessions),
        "ticks": chart.ticks(scale),
        "findings": [_mark(f.start_seconds, f.end_seconds, scale) for f in part.findings],
        "pins": chart.pins([(f.start_seconds + f.end_seconds) / 2 for f in part.findings], scale),
        "discoveries": [_mark(a, b, scale) for a, b in discovered(part, level)],
        "only_a": [_mark(a, b, scale) for a, b in part.only_a_seconds if b > scale.begin and a < scale.end],
        "untold": [
            _mark(a, b, scale)
            for a, b in _spans(drawn, np.isnan(drawn.mean["difference"]))
            if not any(low - 1e-6 <= a and b <= high + 1e-6 for low, high in part.only_a_seconds)
        ],
        "untested": [
            _mark(*span, scale)
            for span in _spans(drawn, np.isnan(drawn.mean["p"]) & ~np.isnan(drawn.mean["difference"]))
            if not np.isnan(drawn.mean["p"]).all()
        ],
    }


def _axis(drawn: Curves, lows: Sequence[str], highs: Sequence[str], *, zero: bool = False) -> Axis:
    low = min((float(np.nanmin(drawn.least[n])) for n in lows if not np.isnan(drawn.least[n]).all()), default=math.nan)
    high = max((float(np.nanmax(drawn.most[n])) for n in highs if not np.isnan(drawn.most[n]).all()), default=math.nan)
    # An axis that nearly reaches zero begins there: a level is then read off its height.
    if zero or 0 < low < 0.5 * high:
        low, high = min(low, 0.0), max(high, 0.0)
    return Axis.over(low, high)


def _mark(start: float, end: float, scale: chart.Scale) -> dict[str, Any]:
    left = scale.left(start)
    return {
        "left": left,
        "width": round(max(_LEAST_MARK_PERCENT, scale.left(end) - left), 3),
        "start": start,
        "end": end,
    }


def _spans(drawn: Curves, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[tuple[float, float]]:
    return [(float(drawn.start[a]), float(drawn.end[b])) for a, b in chart.runs(mask)]


def discovered(part: ComparisonPart, level: float) -> list[tuple[float, float]]:
    """Stretches (from, to, seconds) of steps whose false-discovery rate is at most ``level``."""
    q = np.array([np.nan if v is None else v for v in part.curve["q"]])
    at = part.start_seconds
    return [
        (at + a * part.step_seconds, at + (b + 1) * part.step_seconds)
        for a, b in chart.runs(np.asarray(q <= level, np.bool_))
    ]


def close_ups(part: ComparisonPart, findings: Sequence[FindingPart]) -> list[dict[str, Any]]:
    """The difference around each finding, step by step, all on one scale."""
    windows = [_window(part, finding) for finding in findings]
    drawn = [curves(part, window=window) for window in windows]
    ends = [_axis(d, ("family_low", "difference"), ("family_high", "difference"), zero=True) for d in drawn]
    if not ends:
        return []
    axis = Axis.over(min(e.low for e in ends), max(e.high for e in ends))
    return [_close_up(d, f, axis) for d, f in zip(drawn, findings, strict=True)]


def _window(part: ComparisonPart, finding: FindingPart) -> tuple[int, int]:
    steps = len(part.curve["difference"])
    first = round((finding.start_seconds - part.start_seconds) / part.step_seconds)
    last = round((finding.end_seconds - part.start_seconds) / part.step_seconds)
    around = max(_AROUND_STEPS, last - first)
    return max(0, first - around), min(steps, last + around)


def _close_up(drawn: Curves, finding: FindingPart, axis: Axis) -> dict[str, Any]:
    scale = chart.Scale.of(drawn)
    scale = chart.Scale(scale.begin, scale.end, axis.high - axis.low)
    found = _mark(finding.start_seconds, finding.end_seconds, scale)
    return {
        "line": chart.line_path(drawn, drawn.mean["difference"] - axis.low, scale),
        "band": chart.band_path(
            drawn, drawn.least["family_low"] - axis.low, drawn.most["family_high"] - axis.low, scale
        ),
        "zero": f"{scale.y(-axis.low):.1f}",
        "found": f"M{found['left'] * 10:.1f},0h{found['width'] * 10:.1f}v100h-{found['width'] * 10:.1f}Z",
        "from": scale.begin,
        "to": scale.end,
    }

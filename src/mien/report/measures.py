"""The page's section on measures: small charts of the metrics' series, their figures, and the events they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from mien.analysis.series import FloatArray, Series
from mien.core.findings import SampleLog
from mien.report import chart
from mien.report.document import Findings
from mien.report.parts import EventPart, FigurePart

EVENT_WORDS: Final = {
    "scare": "Scare",
    "sustained_tension": "Sustained tension",
    "missed_opportunity": "Missed opportunity: enhance tension",
}
POINTS: Final = "points 0–100"
SCALE_ENDS: Final = {POINTS: (0.0, 100.0)}
"""Ends, by unit, at which scores are cut off."""
_MOST_EVENTS: Final = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """One small chart.

    Attributes:
        slug: its series.
        title, about: what it is called, and a few words about it.
        low, high: the ends of its scale.
        ground: the value that its area starts from.
        events: kinds of events that are marked in it.
        digits: decimals in which it is read out.
    """

    slug: str
    title: str
    about: str
    low: float
    high: float
    ground: float
    events: tuple[str, ...] = ()
    digits: int = 0


PANELS: Final = (
    Panel("shock", "Shock score", "0–100, above the first half minute that was read", 0, 100, 0, tuple(EVENT_WORDS)),
    Panel("engagement_30s", "Engagement", "1–5, over the last 30 seconds", 1, 5, 1, digits=1),
    Panel("sentiment", "Sentiment", "−100 to 100, happiness less what is unpleasant", -100, 100, 0),
    Panel("attention", "Facing the screen", "percent of the faces seen", 0, 100, 0),
)


def section(findings: Findings, measures: Mapping[str, SampleLog], series: Series) -> dict[str, Any]:
    """What the page shows of the metrics.

    Args:
        findings: the report.
        measures: the timeline's series of samples; those of the panels have one sample a step.
        series: the timeline's steps.
    """
    buckets = chart.reduce(series)
    drawn = [
        _panel(p, measures[p.slug], buckets, findings.events) for p in PANELS if p.slug in measures and len(series)
    ]
    told = [event for event in findings.events if event.kind in EVENT_WORDS]
    return {
        "panels": [panel for panel in drawn if panel["line"]],
        "withheld": [(panel["title"], panel["why"]) for panel in drawn if not panel["line"]],
        "figures": [_figure(figure) for figure in findings.figures if figure.value is not None],
        "events": [_event(event) for event in told[:_MOST_EVENTS]],
        "more_events": max(0, len(told) - _MOST_EVENTS),
        "ticks": chart.ticks(chart.Scale.of(buckets)) if len(buckets) else [],
    }


def _panel(panel: Panel, log: SampleLog, buckets: chart.Buckets, events: Sequence[EventPart]) -> dict[str, Any]:
    samples = list(log)
    columns = {end: _column([getattr(s, end) for s in samples], buckets) for end in ("value", "low", "high")}
    whole = chart.Scale.of(buckets)
    scale = chart.Scale(whole.begin, whole.end, panel.high - panel.low)
    value, low, high = (columns[end] - panel.low for end in ("value", "low", "high"))
    ground = np.full(len(buckets), panel.ground - panel.low)
    reasons = [s.withheld for s in samples if s.withheld]
    return {
        "title": panel.title,
        "about": panel.about,
        "digits": panel.digits,
        **{end: chart.numbers(column, panel.digits) for end, column in columns.items()},
        "line": chart.line_path(buckets, value, scale),
        "area": chart.band_path(buckets, np.minimum(value, ground), np.maximum(value, ground), scale),
        "band": chart.band_path(buckets, low, high, scale),
        "ground": f"{scale.y(panel.ground - panel.low):.1f}",
        "levels": [
            {"text": f"{level:g}".replace("-", "−"), "top": round(scale.y(level - panel.low), 1)}
            for level in sorted({panel.low, panel.ground, panel.high})
        ],
        "marks": [
            {
                "kind": event.kind,
                "left": scale.left(event.start_seconds),
                "width": max(0.3, scale.left(event.end_seconds) - scale.left(event.start_seconds)),
                "words": f"{EVENT_WORDS[event.kind]}, {event.start}–{event.end}",
            }
            for event in events
            if event.kind in panel.events
        ],
        "why": max(set(reasons), key=reasons.count) if reasons else "there is nothing to draw",
    }


def _column(values: Sequence[float | None], buckets: chart.Buckets) -> FloatArray:
    """Means of the values of each bucket's steps, float64 B; NaN where there is none."""
    column = np.array([np.nan if v is None else v for v in values], np.float64)
    first = np.arange(0, len(column), buckets.steps_each)
    known = np.add.reduceat((~np.isnan(column)).astype(np.float64), first)
    total = np.add.reduceat(np.nan_to_num(column), first)
    return np.asarray(np.divide(total, known, out=np.full(len(first), np.nan), where=known > 0), np.float64)


def _figure(figure: FigurePart) -> dict[str, str]:
    digits = 2 if figure.unit in {"1–5", "-1–1", "0–10"} else 0 if figure.unit in {"events", "seconds"} else 1
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = interval_words(figure.low, figure.high, digits, figure.unit)
    return {
        "name": figure.name,
        "value": _number(figure.value or 0.0, digits),
        "unit": figure.unit.replace("-", "−"),
        "interval": interval,
        "band": figure.band or "",
    }


def interval_words(low: float, high: float, digits: int, unit: str) -> str:
    """An interval in words. One that the scale cut off at both ends says so: how far it would reach is not on it."""
    if low == high and low in SCALE_ENDS.get(unit, ()):
        return "at the scale’s end"
    return f"{_number(low, digits)} to {_number(high, digits)}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _event(event: EventPart) -> dict[str, Any]:
    interval = ""
    if event.low_points is not None and event.high_points is not None:
        interval = interval_words(event.low_points, event.high_points, 0, POINTS)
    return {
        "kind": event.kind,
        "words": EVENT_WORDS[event.kind],
        "start": event.start,
        "start_seconds": event.start_seconds,
        "end": event.end,
        "value": f"{event.value_points:.0f}",
        "rise": f"{event.rise_points:+.0f}".replace("-", "−"),
        "interval": interval,
    }

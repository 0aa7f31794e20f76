"""``shock_report.json`` in the shape that earlier systems' clients expect, word for word.

Every value in it was measured: steps without a score (before the baseline stands, unread, suppressed) have no row.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

from mien.core.audience import Timeline
from mien.core.findings import MetricSample, MomentKind
from mien.report.files import whole_text_file
from mien.report.wording import clock

FILE: Final = "shock_report.json"
MOST_PEAKS: Final = 10
PEAKS_APART_SECONDS: Final = 5.0
DIGITS: Final = 1


class OverallMetrics(TypedDict):
    """``average_audience_size`` counts faces read at once."""

    epm_score: float
    average_shock_score: float
    peak_shock_score: float
    total_scare_events: int
    average_audience_size: int


class PeakMoment(TypedDict):
    """``timestamp`` is ``MM:SS``; minutes do not wrap after an hour."""

    timestamp: str
    shock_score: float


class ScareEvent(TypedDict):
    """``intensity`` is the shock score at the scare's peak."""

    timestamp: str
    intensity: float


class TimelinePoint(TypedDict):
    """``timestamp`` in seconds."""

    timestamp: float
    shock_score: float


class ShockReport(TypedDict):
    """The file; peaks highest first, the rest in order of time.

    A peak is a step that scores above those before and after it; of peaks less than :data:`PEAKS_APART_SECONDS` apart
    the highest counts, and no more than :data:`MOST_PEAKS` are told.
    """

    overall_metrics: OverallMetrics
    peak_moments: list[PeakMoment]
    scare_events: list[ScareEvent]
    timeline_data: list[TimelinePoint]


def shock_report(timeline: Timeline) -> ShockReport | None:
    """The report of a finished session, or None where no shock score was ever established."""
    figures = {figure.slug: figure.value for figure in timeline.figures}
    scored = [sample for sample in timeline.series.get("shock", ()) if sample.value is not None]
    if not scored:
        return None
    return {
        "overall_metrics": {
            "epm_score": _told(figures["epm"]),
            "average_shock_score": _told(figures["shock_average"]),
            "peak_shock_score": _told(figures["shock_peak"]),
            "total_scare_events": round(figures["scares_total"] or 0),
            "average_audience_size": round(figures["audience_average"] or 0),
        },
        "peak_moments": [{"timestamp": clock(s.media_time), "shock_score": _told(s.value)} for s in _peaks(scored)],
        "scare_events": [
            {"timestamp": clock(m.start), "intensity": _told(m.value)}
            for m in timeline.moments
            if m.kind is MomentKind.SCARE
        ],
        "timeline_data": [{"timestamp": s.media_time, "shock_score": _told(s.value)} for s in scored],
    }


def write_shock_report(timeline: Timeline, path: Path) -> bool:
    """Write the file.

    Returns:
        False where there is no shock score to report: then no file is written.

    Raises:
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    report = shock_report(timeline)
    if report is None:
        return False
    with whole_text_file(path) as file:
        file.write(json.dumps(report, indent=2) + "\n")
    return True


def _peaks(scored: list[MetricSample]) -> list[MetricSample]:
    """The highest scores that keep their distance."""
    kept: list[MetricSample] = []
    for sample in sorted(_tops(scored), key=lambda s: (-(s.value or 0.0), s.media_time)):
        if all(abs(sample.media_time - other.media_time) >= PEAKS_APART_SECONDS for other in kept):
            kept.append(sample)
        if len(kept) == MOST_PEAKS:
            break
    return kept


def _tops(scored: Sequence[MetricSample]) -> list[MetricSample]:
    """The first sample of every run of one score that is above what comes before and after it."""
    runs = [(score, next(run)) for score, run in itertools.groupby(scored, key=lambda s: s.value or 0.0)]
    levels = [-math.inf, *(score for score, _ in runs), -math.inf]
    return [first for k, (score, first) in enumerate(runs) if levels[k] < score > levels[k + 2]]


def _told(value: float | None) -> float:
    return round(value or 0.0, DIGITS)

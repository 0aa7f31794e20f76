"""``shock_report.json``: the published shape, key by key and type by type, and nothing that was not measured."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mien.core.audience import Analysis
from mien.report.shock_report import shock_report, write_shock_report
from tests.report.factory import STEP, analysis_of, gap_step, one_person, percents, read_step

PUBLISHED = """
{"overall_metrics": {"epm_score": 2.1, "average_shock_score": 42.5, "peak_shock_score": 89.3,
                     "total_scare_events": 12, "average_audience_size": 35},
 "peak_moments": [{"timestamp": "12:45", "shock_score": 89.3}],
 "scare_events": [{"timestamp": "05:23", "intensity": 78.5}],
 "timeline_data": [{"timestamp": 0.0, "shock_score": 12.3}, {"timestamp": 0.5, "shock_score": 15.7}]}
"""


def shape(value: Any) -> Any:
    """Keys in order and types, whatever the values; a list by its first element."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value)


@cache
def scared(until: int = 7450) -> Analysis:
    """Calm but for one scare at 2 s past the hour and two minutes, told in steps of half a second."""
    at = 2 * 3722
    return analysis_of([read_step(i * STEP, percents(fear=30 if i == at else 0)) for i in range(until)])


def test_it_has_the_published_shape() -> None:
    told = shock_report(scared().timeline)
    assert shape(json.loads(json.dumps(told))) == shape(json.loads(PUBLISHED))


def test_it_tells_what_was_measured() -> None:
    """Fear 30 over a baseline of 0 is 2 · 30 + 15 = 75."""
    told = shock_report(scared().timeline)
    assert told is not None
    assert told["peak_moments"][0] == {"timestamp": "62:02", "shock_score": 75.0}
    assert told["scare_events"] == [{"timestamp": "62:02", "intensity": 75.0}]
    assert told["overall_metrics"]["peak_shock_score"] == 75.0
    assert told["overall_metrics"]["total_scare_events"] == 1
    assert told["timeline_data"][0] == {"timestamp": 30.0, "shock_score": 0.0}
    assert len(told["timeline_data"]) == 7450 - 60


def test_peaks_are_highest_first_and_apart() -> None:
    levels = {100: 20, 101: 19, 200: 25, 300: 22}
    run = analysis_of([read_step(i * STEP, percents(fear=levels.get(i, 0))) for i in range(400)])
    told = shock_report(run.timeline)
    assert told is not None
    assert [p["timestamp"] for p in told["peak_moments"]] == ["01:40", "02:30", "00:50"]


def test_the_slope_of_a_peak_is_none() -> None:
    falling = {100 + i: 40 - i for i in range(40)}
    run = analysis_of([read_step(i * STEP, percents(fear=falling.get(i, 0))) for i in range(200)])
    told = shock_report(run.timeline)
    assert told is not None
    assert [p["timestamp"] for p in told["peak_moments"]] == ["00:50"]


def test_no_more_than_ten_peaks_are_told() -> None:
    run = analysis_of([read_step(i * STEP, percents(fear=20 if i % 20 == 0 else 0)) for i in range(600)])
    told = shock_report(run.timeline)
    assert told is not None
    assert len(told["peak_moments"]) == 10


def test_steps_without_a_score_have_no_row() -> None:
    run = analysis_of([gap_step(i * STEP) if 80 <= i < 90 else read_step(i * STEP, percents()) for i in range(120)])
    told = shock_report(run.timeline)
    assert told is not None
    times = [row["timestamp"] for row in told["timeline_data"]]
    assert times == pytest.approx([i * STEP for i in range(60, 120) if not 80 <= i < 90])


def test_without_a_baseline_there_is_no_file(tmp_path: Path) -> None:
    short = analysis_of([read_step(i * STEP, percents()) for i in range(20)])
    assert not write_shock_report(short.timeline, tmp_path / "shock_report.json")
    assert list(tmp_path.iterdir()) == []
    assert write_shock_report(one_person().timeline, tmp_path / "shock_report.json")

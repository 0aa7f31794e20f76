"""The page's section on measures: what is drawn is what metrics found."""

from __future__ import annotations

import re
from typing import Any

from mien.analysis.series import Series
from mien.core.audience import Analysis
from mien.report.document import build_findings
from mien.report.measures import POINTS, interval_words, section
from tests.report.factory import CREATED, STEP, analysis_of, hall, nobody, percents, read_step, suppressed_step


def told(analysis: Analysis | None = None) -> dict[str, Any]:
    run = hall() if analysis is None else analysis
    series = Series.of(run.timeline.snapshots)
    return section(build_findings(run, CREATED, series), run.timeline.series, series)


def test_each_panel_is_drawn_where_it_has_values_and_nowhere_else() -> None:
    panels = told()["panels"]
    assert [panel["title"] for panel in panels] == ["Shock score", "Engagement", "Sentiment", "Facing the screen"]
    shock, engagement = panels[0]["line"], panels[1]["line"]
    assert engagement.startswith("M0.0,")
    # Half a minute of six for the baseline.
    assert shock.startswith(f"M{1000 * 30 / 360:.1f},")
    assert shock.count("M") == engagement.count("M") == 3


def test_a_panel_without_values_says_why() -> None:
    short = analysis_of([read_step(i * STEP, percents()) for i in range(20)])
    assert told(short)["withheld"] == [("Shock score", "the baseline is not established yet")]
    withheld = analysis_of([suppressed_step(i * STEP) for i in range(20)], profile="cinema")
    assert told(withheld)["panels"] == []
    assert told(withheld)["figures"] == []


def test_nobody_leaves_nothing_to_draw() -> None:
    assert told(nobody())["panels"] == []
    assert told(analysis_of([]))["panels"] == []


def test_scares_are_marked_where_they_are_and_listed() -> None:
    events = [e for e in told()["events"] if e["kind"] == "scare"]
    marks = [m for m in told()["panels"][0]["marks"] if m["kind"] == "scare"]
    assert len(events) == len(marks) == 3
    assert marks[0]["words"] == f"Scare, {events[0]['start']}–{events[0]['end']}"
    minutes, seconds = map(int, events[0]["start"].split(":"))
    assert abs(marks[0]["left"] / 100 * 360 - (60 * minutes + seconds)) < 1


def test_figures_have_their_own_digits() -> None:
    figures = {figure["name"]: figure for figure in told()["figures"]}
    assert re.fullmatch(r"\d\.\d\d", figures["EPM of the whole title"]["value"])
    assert figures["Scares"]["value"] == "3"
    assert figures["Average shock score"]["band"]


def test_an_interval_that_the_scale_cut_off_says_so() -> None:
    assert interval_words(100.0, 100.0, 0, POINTS) == "at the scale’s end"
    assert interval_words(99.0, 100.0, 0, POINTS) == "99 to 100"
    assert interval_words(3.0, 3.0, 0, "events") == "3 to 3"

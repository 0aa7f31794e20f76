from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from mien.analysis.series import Series
from mien.core.audience import Analysis
from mien.core.findings import Moment, MomentKind
from mien.report import schema
from mien.report.document import Report, build_findings, build_report, timeline_rows
from mien.report.wording import clock, describe, percent
from tests.report.factory import (
    CREATED,
    SHAPES,
    STEP,
    analysis_of,
    bump,
    empty_step,
    hall,
    nobody,
    nothing,
    one_person,
    percents,
    read_step,
    steps_of,
    suppressed_step,
)


def as_written(analysis: Analysis) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(build_report(analysis, CREATED).model_dump_json())
    return told


def test_the_packaged_schema_is_current() -> None:
    assert schema.packaged() == schema.text(), (
        "run: python -m mien.report.schema report > src/mien/report/report.schema.json"
    )


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"hour"}))
def test_every_report_validates_against_the_packaged_schema(shape: str) -> None:
    validator = jsonschema.Draft202012Validator(
        json.loads(schema.packaged()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    assert [error.message for error in validator.iter_errors(as_written(SHAPES[shape]()))] == []


def test_an_unknown_key_is_refused() -> None:
    told = as_written(nobody()) | {"faces": []}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, json.loads(schema.packaged()))
    with pytest.raises(ValidationError):
        Report.model_validate(told)


def test_a_report_reads_back_as_itself() -> None:
    report = build_report(hall(), CREATED)
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_only_the_creation_time_differs_between_two_reports_of_one_run() -> None:
    first = build_report(one_person(), CREATED).model_dump_json()
    second = build_report(one_person(), CREATED + timedelta(days=1)).model_dump_json()
    assert first != second
    assert first.replace("2026-11-21", "2026-11-22") == second


def test_a_creation_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        build_findings(nobody(), datetime(2026, 1, 1))


def test_moments_that_the_run_found_are_kept_as_they_are() -> None:
    found = Moment(MomentKind.PEAK, "fear", 3725.0, 3726.5, 3728.0, 61.23456, 40.0, 0.9, 31, 50.0, 70.0)
    analysis = hall()
    timeline = analysis.timeline
    changed = Analysis(
        type(timeline)(timeline.session, timeline.snapshots, moments=(found,)),
        analysis.provenance,
    )
    [told] = build_findings(changed, CREATED).moments
    assert (told.start, told.peak, told.end) == ("62:05", "62:06", "62:08")
    assert told.value_percent == 61.2346
    assert told.interval_percent is not None


def test_the_timeline_has_a_row_a_step_rounded() -> None:
    analysis = hall()
    rows = list(timeline_rows(analysis.timeline))
    assert len(rows) == len(analysis.timeline.snapshots)
    emotions = rows[0].emotions_percent
    assert emotions is not None
    assert emotions.fear == round(emotions.fear, 4)


def test_a_suppressed_step_tells_its_time_and_that_alone() -> None:
    [row] = timeline_rows(analysis_of([suppressed_step(4.5)], profile="cinema").timeline)
    assert row.model_dump(exclude_none=True) == {
        "media_time_seconds": 4.5,
        "duration_seconds": 0.5,
        "state": "suppressed",
    }


def test_with_suppressed_steps_no_total_gives_their_faces_away() -> None:
    assert build_findings(hall(), CREATED).provenance.sightings is None
    assert build_findings(hall(), CREATED).provenance.sightings_read is None
    assert build_findings(one_person(), CREATED).provenance.sightings == 930


def test_one_person_has_no_interval_and_is_personal_data() -> None:
    report = build_report(one_person(), CREATED)
    assert report.personal_data
    assert all(row.intervals_percent is None for row in report.timeline)
    assert all(moment.interval_percent is None for moment in report.moments)


def test_a_hall_is_not_personal_data_and_has_a_view_of_its_own() -> None:
    findings = build_findings(hall(), CREATED)
    assert not findings.personal_data
    view = findings.distribution.view
    assert view is not None
    assert [level.label for level in view] == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def test_where_nothing_may_be_told_there_is_no_zero_either() -> None:
    """A count of nobody would be an invention: somebody was there."""
    findings = build_findings(analysis_of([suppressed_step(0.5 * i) for i in range(6)], profile="cinema"), CREATED)
    assert findings.unread is None
    told = findings.coverage.model_dump(exclude_none=True)
    assert {name for name, value in told.items() if value} == {"steps", "steps_suppressed"}
    assert not {name for name in told if not name.startswith("steps")}


def test_an_interrupted_run_says_so() -> None:
    findings = build_findings(nothing(), CREATED)
    assert (findings.complete, findings.stopped_because) == (False, "interrupted")


def test_settings_are_plain_data_in_a_fixed_order() -> None:
    analysis = analysis_of(steps_of([percents()]), settings={"b": {"z": 1, "a": (1, None)}, "a": frozenset({"y", "x"})})
    settings = build_findings(analysis, CREATED).provenance.settings
    assert json.dumps(settings) == '{"a": ["x", "y"], "b": {"a": [1, null], "z": 1}}'


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "00:00"), (59.99, "00:59"), (60, "01:00"), (3725.4, "62:05"), (7.9999999, "00:08")]
)
def test_minutes_do_not_wrap(seconds: float, told: str) -> None:
    assert clock(seconds) == told


@pytest.mark.parametrize(
    ("share", "told"), [(0, "0 %"), (0.004, "under 1 %"), (0.5, "50 %"), (0.996, "over 99 %"), (1, "100 %")]
)
def test_nearly_all_is_not_called_all(share: float, told: str) -> None:
    assert percent(share) == told


class TestHeadline:
    def test_tells_one_emotion_giving_way_to_another(self) -> None:
        assert build_findings(one_person(), CREATED).headline == (
            "Mostly sadness until 00:07, then happiness; read in 84 % of frames, no face after 00:31."
        )

    def test_tells_a_return(self) -> None:
        levels = [2.0] * 20 + [85.0] * 20 + [2.0] * 20
        analysis = analysis_of(steps_of([percents(happiness=v) for v in levels]))
        assert build_findings(analysis, CREATED).headline == (
            "Mostly neutral until 00:10, then happiness until 00:20, then neutral again; read in 100 % of frames."
        )

    def test_tells_the_strongest_rise_of_a_level_session(self) -> None:
        levels = [5.0] * 100 + [70.0] * 3 + [5.0] * 100
        analysis = analysis_of(steps_of([percents(surprise=v) for v in levels]))
        assert build_findings(analysis, CREATED).headline.startswith(
            "Mostly neutral throughout, with the strongest rise in surprise at 00:50 (70 %, +65 points)"
        )

    def test_tells_no_emotion_where_none_dominates(self) -> None:
        analysis = analysis_of(steps_of([percents(happiness=35, sadness=33)] * 50))
        assert build_findings(analysis, CREATED).headline == "No single emotion dominates; read in 100 % of frames."

    def test_calls_mixed_what_no_emotion_describes(self) -> None:
        sad, between, happy = percents(sadness=80), percents(sadness=15, fear=35, surprise=20), percents(happiness=80)
        analysis = analysis_of(steps_of([sad] * 14 + [between] * 8 + [happy] * 20))
        assert build_findings(analysis, CREATED).headline == (
            "Mostly sadness until 00:07, then mixed until 00:11, then happiness; read in 100 % of frames."
        )
        analysis = analysis_of(steps_of([between] * 20 + [happy] * 20))
        assert build_findings(analysis, CREATED).headline.startswith("Mixed until 00:10, then mostly happiness;")

    def test_tells_tenths_of_a_short_clip(self) -> None:
        analysis = analysis_of(steps_of([percents(), *[percents(happiness=90)] * 4]))
        assert build_findings(analysis, CREATED).headline.startswith("Mostly neutral until 0.5 s, then happiness;")

    def test_says_when_the_face_left_for_good(self) -> None:
        here = steps_of([percents(happiness=90)] * 30)
        gone = [empty_step(15 + i * STEP) for i in range(20)]
        assert build_findings(analysis_of(here + gone), CREATED).headline == (
            "Mostly happiness throughout; read in 60 % of frames, no face after 00:15."
        )
        back = [read_step(25.0, percents(happiness=90))]
        assert "no face" not in build_findings(analysis_of(here + gone + back), CREATED).headline

    def test_is_not_moved_by_a_blip(self) -> None:
        levels = [5.0] * 100 + [90.0] + [5.0] * 100
        series = Series.of(steps_of([percents(anger=v) for v in levels]))
        assert [emotion for emotion, _ in describe(series)] == ["neutral"]

    def test_without_a_face_says_that(self) -> None:
        assert build_findings(nobody(), CREATED).headline == "No face was seen in 600 frames."

    def test_below_the_minimum_group_throughout_says_that_alone(self) -> None:
        analysis = analysis_of([suppressed_step(i * STEP) for i in range(9)], profile="cinema")
        assert build_findings(analysis, CREATED).headline == (
            "Fewer than 5 faces were readable at once throughout, so nothing is told about them."
        )

    def test_with_nothing_readable_says_that(self) -> None:
        analysis = analysis_of([empty_step(i * STEP, present=1) for i in range(4)])
        assert build_findings(analysis, CREATED).headline == "Faces were seen, but none could be read in 60 frames."

    def test_of_a_single_picture(self) -> None:
        analysis = analysis_of([read_step(0.0, percents(happiness=90), duration_seconds=0.0, frames=1)])
        assert build_findings(analysis, CREATED).headline == "Mostly happiness throughout; read in 100 % of frames."

    def test_counts_faces_in_a_hall(self) -> None:
        assert build_findings(hall(), CREATED).headline.endswith("; typically 40 faces in view, 77 % of them readable.")

    def test_follows_the_timeline_when_it_is_reversed(self) -> None:
        wave = 80 * bump(Series.of(nobody().timeline.snapshots).start, 15, 8)
        forth = analysis_of(steps_of([percents(happiness=float(v)) for v in wave]))
        back = analysis_of(steps_of([percents(happiness=float(v)) for v in wave[::-1]]))
        assert "neutral until 00:1" in build_findings(forth, CREATED).headline
        assert build_findings(back, CREATED).headline.startswith("Mostly happiness until 00:0")


def test_a_withheld_zone_hides_the_sightings_of_the_hall() -> None:
    """They are summed over all faces: less the told zones' they would give away the withheld one's."""
    whole = one_person()
    small = analysis_of([suppressed_step(i * STEP) for i in range(4)])
    told = build_findings(replace(whole, zones={"sofa": whole.timeline, "door": small.timeline}), CREATED)
    assert told.zones is not None
    assert [zone.zone for zone in told.zones] == ["sofa", "door"]
    assert told.zones[1].coverage.readable_most is None
    assert told.provenance.sightings is None

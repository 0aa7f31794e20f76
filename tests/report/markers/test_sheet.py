"""Moments become markers on whole frames: none is lost, none is moved by more than half a frame, names say how much."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import SettingsError
from mien.core.findings import Moment, MomentKind
from mien.report.markers import Sheet
from mien.report.timecode import Timebase
from tests.report.markers.films import AT_EVERY_RATE, FRAMES, MOMENTS, TIMEBASES, film, moment, options

PAL = Timebase(Fraction(25))


@AT_EVERY_RATE
def test_a_moment_lies_on_its_frames_at_every_rate(timebase: Timebase) -> None:
    assert [(m.start, m.frames) for m in film(timebase).markers] == list(FRAMES)


@given(MOMENTS, st.sampled_from(TIMEBASES))
def test_every_moment_is_marked_once_within_half_a_frame(moments: list[Moment], timebase: Timebase) -> None:
    sheet = Sheet.of(moments, options(timebase))
    half = 1 / (2 * timebase.rate)
    marked = [(m, marker) for marker in sheet.markers for m in marker.moments]
    assert sorted(map(repr, moments)) == sorted(repr(m) for m, _ in marked)
    for told, marker in marked:
        assert abs(timebase.seconds_at(marker.start) - Fraction(told.start)) <= half
        assert timebase.seconds_at(marker.end) + half >= Fraction(told.end)
    starts = [marker.start for marker in sheet.markers]
    assert starts == sorted(set(starts))
    assert sheet.frames >= max((marker.end for marker in sheet.markers), default=1)


@given(MOMENTS, st.randoms(use_true_random=False))
def test_the_order_they_come_in_does_not_matter(moments: list[Moment], random: object) -> None:
    mixed = list(moments)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    told = [(m.start, m.frames, sorted(map(repr, m.moments))) for m in Sheet.of(moments, options(PAL)).markers]
    assert told == [(m.start, m.frames, sorted(map(repr, m.moments))) for m in Sheet.of(mixed, options(PAL)).markers]


def test_a_name_says_what_and_how_much() -> None:
    [marker] = Sheet.of([moment(90, 95, peak=92.0)], options(PAL)).markers
    assert marker.name == "FEAR 82 %"
    assert marker.comment == "rise +61.2 points; 95 % interval 74 to 88 %; coverage 93 %; peak 01:01:32:00"


def test_a_note_leads_every_comment() -> None:
    [marker] = Sheet.of([moment(90, 95)], options(PAL, note="DEMO")).markers
    assert marker.comment.startswith("DEMO: rise +61.2 points")


def test_one_person_has_no_interval() -> None:
    [marker] = Sheet.of([moment(90, 95, low=None, high=None)], options(PAL)).markers
    assert "no interval over people" in marker.comment


def test_what_a_metric_found_names_its_kind_and_has_points_not_percent() -> None:
    scare = moment(90, 95, "shock", kind=MomentKind.SCARE, value=71.0)
    tension = replace(scare, kind=MomentKind.SUSTAINED_TENSION, start=100.0, peak=101.0, end=102.0)
    first, second = Sheet.of([scare, tension], options(PAL)).markers
    assert (first.name, second.name) == ("SCARE: shock 71", "SUSTAINED TENSION: shock 71")
    assert "interval 74 to 88;" in first.comment


def test_moments_on_one_frame_are_one_marker_led_by_the_strongest_rise() -> None:
    weak, strong = moment(90, 99, "surprise", rise=20.0), moment(90.01, 95, rise=60.0)
    [marker] = Sheet.of([weak, strong], options(PAL)).markers
    assert marker.name == "FEAR 82 % + SURPRISE 82 %"
    assert (marker.subject, marker.start, marker.end) == ("fear", 90 * 25, 99 * 25)


def test_the_film_lasts_until_its_last_marker_at_least() -> None:
    assert Sheet.of([], options(PAL)).frames == 250
    assert Sheet.of([moment(90, 95)], options(PAL)).frames == 95 * 25


def test_text_cannot_break_a_format() -> None:
    sheet = Sheet.of([moment(1, 2, "a|b\nc")], options(PAL, title="one\ntwo | three"))
    assert sheet.markers[0].name == "A B C 82"
    assert sheet.title == "one two three"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_film_without_a_length_is_refused(seconds: float) -> None:
    with pytest.raises(SettingsError, match="lasts some time"):
        options(PAL, duration_seconds=seconds)


def test_a_start_that_the_rate_has_not_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no timecode 01:00:00:25 at 25"):
        options(PAL, "01:00:00:25")

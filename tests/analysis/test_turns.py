"""Where an audience was lost or startled, and the sentence before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.series import Series
from mien.analysis.turns import TurnKind, TurnOptions, drops, find_turns, sentence_before
from mien.core.findings import MetricSample, SampleLog
from tests.report.factory import STEP, hall, one_person, percents, read_step


def measured(values: Sequence[float | None], half: float | None = None) -> tuple[Series, SampleLog]:
    log = SampleLog("attention", "points")
    for step, value in enumerate(values):
        low, high = (None, None) if value is None or half is None else (value - half, value + half)
        log.append(MetricSample("attention", step * STEP, value, low=low, high=high))
    return Series.of(read_step(i * STEP, percents()) for i in range(len(values))), log


def test_a_fall_is_found_where_it_begins_with_both_levels() -> None:
    series, log = measured([90.0] * 20 + [40.0] * 20)
    assert drops(series, log, 20) == ((10.0, 90.0, 40.0),)


def test_rises_and_small_falls_are_none() -> None:
    assert drops(*measured([40.0] * 20 + [90.0] * 20), 20) == ()
    assert drops(*measured([90.0] * 20 + [75.0] * 20), 20) == ()
    assert drops(*measured([]), 20) == ()


def test_one_odd_step_is_no_fall() -> None:
    assert drops(*measured([90.0] * 20 + [20.0] + [90.0] * 20), 20) == ()


def test_falls_keep_their_distance_and_the_deeper_one_stays() -> None:
    series, log = measured([90.0] * 20 + [65.0] * 4 + [20.0] * 20)
    [(at, _, after)] = drops(series, log, 20)
    assert (at, after) == (12.0, 20.0)


def test_what_people_would_differ_by_anyway_is_no_fall() -> None:
    values = [90.0] * 20 + [60.0] * 20
    assert drops(*measured(values, half=20.0), 20) != ()
    assert drops(*measured(values, half=22.0), 20) == (), "the root of 2 · 22² is more than 30"


def test_where_little_is_known_nothing_is_concluded() -> None:
    unknown: list[float | None] = [None] * 8
    assert drops(*measured([90.0, *unknown, None, *[20.0] * 10]), 20) == ()
    assert len(drops(*measured([*[90.0] * 10, None, *[20.0] * 10]), 20)) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.floats(0, 100), max_size=60), st.floats(1, 60))
def test_every_fall_is_as_deep_as_it_has_to_be(values: list[float | None], least: float) -> None:
    options = TurnOptions()
    found = drops(*measured(values), least)
    assert all(before - after >= least - 1e-9 for _, before, after in found)
    times = [at for at, _, _ in found]
    assert all(b - a >= options.apart_seconds for a, b in itertools.pairwise(times))
    assert all(0 <= level <= 100.01 for _, before, after in found for level in (before, after))


def test_the_sentence_before_is_the_last_that_had_begun() -> None:
    sentences = [(0.0, 4.0), (4.5, 9.0), (20.0, 21.0)]
    assert sentence_before(sentences, 3.0) == 0
    assert sentence_before(sentences, 4.6) == 0, "nobody reacts within a tenth of a second"
    assert sentence_before(sentences, 15.0) == 1
    assert sentence_before(sentences, 19.9) is None, "the last one ended more than ten seconds before"
    assert sentence_before(sentences, 0.1) is None
    assert sentence_before([], 5.0) is None


def test_scares_and_drops_are_told_in_order_with_what_was_said() -> None:
    timeline = hall().timeline
    series = Series.of(timeline.snapshots)
    turns = find_turns(series, timeline.series, timeline.moments, [(60.0, 87.0), (150.0, 168.0)])
    scares = [turn for turn in turns if turn.kind is TurnKind.SCARE]
    assert [turn.sentence for turn in scares] == [0, 1, None]
    assert [turn.at_seconds for turn in turns] == sorted(turn.at_seconds for turn in turns)
    assert all(turn.after > turn.before + 30 for turn in scares)


def test_a_head_that_turns_away_is_a_drop_of_attention() -> None:
    timeline = one_person().timeline
    turns = find_turns(Series.of(timeline.snapshots), timeline.series, timeline.moments, [(20.0, 24.0)])
    away = [turn for turn in turns if turn.kind is TurnKind.ATTENTION_DROP]
    [drop] = away
    assert (drop.at_seconds, drop.sentence) == (25.0, 0)
    assert (drop.before, drop.after) == pytest.approx((100, 0))

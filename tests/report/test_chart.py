"""The drawing tells what was measured and nothing between."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.series import STATES, Series, StepState
from mien.core.audience import AudienceSnapshot
from mien.core.labels import EMOTIONS
from mien.report.chart import (
    MOST_POINTS,
    Scale,
    band_path,
    line_path,
    names,
    pins,
    reduce,
    runs,
    step_area,
    strongest,
    ticks,
    untold,
)
from tests.report.factory import STEP, empty_step, gap_step, hall, hour, one_person, percents, read_step, steps_of

HAPPINESS = EMOTIONS.index("happiness")


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def test_a_short_timeline_is_drawn_step_by_step() -> None:
    series = Series.of(hall().timeline.snapshots)
    buckets = reduce(series)
    assert buckets.steps_each == 1
    np.testing.assert_allclose(buckets.mean, series.emotions)
    np.testing.assert_array_equal(buckets.low, series.low)


def test_a_long_one_keeps_its_extremes_and_its_mean() -> None:
    series = Series.of(hour().timeline.snapshots)
    buckets = reduce(series)
    assert (buckets.steps_each, len(buckets)) == (10, MOST_POINTS)
    np.testing.assert_allclose(np.nanmax(buckets.most, axis=0), np.nanmax(series.emotions, axis=0))
    np.testing.assert_allclose(np.nanmin(buckets.least, axis=0), np.nanmin(series.emotions, axis=0))
    assert (buckets.least <= buckets.mean + 1e-9)[buckets.is_read].all()
    assert (buckets.mean <= buckets.most + 1e-9)[buckets.is_read].all()
    np.testing.assert_allclose(np.nanmax(buckets.high, axis=0), np.nanmax(series.high, axis=0))


@given(st.lists(st.sampled_from("rng"), min_size=1, max_size=60), st.integers(1, 20))
def test_no_step_is_lost_in_reduction(kinds: list[str], most: int) -> None:
    make: dict[str, Callable[[float], AudienceSnapshot]] = {
        "r": lambda t: read_step(t, percents(happiness=50)),
        "n": empty_step,
        "g": gap_step,
    }
    series = Series.of([make[kind](i * STEP) for i, kind in enumerate(kinds)])
    buckets = reduce(series, most)
    assert len(buckets) <= most
    assert buckets.start[0] == series.start[0]
    assert buckets.end[-1] == series.end[-1]
    np.testing.assert_array_equal(buckets.start[1:], buckets.end[:-1])
    assert bool(buckets.is_read.any()) == ("r" in kinds)


def test_a_line_ends_where_reading_ended() -> None:
    series = Series.of(one_person().timeline.snapshots)
    buckets = reduce(series)
    scale = Scale.of(buckets)
    line = line_path(buckets, buckets.mean[:, HAPPINESS], scale)
    pieces = [points(piece) for piece in line.split("M")[1:]]
    edges = [x for piece in pieces for x in (piece[0][0], piece[-1][0])]
    assert edges == pytest.approx([scale.x(t) for t in (0, 25, 27, 31)], abs=0.1)


def test_a_line_has_the_values_at_the_middles_of_its_steps() -> None:
    buckets = reduce(Series.of(steps_of([percents(happiness=v) for v in (10.0, 30.0, 90.0)])))
    drawn = points(line_path(buckets, buckets.mean[:, HAPPINESS], Scale.of(buckets)))
    assert [y for _, y in drawn] == [90, 90, 70, 10, 10]
    assert [x for x, _ in drawn] == pytest.approx([0, 166.7, 500, 833.3, 1000])


def test_a_single_step_is_still_a_line() -> None:
    buckets = reduce(Series.of([read_step(0.0, percents(happiness=50), duration_seconds=0.0, frames=1)]))
    assert points(line_path(buckets, buckets.mean[:, HAPPINESS], Scale.of(buckets)))[-1] == (1000.0, 50.0)


def test_a_band_lies_around_its_line() -> None:
    buckets = reduce(Series.of(hall().timeline.snapshots))
    band = band_path(buckets, buckets.low[:, HAPPINESS], buckets.high[:, HAPPINESS], Scale.of(buckets))
    assert band.count("M") == band.count("Z") == len(runs(buckets.is_read)) == 3


def test_one_person_has_no_band() -> None:
    buckets = reduce(Series.of(one_person().timeline.snapshots))
    assert band_path(buckets, buckets.low[:, 0], buckets.high[:, 0], Scale.of(buckets)) == ""


def test_coverage_is_drawn_in_steps() -> None:
    buckets = reduce(Series.of([read_step(0.0, percents()), read_step(0.5, percents(), coverage=0.5)]))
    assert points(step_area(buckets, buckets.coverage * 100, Scale.of(buckets))) == [
        (0, 0), (500, 0), (500, 50), (1000, 50), (1000, 100), (0, 100),
    ]  # fmt: skip


def test_what_was_not_read_is_marked_with_its_reason() -> None:
    buckets = reduce(Series.of(hall().timeline.snapshots))
    told = [(block.meaning, block.start, block.end) for block in untold(buckets, Scale.of(buckets))]
    assert told == [("suppressed", 205.0, 217.0), ("gap", 308.0, 313.0)]


def test_the_ribbon_names_the_strongest_emotion_or_none() -> None:
    mixed = percents(happiness=30, sadness=30, fear=20)
    series = Series.of([*steps_of([percents(), percents(fear=70), mixed]), gap_step(1.5)])
    buckets = reduce(series)
    assert STATES[buckets.state[-1]] is StepState.GAP
    assert [block.meaning for block in strongest(buckets, Scale.of(buckets))] == ["neutral", "fear", "mixed"]


@given(st.floats(0, 1e5), st.floats(0.2, 1e6))
def test_the_axis_has_a_few_round_times(begin: float, length: float) -> None:
    marks = ticks(Scale(begin, begin + length))
    assert len(marks) <= 11
    assert all(0 <= mark.left <= 100 for mark in marks)
    assert all(b.left > a.left for a, b in itertools.pairwise(marks))


@given(st.lists(st.floats(0, 100), max_size=12))
def test_no_mark_covers_another(times: list[float]) -> None:
    marks = pins(times, Scale(0, 100), wide=3, narrow=8)
    for a, b in itertools.combinations(marks, 2):
        assert a.row != b.row or abs(a.left - b.left) >= 3 - 1e-6
        assert a.narrow_row != b.narrow_row or abs(a.left - b.left) >= 8 - 1e-6


def test_names_stand_beside_their_lines_and_apart() -> None:
    buckets = reduce(Series.of(one_person().timeline.snapshots))
    told = names(buckets, Scale.of(buckets), ["happiness", "sadness", "surprise"])
    assert [name.emotion for name in told] == ["happiness", "sadness", "surprise"]
    for a, b in itertools.combinations(told, 2):
        assert abs(a.left - b.left) >= 10 or abs(a.top - b.top) >= 7

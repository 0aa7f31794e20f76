"""What an audience showed while each part of a talk was said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.segments import (
    NO_READING,
    OUTSIDE,
    Estimate,
    Measured,
    SegmentOptions,
    SegmentReading,
    read_segments,
    stretches_of,
)
from mien.analysis.series import Series
from mien.core.audience import Analysis, EmotionIntervals
from mien.core.engagement import WEIGHTS, scores
from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from tests.report.factory import STEP, analysis_of, empty_step, gap_step, hall, percents, read_step, suppressed_step

EXACT = SegmentOptions(lingers_seconds=0)
FEAR = EMOTIONS.index("fear")


def read(
    analysis: Analysis, *segments: tuple[float, float], options: SegmentOptions = EXACT, group: int = 1
) -> tuple[SegmentReading, ...]:
    measured = Measured(analysis.timeline.series)
    return read_segments(Series.of(analysis.timeline.snapshots), segments, measured, min_group=group, options=options)


def points(reading: SegmentReading, emotion: str) -> float | None:
    return None if reading.emotions is None else reading.emotions[EMOTIONS.index(emotion)].value


def test_a_mean_weighs_what_was_read_and_how_much_of_a_step_lies_in_it() -> None:
    steps = [
        read_step(0.0, percents(fear=80)),
        read_step(0.5, percents(fear=20), coverage=0.5),
        read_step(1.0, percents(fear=0)),
    ]
    [told] = read(analysis_of(steps), (0.25, 1.0))
    assert points(told, "fear") == pytest.approx((80 * 0.25 * 1 + 20 * 0.5 * 0.5) / (0.25 + 0.25))
    assert (told.steps, told.readable, told.read_share) == (2, 1, 1)
    assert told.coverage == pytest.approx((0.25 * 1 + 0.5 * 0.5) / 0.75)


def test_the_pause_after_belongs_to_a_segment_until_the_next_one() -> None:
    assert stretches_of([(0, 2), (2.5, 4), (9, 10)]) == ((0, 2.5), (2.5, 5.5), (9, 11.5))
    assert stretches_of([(0, 3), (2, 4)], EXACT) == ((0, 3), (2, 4))


def test_engagement_is_told_for_every_environment() -> None:
    [told] = read(analysis_of([read_step(i * STEP, percents(happiness=40, sadness=20)) for i in range(4)]), (0, 2))
    shares = np.zeros(8)
    for emotion, share in (("happiness", 0.4), ("sadness", 0.2), ("neutral", 0.4)):
        shares[EMOTIONS.index(emotion)] = share
    assert set(told.engagement) == set(WEIGHTS)
    for environment, estimate in told.engagement.items():
        assert estimate.value == pytest.approx(min(5.0, float(shares @ scores(environment))), abs=1e-5)


def test_what_a_session_cannot_tell_of_engagement_no_segment_tells() -> None:
    analysis = analysis_of([read_step(i * STEP, percents(fear=40)) for i in range(4)])
    measured = Measured(analysis.timeline.series, engagement_withheld={"general": "left out"})
    [told] = read_segments(Series.of(analysis.timeline.snapshots), [(0, 2)], measured, min_group=1)
    assert told.engagement["general"] == Estimate(None, withheld="left out")
    assert told.engagement["classroom"].value is not None


def test_shock_attention_and_their_reasons() -> None:
    before, scare = read(hall(), (32, 60), (85, 100), group=5)
    assert before.shock.value is not None
    assert scare.shock.value is not None
    assert scare.shock.value > before.shock.value + 20
    assert scare.shock_peak.value == pytest.approx(100)
    assert scare.attention.value == pytest.approx(90)
    assert scare.attention.low is None, "which face was turned does not leave the gate"
    [short] = read(analysis_of([read_step(i * STEP, percents(fear=40)) for i in range(4)]), (0, 2))
    assert short.shock == Estimate(None, withheld="the baseline is not established yet")


def test_below_the_smallest_group_nothing_is_told() -> None:
    [told] = read(hall(), (206, 214), group=5)
    assert told.withheld == "fewer than 5 faces were readable at once"
    assert (told.emotions, told.coverage, told.readable, told.steps) == (None, None, 0, 0)
    assert {e.value for e in (*told.engagement.values(), told.attention, told.shock, told.shock_peak)} == {None}


def test_suppressed_steps_move_no_figure_of_a_segment() -> None:
    steps = [read_step(i * STEP, percents(fear=30)) for i in range(4)]
    [alone] = read(analysis_of(steps), (0, 2))
    [beside] = read(analysis_of([*steps, suppressed_step(2.0), gap_step(2.5)]), (0, 3))
    assert beside.emotions == alone.emotions
    assert (beside.steps, beside.coverage) == (alone.steps, alone.coverage)
    assert beside.read_share == pytest.approx(2 / 3)


def test_what_was_hardly_read_is_withheld_with_how_much() -> None:
    steps = [read_step(0.0, percents(fear=30)), *(empty_step(i * STEP) for i in range(1, 10))]
    little, none, outside = read(analysis_of(steps), (0, 5), (3, 5), (60, 70))
    assert little.withheld == "read in 10 % of it, less than 25 %"
    assert (none.withheld, outside.withheld) == (NO_READING, OUTSIDE)


def test_faces_that_were_turned_away_still_tell_attention() -> None:
    away = [empty_step(i * STEP, present=3, facing_share=0.0) for i in range(4)]
    [told] = read(analysis_of(away), (0, 2))
    assert (told.withheld, told.attention.value) == (NO_READING, 0)


def test_an_interval_needs_steps_that_have_one() -> None:
    def at(step: int, width: float) -> EmotionIntervals:
        low = [max(0.0, v - width) for v in percents(fear=40).values()]
        return EmotionIntervals.of(np.array(low), np.array([v + width for v in percents(fear=40).values()]))

    people = {"present": 9, "readable": 9, "tracks": 9}
    wide = [read_step(i * STEP, percents(fear=40), intervals=at(i, 2.0 + i), **people) for i in range(4)]
    [told] = read(analysis_of(wide), (0, 2))
    assert told.emotions is not None
    fear = told.emotions[FEAR]
    assert (fear.value, fear.low, fear.high) == pytest.approx((40, 40 - 3.5, 40 + 3.5), abs=1e-5)
    [bare] = read(
        analysis_of([*wide, *(read_step(2 + i * STEP, percents(fear=40), **people) for i in range(4))]), (0, 4)
    )
    assert bare.emotions is not None
    assert (bare.emotions[FEAR].low, bare.emotions[FEAR].high) == (None, None)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**31))
def test_an_interval_is_hardly_narrower_than_one_that_resamples_people(shared: float, seed: int) -> None:
    """People who feel alike over time, or not: the same draws of people give each step's interval and the mean's."""
    rng = np.random.default_rng(seed)
    people, steps = 40, 6
    felt = 40 + 12 * (shared * rng.normal(size=(people, 1)) + (1 - shared) * rng.normal(size=(people, steps)))
    felt = np.clip(felt, 0, 95)
    draws = rng.multinomial(people, np.full(people, 1 / people), size=2000) @ felt / people
    low, high = np.percentile(draws, (2.5, 97.5), axis=0)
    made = []
    for step in range(steps):
        one, other = (np.array(percents(fear=float(end[step])).values()) for end in (low, high))
        intervals = EmotionIntervals.of(np.minimum(one, other), np.maximum(one, other))
        made.append(
            read_step(
                step * STEP,
                percents(fear=float(felt[:, step].mean())),
                intervals=intervals,
                readable=people,
                tracks=people,
            )
        )
    [told] = read(analysis_of(made), (0, steps * STEP))
    assert told.emotions is not None
    fear = told.emotions[FEAR]
    assert fear.low is not None
    assert fear.high is not None
    whole = np.percentile(draws.mean(axis=1), (2.5, 97.5))
    assert fear.high - fear.low >= 0.95 * (whole[1] - whole[0])


def test_options_out_of_range_are_refused() -> None:
    for wrong in ({"least_share": 1.5}, {"lingers_seconds": -1.0}):
        with pytest.raises(SettingsError):
            SegmentOptions(**wrong)

"""Shock score: MET1, MET4, MET17."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.audience import AudienceStep
from mien.core.findings import MetricSample
from mien.metrics.shock import ShockScore, band
from tests.metrics.steps import CALM, REPLICATES, STEP, empty, fear_curve, gap, read, suppressed


def run(steps: list[AudienceStep], replicates: int = 0) -> list[MetricSample]:
    metric = ShockScore(replicates)
    for step in steps:
        metric.update(step)
    return list(metric.compute().series["shock"])


def after_calm(**points: float) -> MetricSample:
    """The score of one step after half a minute at 5 fear, 10 surprise, 1 disgust."""
    calm = fear_curve([5.0] * CALM, surprise=10.0, disgust=1.0)
    return run([*calm, read(CALM * STEP, people=1, spread=0.0, **points)])[-1]


def test_the_formula_by_hand() -> None:
    """2 · (25 − 5) + 1.5 · (30 − 10) + (25 + 3) / 2 = 84."""
    told = after_calm(fear=25, surprise=30, disgust=3)
    assert told.value == told.raw == pytest.approx(84.0)


def test_changes_may_be_negative_and_are_clamped_last() -> None:
    """2 · (0 − 5) + 1.5 · (20 − 10) + (0 + 4) / 2 = 7: fear below its baseline takes from surprise above its own."""
    assert after_calm(fear=0, surprise=20, disgust=4).value == pytest.approx(7.0)
    told = after_calm(fear=0, surprise=0)
    assert told.value == 0.0
    assert told.raw == pytest.approx(-25.0)


def test_what_leaves_the_scale_is_clamped_and_kept_raw() -> None:
    """The most there is: 2 · 100 + 50 = 250 over a baseline without fear."""
    told = run([*fear_curve([0.0] * CALM), read(30.0, fear=100)])[-1]
    assert told.value == 100.0
    assert told.raw == pytest.approx(250.0)


class TestBaseline:
    def test_the_score_is_withheld_until_half_a_minute_has_been_seen(self) -> None:
        samples = run(fear_curve([5.0] * (CALM + 2)))
        assert {s.withheld for s in samples[:CALM]} == {"the baseline is not established yet"}
        assert all(s.value is None for s in samples[:CALM])
        assert [s.value for s in samples[CALM:]] == pytest.approx([2.5, 2.5])

    def test_one_scare_within_it_does_not_move_it(self) -> None:
        levels = [5.0] * CALM
        levels[20:26] = [90.0] * 6
        assert run([*fear_curve(levels), read(30.0, fear=25)])[-1].value == pytest.approx(2 * 20 + 12.5)

    def test_it_counts_from_the_first_face(self) -> None:
        """Nobody sits there for ten seconds: the baseline stands at 40 s, not at 30."""
        late = [empty(STEP * i) for i in range(20)] + fear_curve([5.0] * (CALM + 1), start=10.0)
        samples = run(late)
        assert [s.media_time for s in samples if s.value is not None] == [40.0]

    def test_it_is_prolonged_until_enough_was_read(self) -> None:
        """One step in four is read: 15 s of faces take a minute."""
        steps = [read(STEP * i, fear=5) if i % 4 == 0 else empty(STEP * i) for i in range(160)]
        samples = run(steps)
        assert next(s.media_time for s in samples if s.value is not None) == 60.0

    def test_it_never_moves_again(self) -> None:
        """A published system replaced its baseline at every frame: slow changes vanished."""
        slow = fear_curve([5.0] * CALM + [5.0 + 0.05 * i for i in range(400)])
        assert run(slow)[-1].value == pytest.approx(2 * 19.95 + 24.95 / 2, abs=1e-3)


def test_a_step_without_a_reading_says_why() -> None:
    calm = fear_curve([5.0] * CALM)
    samples = run([*calm, empty(30.0), gap(30.5), suppressed(31.0), read(31.5, fear=5)])
    assert [s.withheld for s in samples[-4:]] == [
        "no face was seen",
        "no frame fell into this step",
        "the group was smaller than the session's minimum",
        None,
    ]


def test_the_interval_is_over_people_and_one_person_has_none() -> None:
    def hall(people: int) -> MetricSample:
        calm = [read(STEP * i, people=people, spread=0.0, fear=5) for i in range(CALM)]
        return run([*calm, read(30.0, people=people, spread=4.0, fear=25)], REPLICATES)[-1]

    many, few, one = hall(40), hall(3), hall(1)
    assert many.low is not None
    assert many.high is not None
    assert few.low is not None
    # Shock moves by 2.5 points with each point of fear: ±1.96 · 4 · 2.5 = 19.6, over 40 people a little more.
    assert many.value is not None
    assert many.value - many.low == pytest.approx(20.4, abs=2.5)
    assert many.high - many.value == pytest.approx(20.4, abs=2.5)
    assert few.low < many.low
    assert (one.low, one.high) == (None, None)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 40)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=40)
def test_the_score_is_bounded_and_grows_with_fear(levels: list[tuple[float, float]]) -> None:
    calm = fear_curve([2.0] * CALM)
    less = run([*calm, *(read(30 + STEP * i, fear=f, surprise=s) for i, (f, s) in enumerate(levels))])[CALM:]
    more = run([*calm, *(read(30 + STEP * i, fear=min(60, f + 3), surprise=s) for i, (f, s) in enumerate(levels))])
    for low, high in zip(less, more[CALM:], strict=True):
        assert low.value is not None
        assert high.value is not None
        assert 0 <= low.value <= high.value <= 100


@given(st.permutations(range(12)))
@settings(deadline=None, max_examples=30)
def test_shuffled_steps_give_shuffled_scores(order: list[int]) -> None:
    calm = fear_curve([2.0] * CALM)
    levels = [3.0 * i for i in range(12)]
    straight = run([*calm, *fear_curve(levels, start=30.0)])[CALM:]
    shuffled = run([*calm, *fear_curve([levels[o] for o in order], start=30.0)])[CALM:]
    assert [s.value for s in shuffled] == [straight[o].value for o in order]


def test_an_hour_of_still_faces_is_flat() -> None:
    samples = run(fear_curve([3.0] * 7200))
    assert {s.value for s in samples[CALM:]} == {1.5}


def test_average_and_peak_tell_where_they_come_from() -> None:
    metric = ShockScore()
    for step in [*fear_curve([0.0] * CALM), *fear_curve([0, 8, 16], start=30.0)]:
        metric.update(step)
    average, peak = metric.compute().figures
    assert (average.slug, average.steps, average.band) == ("shock_average", 3, "moderate")
    assert average.value == pytest.approx(20.0)
    assert (peak.slug, peak.at_seconds, peak.band) == ("shock_peak", 31.0, "high")
    assert peak.value == pytest.approx(40.0)
    nothing = ShockScore().compute().figures[0]
    assert (nothing.value, nothing.withheld) == (None, "the baseline is not established yet")


@pytest.mark.parametrize(
    ("score", "word"), [(0, "low"), (19.9, "low"), (20, "moderate"), (80, "extreme"), (100, "extreme")]
)
def test_bands(score: float, word: str) -> None:
    assert band(score) == word

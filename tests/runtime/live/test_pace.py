"""The pace: less often when late, again more often after a while of ease, and no swinging to and fro."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.runtime.live.pace import FOLLOWED_SECONDS, LADDER, Cadence, Pace, PaceOptions

OPTIONS = PaceOptions(latency_seconds=0.1, ease_seconds=10.0)


def test_late_frames_make_it_look_less_often() -> None:
    pace = Pace(OPTIONS)
    before = pace.cadence
    after = pace.tell(5.0, 0.3, 0)
    assert after.detect_every > before.detect_every


def test_dropped_frames_count_as_late() -> None:
    pace = Pace(OPTIONS)
    before = pace.cadence
    assert pace.tell(5.0, 0.01, 3) != before


def test_a_new_cadence_is_left_to_show_what_it_does() -> None:
    pace = Pace(OPTIONS)
    first = pace.tell(5.0, 0.3, 0)
    assert pace.tell(5.5, 0.3, 0) == first
    assert pace.tell(6.5, 0.3, 0) != first


def test_after_a_while_of_ease_it_looks_more_often() -> None:
    pace = Pace(OPTIONS)
    before = pace.cadence
    found = [pace.tell(float(now), 0.01, 0) for now in range(2, 14)]
    assert found[8] == before
    assert found[-1] == LADDER[LADDER.index(before) - 1]


def test_what_proved_too_dear_is_tried_again_ever_more_seldom() -> None:
    """On a box that can hold one rung and not the one above it."""
    pace = Pace(OPTIONS, start=4)
    climbs = []
    for now in range(2, 1200):
        before = LADDER.index(pace.cadence)
        after = LADDER.index(pace.tell(float(now), 0.2 if before < 4 else 0.02, 0))
        if after < before:
            climbs.append(now)
    waits = [b - a for a, b in itertools.pairwise(climbs)]
    assert len(climbs) < 10
    assert waits == sorted(waits)


@pytest.mark.parametrize("every_seconds", [60, 600])
def test_a_hiccup_now_and_then_does_not_take_it_down_for_good(every_seconds: int) -> None:
    """Eight hours of frames in time, with one that is dropped every minute, or every ten."""
    pace = Pace(OPTIONS, start=0)
    rungs = [LADDER.index(pace.tell(float(now), 0.02, int(now % every_seconds == 0))) for now in range(2, 8 * 3600)]
    assert sum(rung <= 1 for rung in rungs) > 0.95 * len(rungs)


def test_neither_too_late_nor_at_ease_changes_nothing() -> None:
    pace = Pace(OPTIONS)
    before = pace.cadence
    assert all(pace.tell(float(now), 0.08, 0) == before for now in range(2, 100))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), max_size=200))
def test_it_stays_on_the_ladder(told: list[tuple[float, int]]) -> None:
    pace = Pace(OPTIONS)
    for now, (latency, dropped) in enumerate(told):
        assert pace.tell(2.0 * now, latency, dropped) in LADDER


def test_the_ladder_gets_cheaper_rung_by_rung() -> None:
    cost = [1 / c.detect_every + (c.read_hz or 60) / 60 for c in LADDER]
    assert cost == sorted(cost, reverse=True)
    assert str(Cadence(3, 10.0)) == "looks for faces in one frame in 3, reads each 10 times a second"
    slow = Cadence(3, 10.0, look_within_seconds=0.5)
    assert str(slow) == "looks for faces in one frame in 3 and every 0.5 s, reads each 10 times a second"
    assert str(Cadence(1, None, look_within_seconds=0.5)) == "looks for faces in every frame, reads each in every frame"


@given(st.sampled_from(LADDER), st.floats(0.1, 240.0))
def test_no_face_is_followed_for_long_without_being_looked_for(cadence: Cadence, frames_a_second: float) -> None:
    """At any frame rate; of a source slower than two frames a second every frame is searched."""
    looked_at, gaps = -math.inf, []
    for number in range(60):
        now = number / frames_a_second
        if cadence.looks(number, now - looked_at):
            gaps.append(now - looked_at)
            looked_at = now
    assert max(gaps[1:], default=0.0) <= FOLLOWED_SECONDS + 1 / frames_a_second + 1e-6
    if frames_a_second <= 1 / FOLLOWED_SECONDS:
        assert len(gaps) == 60


def test_a_fixed_cadence_counts_frames_whatever_their_rate() -> None:
    assert [Cadence(3, 10.0).looks(number, 1.0) for number in range(4)] == [True, False, False, True]

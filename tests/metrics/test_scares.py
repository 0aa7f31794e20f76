"""Scares: MET3, MET5."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.audience import AudienceStep
from mien.core.findings import Moment, MomentKind
from mien.metrics.scares import Scares
from tests.metrics.steps import CALM, REPLICATES, STEP, empty, fear_curve, read


def scares(after: list[float], start: float = 30.0) -> tuple[Moment, ...]:
    """Scares of a curve of shock scores that follows a baseline without fear (a point of fear is 2.5 of shock)."""
    return found([*fear_curve([0.0] * CALM), *fear_curve([s / 2.5 for s in after], start=start)])


def found(steps: list[AudienceStep], replicates: int = 0) -> tuple[Moment, ...]:
    metric = Scares(replicates)
    for step in steps:
        metric.update(step)
    return metric.compute().moments


def test_a_jump_is_a_scare_with_its_onset_peak_intensity_and_rise() -> None:
    [scare] = scares([10.0] * 12 + [50.0, 75.0, 60.0, 20.0] + [10.0] * 10)
    assert scare.kind is MomentKind.SCARE
    assert (scare.start, scare.peak, scare.end) == (36.0, 36.5, 37.5)
    assert scare.value == pytest.approx(75.0)
    assert scare.rise == pytest.approx(65.0)


def test_a_rise_of_thirty_is_not_yet_one() -> None:
    assert scares([10.0] * 12 + [39.99] + [10.0] * 4) == ()
    assert len(scares([10.0] * 12 + [40.01] + [10.0] * 4)) == 1


def test_what_was_recent_leaves_out_the_last_half_second() -> None:
    """At 36 s the step at 35.5 s is left out: 35 over a recent mean of 0 is a scare though the step before held 20."""
    curve = [0.0] * 11 + [20.0, 35.0]
    assert [s.start for s in scares(curve)] == [36.0]


def test_what_was_recent_reaches_five_seconds_back() -> None:
    """Nine steps count at 36 s: 31.0 to 35.0. A score of 100 at 30.5 s has been forgotten, at 31.0 s it has not."""
    forgotten = [0.0] * 12 + [31.0]
    forgotten[1] = 100.0
    held = [0.0] * 12 + [31.0]
    held[2] = 100.0
    assert 36.0 in [s.start for s in scares(forgotten)]
    assert 36.0 not in [s.start for s in scares(held)]


def test_no_second_scare_within_the_refractory_time() -> None:
    curve = [0.0] * 12 + [60.0, 0.0, 0.0, 60.0] + [0.0] * 20
    assert [s.start for s in scares(curve)] == [36.0]
    apart = [0.0] * 12 + [60.0] + [0.0] * 14 + [60.0] + [0.0] * 10
    assert [s.start for s in scares(apart)] == [36.0, 43.5]


def test_slow_tension_is_no_scare() -> None:
    assert scares([0.5 * i for i in range(180)]) == ()


def test_there_is_none_before_enough_of_the_past_was_seen() -> None:
    steps = [*fear_curve([0.0] * CALM), *(empty(30 + STEP * i) for i in range(20)), read(40.0, fear=40)]
    assert found(steps) == ()


def test_the_interval_is_that_of_the_score_at_its_peak() -> None:
    calm = [read(STEP * i, people=30, fear=0) for i in range(CALM + 12)]
    [scare] = found([*calm, read(36.0, people=30, spread=3.0, fear=24), *fear_curve([0.0] * 4, start=36.5)], REPLICATES)
    assert scare.low is not None
    assert scare.high is not None
    assert scare.low < scare.value < scare.high


def test_an_hour_of_still_faces_has_none() -> None:
    noise = np.random.default_rng(3).normal(3.0, 0.5, 7200)
    assert found(fear_curve(noise.tolist())) == ()


@given(st.lists(st.floats(0, 100), min_size=20, max_size=80))
@settings(deadline=None, max_examples=40)
def test_every_scare_is_what_it_says(curve: list[float]) -> None:
    told = scares(curve)
    for scare in told:
        at = round((scare.peak - 30.0) / STEP)
        assert scare.start <= scare.peak < scare.end
        assert scare.value == pytest.approx(curve[at], abs=1e-3)
        assert scare.rise > 30
    starts = [s.start for s in told]
    assert all(b - a >= 5.0 - 1e-6 for a, b in itertools.pairwise(starts))


def test_their_number_is_a_figure() -> None:
    metric = Scares()
    for step in [*fear_curve([0.0] * CALM), *fear_curve([0.0] * 12 + [24.0], start=30.0)]:
        metric.update(step)
    [figure] = metric.compute().figures
    assert (figure.slug, figure.value) == ("scares_total", 1.0)
    assert Scares().compute().figures[0].withheld == "the baseline is not established yet"

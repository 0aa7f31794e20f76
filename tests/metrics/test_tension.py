"""Sustained tension and missed opportunities: MET18."""

from __future__ import annotations

import pytest

from mien.core.findings import Moment, MomentKind
from mien.metrics.tension import Tension
from tests.metrics.steps import CALM, STEP, empty, fear_curve


def found(scores: list[float], unread: tuple[int, ...] = ()) -> list[Moment]:
    metric = Tension()
    steps = fear_curve([s / 2.5 for s in scores], start=30.0)
    for index in unread:
        steps[index] = empty(30.0 + STEP * index)
    for step in [*fear_curve([0.0] * CALM), *steps]:
        metric.update(step)
    return list(metric.compute().moments)


def test_half_a_minute_above_twenty_is_sustained_tension() -> None:
    [moment] = found([15.0] * 10 + [21.0] * 30 + [35.0] + [21.0] * 29 + [15.0] * 10)
    assert moment.kind is MomentKind.SUSTAINED_TENSION
    assert (moment.start, moment.end, moment.peak) == (35.0, 65.0, 50.0)
    assert moment.value == pytest.approx(35.0)
    assert moment.rise == pytest.approx(15.0)


def test_a_little_less_is_not() -> None:
    assert found([15.0] * 10 + [21.0] * 59 + [15.0] * 10) == []
    assert found([15.0] * 10 + [19.9] * 80) == []


def test_half_a_minute_below_ten_is_a_missed_opportunity() -> None:
    [moment] = found([15.0] * 10 + [5.0] * 40 + [1.0] + [5.0] * 39 + [15.0] * 4)
    assert moment.kind is MomentKind.MISSED_OPPORTUNITY
    assert (moment.start, moment.end, moment.peak) == (35.0, 75.0, 55.0)
    assert moment.value == pytest.approx(1.0)


def test_what_goes_on_at_the_end_is_told() -> None:
    assert [m.end for m in found([25.0] * 70)] == [65.0]


def test_two_seconds_without_a_face_do_not_end_it_and_three_do() -> None:
    assert len(found([25.0] * 70, unread=tuple(range(30, 34)))) == 1
    assert found([25.0] * 70, unread=tuple(range(30, 36))) == []

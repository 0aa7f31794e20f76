"""EPM: MET2, MET17."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.metrics.epm import Epm, band, epm
from tests.metrics.steps import CALM, fear_curve, suppressed


def one(average: float, highest: float, deviation: float) -> float:
    return float(epm(np.array([average]), np.array([highest]), np.array([deviation]))[0])


def test_the_formula_by_hand() -> None:
    assert one(40.0, 80.0, 10.0) == pytest.approx(40 * 0.8 * 0.8 / 10)
    assert one(100.0, 100.0, 0.0) == 10.0


def test_the_published_example_is_impossible() -> None:
    """7.8 for an average of 42.5 and a peak of 89.3: the formula gives at most 3.80."""
    best = max(one(42.5, 89.3, deviation) for deviation in np.linspace(0, 50, 501))
    assert best == pytest.approx(3.795, abs=0.005)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_it_stays_on_its_scale_for_any_scores(scores: list[float]) -> None:
    values = np.array(scores)
    told = one(values.mean(), values.max(), values.std())
    assert -1e-9 <= told <= min(10.0, values.mean() * values.max() / 1000 + 1e-9)


@given(st.permutations([0.0, 10.0, 35.0, 60.0, 20.0, 5.0]))
def test_the_order_of_scores_does_not_matter(scores: list[float]) -> None:
    metric = Epm()
    for step in [*fear_curve([0.0] * CALM), *fear_curve([s / 2.5 for s in scores], start=30.0)]:
        metric.update(step)
    [figure] = metric.compute().figures
    values = np.array([0.0, 10.0, 35.0, 60.0, 20.0, 5.0])
    assert figure.value == pytest.approx(one(values.mean(), values.max(), values.std()))


def test_each_five_seconds_have_their_own() -> None:
    """Fear at 20 over a baseline of 0 is a score of 50, without deviation: 50 · 0.5 / 10 = 2.5."""
    metric = Epm()
    for step in [*fear_curve([0.0] * CALM), *fear_curve([20.0] * 10 + [40.0] * 10, start=30.0)]:
        metric.update(step)
    samples = metric.compute().series["epm"]
    assert [s.media_time for s in samples] == [5.0 * i for i in range(8)]
    assert {s.withheld for s in samples[:6]} == {"the baseline is not established yet"}
    assert [s.value for s in samples[6:]] == pytest.approx([2.5, 10.0])


def test_a_window_of_which_little_was_read_is_withheld() -> None:
    metric = Epm()
    for step in [
        *fear_curve([0.0] * CALM),
        *fear_curve([20.0] * 4, start=30.0),
        *(suppressed(32 + 0.5 * i) for i in range(6)),
    ]:
        metric.update(step)
    last = metric.compute().series["epm"][6]
    assert (last.value, last.withheld) == (None, "less than half of the window has a shock score")


def test_asking_changes_nothing() -> None:
    metric = Epm()
    steps = [*fear_curve([0.0] * CALM), *fear_curve([20.0] * 10, start=30.0)]
    for step in steps:
        metric.update(step)
        metric.compute()
    plain = Epm()
    for step in steps:
        plain.update(step)
    assert list(metric.compute().series["epm"]) == list(plain.compute().series["epm"])


@pytest.mark.parametrize(
    ("value", "word"), [(0, "poor"), (2.99, "poor"), (3, "fair"), (9, "exceptional"), (10, "exceptional")]
)
def test_bands(value: float, word: str) -> None:
    assert band(value) == word

"""Engagement: MET7, MET8, MET9."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.engagement import scores
from mien.core.labels import EMOTIONS
from mien.core.settings import ENVIRONMENTS, Environment
from mien.metrics.engagement import Engagement
from tests.metrics.steps import STEP, empty, read


def overall(environment: Environment, **points: float) -> float | None:
    metric = Engagement()
    metric.update(read(0.0, people=1, spread=0.0, **points))
    return next(f.value for f in metric.compute().figures if f.slug == f"engagement_{environment}")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        # 0.4 · happiness 4.5 + 0.2 · surprise 5 + 0.3 · neutral 3 + 0.1 · sadness 2, each times the published weight.
        ("classroom", 0.4 * 4.5 * 1.1 + 0.2 * 5 * 1.5 + 0.3 * 3 * 1.0 + 0.1 * 2 * 0.8),
        ("product_demo", 0.4 * 4.5 * 1.3 + 0.2 * 5 * 1.2 + 0.3 * 3 * 0.7 + 0.1 * 2 * 0.5),
        ("seminar", 0.4 * 4.5 * 0.9 + 0.2 * 5 * 1.2 + 0.3 * 3 * 1.1 + 0.1 * 2 * 0.7),
        ("general", 0.4 * 4.5 * 1.1 + 0.2 * 5 * 1.2 + 0.3 * 3 * 1.0 + 0.1 * 2 * 0.7),
    ],
)
def test_the_expectation_by_hand(environment: Environment, expected: float) -> None:
    told = overall(environment, happiness=40, surprise=20, neutral=30, sadness=10)
    assert told == pytest.approx(expected, abs=1e-6)


def test_an_unlisted_emotion_counts_as_one() -> None:
    for emotion in ("fear", "disgust", "contempt"):
        assert overall("classroom", **{emotion: 100}) == pytest.approx(1.0)
    assert overall("general", anger=100) == 1.0  # 1.5 · 0.6 = 0.9, clamped.


def test_it_is_clamped_last_and_the_raw_value_is_kept() -> None:
    metric = Engagement("classroom")
    metric.update(read(0.0, surprise=100))
    told = metric.compute().series["engagement"][0]
    assert told.value == 5.0
    assert told.raw == pytest.approx(7.5)


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8).filter(lambda v: sum(v) > 0.1))
@settings(deadline=None, max_examples=40)
def test_it_lies_between_the_least_and_the_greatest_score(shares: list[float]) -> None:
    total = sum(shares)
    points = {e: min(100.0, 100 * s / total) for e, s in zip(EMOTIONS, shares, strict=True)}
    for environment in ENVIRONMENTS:
        told = overall(environment, **points)
        assert told is not None
        low, high = np.clip([scores(environment).min(), scores(environment).max()], 1, 5)
        assert low - 1e-6 <= told <= high + 1e-6


def test_rolling_means_reach_back_as_far_as_they_say() -> None:
    metric = Engagement()
    for i in range(240):
        metric.update(read(STEP * i, happiness=100 if i >= 180 else 0))
    series = metric.compute().series
    happy, calm = 4.5 * 1.1, 3.0
    at = {slug: [s.value for s in series[slug]] for slug in series}
    assert at["engagement"][179:181] == pytest.approx([calm, happy])
    assert at["engagement_30s"][180] == pytest.approx((59 * calm + happy) / 60)
    assert at["engagement_30s"][239] == pytest.approx(happy)
    assert at["engagement_60s"][239] == pytest.approx((calm + happy) / 2)
    assert at["engagement_cumulative"][239] == pytest.approx((3 * calm + happy) / 4)


def test_what_was_not_read_neither_counts_nor_is_told() -> None:
    metric = Engagement()
    for step in (read(0.0, happiness=100), empty(0.5), read(1.0, happiness=100)):
        metric.update(step)
    result = metric.compute()
    assert [s.value is None for s in result.series["engagement_cumulative"]] == [False, True, False]
    assert result.series["engagement_cumulative"][2].value == pytest.approx(4.95)
    assert {f.steps for f in result.figures} == {2}

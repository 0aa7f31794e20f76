"""A score that cannot do without an emotion has no value where that emotion is not told (EMO23)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.labels import EMOTIONS
from mien.core.settings import AudienceSettings
from mien.metrics import create_all
from mien.metrics._left_out import lost_end
from tests.metrics.steps import STEP, read


def told(*left_out: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Series by slug, figures by slug, and how many moments, of a minute with a shock at its end."""
    settings = AudienceSettings.model_validate({"left_out": left_out, "environment": "classroom"})
    series: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    moments = 0
    for metric in create_all(settings):
        for i in range(120):
            metric.update(read(i * STEP, people=1, fear=60.0 if i > 110 else 2.0, happiness=20.0))
        result = metric.compute()
        series |= dict(result.series)
        figures |= {figure.slug: figure for figure in result.figures}
        moments += len(result.moments)
    return series, figures, moments


def test_nothing_is_withheld_where_all_are_told() -> None:
    series, figures, moments = told()
    assert moments
    assert series["shock"][-1].value > 80
    assert all("not told here" not in (figure.withheld or "") for figure in figures.values())


@pytest.mark.parametrize("emotion", ["fear", "surprise", "disgust"])
def test_without_a_part_of_it_there_is_no_shock_nor_what_is_made_of_it(emotion: str) -> None:
    series, figures, moments = told(emotion)
    reason = f"it is made of {emotion}, not told here"
    assert moments == 0
    assert {sample.withheld for sample in series["shock"]} == {reason}
    for slug in ("shock_average", "shock_peak", "epm", "scares_total", "tension_sustained", "tension_missed"):
        assert (figures[slug].value, figures[slug].withheld) == (None, reason)
    assert figures["expressiveness_mean"].value is not None


def test_a_scale_that_lost_an_end_is_withheld_and_one_that_did_not_is_told() -> None:
    _, figures, _ = told("happiness")
    assert figures["sentiment_mean"].withheld == "it is made of happiness, not told here"
    assert figures["engagement_classroom"].value is not None
    assert figures["engagement_product_demo"].value is not None, "surprise reaches as high"
    series, figures, _ = told("surprise")
    assert figures["engagement_classroom"].withheld == "it is made of surprise, not told here"
    assert series["engagement_30s"][-1].value is None
    assert figures["sentiment_mean"].value is not None
    assert told("neutral")[1]["expressiveness_mean"].value is None


def test_contempt_costs_nothing() -> None:
    """No published weight names it, and four others are as unpleasant."""
    _, figures, _ = told("contempt")
    assert all("not told here" not in (figure.withheld or "") for figure in figures.values())


@given(
    st.lists(st.floats(-10, 10), min_size=8, max_size=8).filter(lambda w: max(w) - min(w) > 1),
    st.sets(st.sampled_from(EMOTIONS), max_size=7),
)
def test_a_sum_is_told_just_where_both_ends_are_in_reach(weights: list[float], left_out: set[str]) -> None:
    rest = [w for e, w in zip(EMOTIONS, weights, strict=True) if e not in left_out]
    slack = 0.05 * (max(weights) - min(weights))
    reaches = max(rest) >= max(weights) - slack and min(rest) <= min(weights) + slack
    assert (lost_end(np.array(weights), tuple(left_out)) is None) == reaches

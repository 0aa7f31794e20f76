"""Sentiment, valence, arousal, expressiveness: MET12, BEY11; weighted reaction: MET19."""

from __future__ import annotations

import pytest

from mien.core.settings import AudienceSettings
from mien.metrics.reaction import create as create_reaction
from mien.metrics.sentiment import create
from tests.metrics.steps import read


def told(slug: str, **points: float) -> float | None:
    metric = create_reaction(AudienceSettings()) if slug == "reaction" else create(AudienceSettings())
    metric.update(read(0.0, people=1, spread=0.0, **points))
    return metric.compute().series[slug][0].value


def test_sentiment_is_good_minus_bad() -> None:
    assert told("sentiment", happiness=100) == 100
    assert told("sentiment", happiness=30, sadness=20, anger=5, neutral=25, surprise=20) == pytest.approx(5)
    assert told("sentiment", surprise=60, neutral=40) == 0
    for bad in ("sadness", "anger", "disgust", "fear", "contempt"):
        assert told("sentiment", **{bad: 100}) == -100


def test_valence_and_arousal_are_the_weighted_mean_of_published_places() -> None:
    assert told("valence", happiness=100) == pytest.approx(0.81)
    assert told("arousal", fear=100) == pytest.approx(0.60)
    assert told("valence", happiness=50, sadness=50) == pytest.approx((0.81 - 0.63) / 2)
    assert told("arousal", happiness=50, sadness=50) == pytest.approx((0.51 - 0.27) / 2)
    assert told("valence", neutral=100) == 0


def test_contempt_has_no_place_and_is_left_out() -> None:
    assert told("valence", happiness=40, contempt=60) == pytest.approx(0.81)
    assert told("valence", contempt=100) is None


def test_expressiveness_is_what_is_not_neutral() -> None:
    assert told("expressiveness", neutral=70, happiness=20, fear=10) == pytest.approx(30)


def test_reaction_weighs_as_published() -> None:
    assert told("reaction", fear=100) == pytest.approx(100)
    assert told("reaction", neutral=100) == 0
    expected = (2.0 * 10 + 1.5 * 20 + 0.8 * 5 + 0.3 * 30 + 0.2 * 10 + 0.1 * 15) / 2.0
    shares = {"fear": 10, "surprise": 20, "disgust": 5, "happiness": 30, "anger": 10, "sadness": 15, "neutral": 10}
    assert told("reaction", **shares) == pytest.approx(expected)

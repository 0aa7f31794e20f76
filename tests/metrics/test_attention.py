"""Facing the screen, presence, attraction and retention: MET6, MET11."""

from __future__ import annotations

import pytest

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure
from mien.metrics.attention import Attention
from tests.metrics.steps import STEP, empty, gap, read, suppressed


def facing(at: float, share: float, people: int = 4) -> AudienceStep:
    step = read(at, people=people)
    return AudienceStep(step.snapshot.model_copy(update={"facing_share": share}), step.replicates)


def figures(steps: list[AudienceStep]) -> dict[str, MetricFigure]:
    metric = Attention()
    for step in steps:
        metric.update(step)
    return {f.slug: f for f in metric.compute().figures}


def test_it_is_the_share_of_faces_turned_to_the_screen() -> None:
    metric = Attention()
    for step in (facing(0.0, 0.75), empty(0.5), gap(1.0), suppressed(1.5)):
        metric.update(step)
    series = metric.compute().series
    assert [s.value for s in series["attention"]] == [75.0, None, None, None]
    assert [s.value for s in series["presence"]] == [4.0, 0.0, None, None]
    assert series["attention"][1].withheld == "no face was seen"


def test_attraction_is_the_first_eight_seconds_and_retention_what_is_kept_of_it() -> None:
    told = figures([facing(STEP * i, 0.8 if i < 16 else 0.6) for i in range(40)])
    assert told["attraction"].value == pytest.approx(80.0)
    assert told["retention"].value == pytest.approx(75.0)
    assert told["attention_mean"].value == pytest.approx((16 * 80 + 24 * 60) / 40)


def test_what_cannot_be_told_says_why() -> None:
    assert figures([])["attention_mean"].withheld == "no face was seen"
    assert figures([facing(0.0, 0.5)])["retention"].withheld == "nothing was seen after the first 8 seconds"
    assert figures([facing(9.0, 0.5)])["retention"].withheld == "nobody faced the screen in the first 8 seconds"


def test_the_average_audience_is_of_faces_read() -> None:
    told = figures([facing(0.0, 1.0, people=2), facing(0.5, 1.0, people=5), empty(1.0)])
    assert told["audience_average"].value == pytest.approx(7 / 3)

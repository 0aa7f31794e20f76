"""What every metric owes; the files in ``mien/metrics`` are discovered, not listed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.core import plugins
from mien.core.audience import AudienceStep, Metric
from mien.core.settings import AudienceSettings
from mien.metrics import create_all
from tests.metrics.steps import REPLICATES, STEP, empty, gap, read, suppressed

NAMES = plugins.available("metrics")


def session() -> list[AudienceStep]:
    """Ninety seconds of a dozen people, with every kind of step in it."""
    generator = np.random.default_rng(1)
    steps = []
    for i in range(180):
        at = STEP * i
        fear, surprise, happiness = generator.uniform(0, 30, 3)
        one = read(at, people=12, spread=3.0, fear=fear + 5, surprise=surprise, happiness=happiness)
        steps.append({50: empty, 70: gap, 90: suppressed}.get(i, lambda _, one=one: one)(at))
    return steps


@pytest.fixture(params=NAMES)
def metric(request: pytest.FixtureRequest) -> Metric:
    made: Metric = plugins.load("metrics", request.param).create(AudienceSettings(replicates=REPLICATES))
    return made


def fed(metric: Metric, steps: list[AudienceStep]) -> Metric:
    for step in steps:
        metric.update(step)
    return metric


def test_it_is_named(metric: Metric) -> None:
    assert metric.slug in NAMES
    assert metric.display_name
    assert metric.unit


def test_samples_are_in_order_and_either_have_a_value_or_say_why_not(metric: Metric) -> None:
    for slug, samples in fed(metric, session()).compute().series.items():
        times = [s.media_time for s in samples]
        assert times == sorted(set(times))
        for sample in samples:
            assert sample.slug == slug
            assert (sample.value is None) == (sample.withheld is not None)
            if sample.value is not None:
                assert math.isfinite(sample.value)
            if sample.low is not None:
                assert sample.high is not None
                assert sample.value is not None
                assert sample.low <= sample.value + 1e-5
                assert sample.high >= sample.value - 1e-5


def test_figures_either_have_a_value_or_say_why_not(metric: Metric) -> None:
    for state in (metric.compute(), fed(metric, session()).compute()):
        for figure in state.figures:
            assert (figure.value is None) == (figure.withheld is not None)
            assert 0 <= figure.coverage <= 1
    assert all(f.value is not None for f in metric.compute().figures)


def test_asking_changes_nothing_and_reset_forgets_everything(metric: Metric) -> None:
    steps = session()
    first = fed(metric, steps[:100]).compute()
    again = metric.compute()
    assert {k: list(v) for k, v in first.series.items()} == {k: list(v) for k, v in again.series.items()}
    assert (first.figures, first.moments) == (again.figures, again.moments)
    later = fed(metric, steps[100:]).compute()
    assert all(len(first.series[k]) <= len(later.series[k]) for k in first.series)
    metric.reset()
    anew = fed(metric, steps[:100]).compute()
    assert {k: list(v) for k, v in anew.series.items()} == {k: list(v) for k, v in first.series.items()}
    assert (anew.figures, anew.moments) == (first.figures, first.moments)


def test_a_suppressed_step_tells_nothing(metric: Metric) -> None:
    result = fed(metric, [suppressed(STEP * i) for i in range(100)]).compute()
    assert all(sample.value is None for samples in result.series.values() for sample in samples)
    assert all(figure.value is None for figure in result.figures)
    assert result.moments == ()


def test_no_two_metrics_share_a_name() -> None:
    results = [fed(metric, session()).compute() for metric in create_all(AudienceSettings(replicates=REPLICATES))]
    series = [slug for result in results for slug in result.series]
    figures = [figure.slug for result in results for figure in result.figures]
    assert len(series) == len(set(series))
    assert len(figures) == len(set(figures))

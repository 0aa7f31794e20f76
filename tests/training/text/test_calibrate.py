"""Calibration and thresholds against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs the extra [train] (torch)")

from mien.evaluation.text import calibration_error, f1
from mien.training.text.calibrate import calibrate, platt, threshold


def test_platt_finds_the_scale_and_offset_that_made_the_truth() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=40_000) * 2
    truth = generator.random(40_000) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    assert list(platt(logits, truth)) == pytest.approx([0.5, -1.0], abs=0.05)


@pytest.mark.parametrize("truth", [np.zeros(20, bool), np.ones(20, bool)])
def test_platt_of_one_sided_truth_stays_finite_and_rising(truth: np.ndarray) -> None:
    scale, offset = platt(np.linspace(-3, 3, 20), truth)
    assert scale > 0
    assert np.isfinite(offset)


def test_calibrated_probabilities_are_frequencies() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(20_000, 2)).astype(np.float32) * 3
    truth = generator.random(logits.shape) < 1 / (1 + np.exp(-(logits / 3 - 1)))
    fitted = calibrate(logits, truth)
    for label in range(2):
        assert calibration_error(fitted.probabilities(logits)[:, label], truth[:, label]) < 0.02


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 200))
def test_the_threshold_is_nearly_the_best_for_calibrated_probabilities(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    p = generator.random(count)
    truth = generator.random(count) < p

    def score(t: float) -> float:
        return f1(int(((p >= t) & truth).sum()), int((p >= t).sum()), int(truth.sum()))

    chosen = threshold(p, truth)
    assert 0 <= chosen <= 1
    assert score(chosen) >= max(score(t) for t in p) - 0.25


def test_ties_are_answered_alike() -> None:
    p, truth = np.array([0.9, 0.4, 0.4, 0.4, 0.1]), np.array([True, True, False, True, False])
    assert threshold(p, truth) == pytest.approx(0.25)

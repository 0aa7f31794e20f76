"""Calibration against votes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.evaluation.calibration import (
    calibrate,
    calibration_error,
    cross_fitted,
    fit_shift,
    fit_temperature,
    is_at_bound,
)
from tests.evaluation.votes import cast, known


def shares(votes: np.ndarray) -> np.ndarray:
    return np.asarray(votes[:, :8] / votes[:, :8].sum(axis=1, keepdims=True))


def sharpened(p: np.ndarray, power: float) -> np.ndarray:
    raised = np.maximum(p, 1e-6) ** power
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """True shares, and ten votes drawn from them: what a perfectly calibrated model would be judged by."""
    random = np.random.default_rng(4)
    truth = random.dirichlet(np.full(8, 0.4), 3000)
    return truth, np.stack([random.multinomial(10, row) for row in truth])


def test_who_tells_the_true_shares_is_calibrated(faces: tuple[np.ndarray, np.ndarray]) -> None:
    assert calibration_error(*faces) < 0.01


def test_unknown_and_no_face_are_no_labels() -> None:
    votes = cast(50)
    votes[:, 8] = 9
    assert calibrate(shares(votes), votes).ece == pytest.approx(calibrate(shares(votes), votes[:, :8]).ece)


@settings(max_examples=15, deadline=None)
@given(power=st.floats(0.5, 2.5))
def test_the_temperature_that_spoilt_it_is_found(power: float) -> None:
    random = np.random.default_rng(6)
    truth = random.dirichlet(np.full(8, 0.8), 1500)
    assert fit_temperature(power * np.log(np.maximum(truth, 1e-6)), truth) == pytest.approx(power, rel=0.02)


@pytest.mark.parametrize(("power", "at_bound"), [(0.2, True), (0.35, False), (3.5, False), (6.0, True)])
def test_a_temperature_beyond_those_that_are_tried_is_told_by_its_bound(power: float, at_bound: bool) -> None:
    truth = np.random.default_rng(6).dirichlet(np.full(8, 0.8), 500)
    found = fit_temperature(power * np.log(np.maximum(truth, 1e-6)), truth)
    assert is_at_bound(found) == at_bound
    assert is_at_bound(round(found, 4)) == at_bound, "as it is stored"


@pytest.mark.parametrize("fit", [fit_temperature, fit_shift])
def test_nothing_is_fitted_to_no_votes_or_to_no_numbers(fit: Callable[[np.ndarray, np.ndarray], object]) -> None:
    logits = np.random.default_rng(0).normal(size=(20, 8))
    with pytest.raises(ValueError, match="no face has a vote"):
        fit(logits, np.zeros((20, 8)))
    logits[3, 5] = np.nan
    with pytest.raises(ValueError, match="finite numbers"):
        fit(logits, np.full((20, 8), 0.125))


@given(st.integers(0, 1_000), st.floats(0.5, 3.0))
@settings(max_examples=20, deadline=None)
def test_the_shift_that_raised_classes_is_found_and_shares_follow_votes_again(seed: int, power: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.dirichlet([6.0, 3.0, 1.0, 0.3], 6000)
    raised = random.normal(scale=1.5, size=4)
    exact = np.log(np.maximum(truth, 1e-6))
    found = fit_shift(power * (exact + raised), truth)
    assert found == pytest.approx(-power * (raised - raised.mean()), abs=0.1 * power)
    logits = power * (exact + raised) + found
    told = np.exp(logits / fit_temperature(logits, truth))
    told /= told.sum(axis=1, keepdims=True)
    assert told.mean(axis=0) == pytest.approx(truth.mean(axis=0), abs=0.01)


def test_a_class_that_nobody_voted_for_is_lowered_and_stays_a_number() -> None:
    random = np.random.default_rng(3)
    truth = np.pad(random.dirichlet([3.0, 1.0], 400), ((0, 0), (0, 1)))
    found = fit_shift(random.normal(size=(400, 3)), truth)
    assert np.isfinite(found).all()
    assert found[2] < found[:2].min() - 2


@pytest.mark.parametrize("voted", [0, 1])
def test_shares_stay_as_they_are_where_the_other_folds_have_no_vote(voted: int) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(8, 0.8), 10)
    votes = np.zeros((10, 10), np.uint8)
    votes[:, 8] = 10
    votes[:voted] = [10, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    told, temperatures = cross_fitted(p, votes[:, :8].astype(float), np.random.default_rng(0))
    assert temperatures.count(1.0) == (1 if voted else 5)
    if voted:
        assert told[0] == pytest.approx(p[0])
    else:
        assert told == pytest.approx(p)
    assert 0 <= calibrate(p, votes).ece <= 1


def test_overconfidence_is_an_error_as_shipped_and_none_once_fitted(faces: tuple[np.ndarray, np.ndarray]) -> None:
    truth, votes = faces
    told = calibrate(sharpened(truth, 2.0), votes)
    assert told.ece_as_shipped > 0.08
    assert told.ece < 0.02
    assert told.temperatures == pytest.approx([2.0] * 5, rel=0.05)
    assert told.interval is not None
    assert told.interval[0] < told.interval[1] < 0.03


def test_no_face_sees_its_own_temperature() -> None:
    """A face on which the others disagree is judged by the others: it would choose another temperature for itself."""
    votes = cast(40, agreement=20.0)
    p = sharpened(shares(votes) * 0.9 + 0.0125, 1.0)
    alone = votes.copy()
    alone[0, :8] = np.roll(votes[0, :8], 3)
    before, _ = cross_fitted(p, votes[:, :8].astype(float), np.random.default_rng(0))
    after, _ = cross_fitted(p, alone[:, :8].astype(float), np.random.default_rng(0))
    assert after[0] == pytest.approx(before[0])
    assert not np.allclose(after[1:], before[1:])


def test_bins_hold_every_vote(faces: tuple[np.ndarray, np.ndarray]) -> None:
    told = calibrate(*faces)
    assert len(told.bins) == 15
    assert sum(b.votes for b in told.bins) == faces[1].sum()
    gaps = [b.votes * abs(known(b.confidence) - known(b.agreement)) for b in told.bins if b.confidence is not None]
    assert sum(gaps) / faces[1].sum() == pytest.approx(told.ece)
    assert all(b.low <= b.confidence <= b.high for b in told.bins if b.confidence is not None)

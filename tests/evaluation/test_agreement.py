"""Agreement with the votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.evaluation.agreement import agreement, area_under_curve, cosine, divergence, jensen_shannon
from mien.evaluation.protocols import vote_distribution
from tests.evaluation.votes import answers, cast, known

ROW = (
    arrays(float, (1, 8), elements=st.floats(0, 1, allow_subnormal=False))
    .filter(lambda a: a.sum() > 1e-3)
    .map(lambda a: a / a.sum())
)


@settings(deadline=None)
@given(first=ROW, second=ROW)
def test_distances_keep_their_bounds(first: np.ndarray, second: np.ndarray) -> None:
    assert divergence(first, second)[0] >= -1e-7
    assert -1e-7 <= jensen_shannon(first, second)[0] <= 1 + 1e-6
    assert jensen_shannon(first, second) == pytest.approx(jensen_shannon(second, first), abs=1e-7)
    assert 0 <= cosine(first, second)[0] <= 1 + 1e-9
    assert divergence(first, first) == pytest.approx([0], abs=1e-6)


def test_divergence_by_hand() -> None:
    """Half and half, told as a quarter and three quarters: ½·ln 2 + ½·ln ⅔."""
    truth, told = np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]]), np.array([[0.25, 0.75, 0, 0, 0, 0, 0, 0]])
    assert divergence(truth, told)[0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert jensen_shannon(np.eye(8)[:1], np.eye(8)[1:2])[0] == pytest.approx(1)


def test_area_by_counting_pairs() -> None:
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8, 0.2]), np.array([False, True, False, True, False])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert area_under_curve(scores, positive, np.ones((1, 5)))[0] == pytest.approx(np.mean(pairs))


@settings(deadline=None)
@given(weights=arrays(int, 5, elements=st.integers(0, 3)))
def test_a_weight_is_a_face_that_occurs_so_often(weights: np.ndarray) -> None:
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8, 0.2]), np.array([False, True, False, True, False])
    rows = np.repeat(np.arange(5), weights)
    weighted = area_under_curve(scores, positive, weights[None].astype(float))[0]
    if positive[rows].any() and (~positive[rows]).any():
        repeated = area_under_curve(scores[rows], positive[rows], np.ones((1, len(rows))))[0]
        assert weighted == pytest.approx(repeated)
    else:
        assert np.isnan(weighted)


def test_who_repeats_the_votes_agrees() -> None:
    votes = cast(300)
    told = agreement(vote_distribution(votes), votes)
    assert told.kl.value == pytest.approx(0, abs=1e-6)
    assert told.cosine.value == pytest.approx(1)
    assert told.correlation["fear"].value == pytest.approx(1)
    assert known(told.auc["fear"].value) > 0.99


def test_intervals_hold_their_figures() -> None:
    votes = cast(500)
    told = agreement(answers(votes), votes)
    for figure in (told.kl, told.js, told.cosine, *told.correlation.values(), *told.auc.values()):
        low, high = known(figure.interval)
        assert low <= known(figure.value) <= high
        assert low < high


def test_the_correlation_is_pearsons() -> None:
    votes = cast(200)
    p, share = answers(votes), vote_distribution(votes)
    assert agreement(p, votes).correlation["fear"].value == pytest.approx(np.corrcoef(p[:, 6], share[:, 6])[0, 1])


def test_what_does_not_vary_has_no_correlation() -> None:
    votes = np.zeros((4, 10), np.uint8)
    votes[:, 0] = 10
    told = agreement(np.tile(np.eye(8)[:1], (4, 1)), votes)
    assert told.correlation["fear"].value is None
    assert told.auc["fear"].value is None

"""Shuffled labels against brute force, hand-computed figures, and simulation."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.permutation import (
    PermutationOptions,
    benjamini_hochberg,
    contrast,
    detectable,
    infer,
    normal_score,
    smallest_p,
    student_point,
)
from mien.core.errors import SettingsError


def halves(n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(n) >= n // 2


def test_a_contrast_is_welchs_with_hedges_effect() -> None:
    a, b = np.array([10.0, 12, 14]), np.array([20.0, 20, 23, 25])
    values = np.concatenate([a, b])[:, None]
    found = contrast(values, np.ones_like(values), np.arange(7) >= 3)
    error = math.sqrt(4 / 3 + 6 / 4)
    assert found.difference[0] == pytest.approx(10)
    assert found.error[0] == pytest.approx(error)
    assert found.t[0] == pytest.approx(10 / error)
    assert found.freedom[0] == pytest.approx((4 / 3 + 6 / 4) ** 2 / ((4 / 3) ** 2 / 2 + (6 / 4) ** 2 / 3))
    assert found.effect[0] == pytest.approx(10 / math.sqrt((2 * 4 + 3 * 6) / 5) * (1 - 3 / 19))


def test_weights_of_one_size_change_nothing_but_the_scale() -> None:
    values = np.random.default_rng(0).normal(size=(9, 4))
    plain, scaled = (contrast(values, np.full((9, 4), w), halves(9)) for w in (1.0, 0.4))
    for name in ("difference", "error", "freedom", "effect", "count_a"):
        np.testing.assert_allclose(getattr(plain, name), getattr(scaled, name))


def test_a_session_of_no_weight_is_not_there() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(9, 4))
    weights = rng.uniform(0.2, 1, (9, 4))
    weights[2] = 0
    kept = np.delete(np.arange(9), 2)
    whole, without = contrast(values, weights, halves(9)), contrast(values[kept], weights[kept], halves(9)[kept])
    np.testing.assert_allclose(whole.t, without.t)
    np.testing.assert_allclose(whole.count_a, without.count_a)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_cells", [1, 200, 1_000_000])
def test_all_labellings_are_those_of_brute_force(weighted: bool, block_cells: int) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(8, 6))
    values[5:, 2] += 3
    weights = rng.uniform(0.3, 1, (8, 6)) if weighted else np.ones((8, 6))
    weights[0, 1] = 0
    options = PermutationOptions(shuffles=100, block_cells=block_cells)
    found = infer(values, weights, halves(8), rng, options, in_line=0)
    sizes = np.array(
        [
            np.abs(contrast(values, weights, np.isin(np.arange(8), chosen), (3, 3)).score)
            for chosen in itertools.combinations(range(8), 4)
        ]
    )
    seen = np.abs(contrast(values, weights, halves(8), (3, 3)).score)
    assert found.exhaustive
    assert found.shuffles == 69
    tested = ~np.isnan(seen)
    assert tested.sum() >= 5
    by_column = (np.nan_to_num(sizes) >= seen - 1e-9).mean(axis=0)
    family = np.array([(np.nanmax(sizes, axis=1) >= t - 1e-9).mean() for t in seen])
    np.testing.assert_allclose(found.p, np.where(tested, by_column, np.nan))
    np.testing.assert_allclose(found.family_p, np.where(tested, family, np.nan))
    assert ((found.family_p <= 0.05) == (seen > found.threshold)).all()


def test_blocks_do_not_change_what_is_found() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(24, 300)).cumsum(axis=1) / 10
    weights = (rng.random((24, 300)) > 0.1).astype(float)
    one, many = (
        infer(values, weights, halves(24), np.random.default_rng(4), PermutationOptions(199, block_cells=cells))
        for cells in (10_000_000, 199 * 7)
    )
    np.testing.assert_allclose(one.p, many.p)
    np.testing.assert_allclose(one.family_p, many.family_p)
    assert one.threshold == pytest.approx(many.threshold)
    assert [(c.first, c.last, round(c.mass, 6), c.p) for c in one.clusters] == [
        (c.first, c.last, round(c.mass, 6), c.p) for c in many.clusters
    ]


def test_the_same_seed_gives_the_same_answer_and_order_of_sessions_does_not_move_the_difference() -> None:
    values = np.random.default_rng(5).normal(size=(20, 30))
    ones, labels = np.ones_like(values), halves(20)
    first, again = (infer(values, ones, labels, np.random.default_rng(6), PermutationOptions(99)) for _ in range(2))
    np.testing.assert_array_equal(first.family_p, again.family_p)
    order = np.random.default_rng(7).permutation(20)
    np.testing.assert_allclose(contrast(values[order], ones, labels[order]).t, contrast(values, ones, labels).t)


def test_constant_columns_and_perfect_parting_are_no_accident_of_rounding() -> None:
    values = np.tile(np.array([[3.3, 0.0, 7.0]]), (12, 1))
    values[6:, 1] = 5.0
    found = infer(values, np.ones_like(values), halves(12), np.random.default_rng(0))
    assert found.contrast.t[0] == pytest.approx(0, abs=1e-6)
    assert found.family_p[0] == 1.0
    assert found.family_p[1] == pytest.approx(smallest_p(6, 6))


def test_columns_with_too_few_sessions_are_not_tested() -> None:
    values = np.random.default_rng(8).normal(size=(12, 3))
    weights = np.ones_like(values)
    weights[2:6, 1] = 0
    found = infer(values, weights, halves(12), np.random.default_rng(0), PermutationOptions(99))
    assert np.isnan(found.family_p).tolist() == [False, True, False]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_are_the_step_up_procedure(p: list[float]) -> None:
    q = benjamini_hochberg(np.array(p))
    for rate in (0.01, 0.05, 0.2):
        ranked = sorted(p)
        passing = [x for i, x in enumerate(ranked, 1) if x <= rate * i / len(p)]
        cut = max(passing, default=-1.0)
        assert ((q <= rate + 1e-12) >= (np.array(p) <= cut)).all()
        assert ((q <= rate - 1e-12) <= (np.array(p) <= cut)).all()
    assert (q >= np.array(p) - 1e-12).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_untested_columns_take_no_part_in_q_values() -> None:
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.01, math.nan, 0.04])), [0.02, math.nan, 0.04])
    assert np.isnan(benjamini_hochberg(np.array([math.nan]))).all()


@pytest.mark.parametrize(
    ("freedom", "t", "tail"),
    [(3, 3.182, 0.025), (5, 2.571, 0.025), (10, 4.587, 0.0005), (30, 2.750, 0.005), (60, 3.460, 0.0005)],
)
def test_a_normal_score_is_as_rare_as_its_t_in_the_tables(freedom: float, t: float, tail: float) -> None:
    score = normal_score(np.array([t]), np.array([freedom]))[0]
    assert score == pytest.approx(NormalDist().inv_cdf(1 - tail), abs=0.03)


@given(st.floats(0, 12), st.floats(2, 1000))
def test_a_score_and_its_t_lead_to_each_other(score: float, freedom: float) -> None:
    v = np.array([freedom])
    assert normal_score(student_point(score, v), v)[0] == pytest.approx(score, abs=1e-6)


def test_a_group_read_in_few_sessions_is_no_finding_for_that() -> None:
    """Six sessions against twelve in some columns, though labels are shuffled over all: scatter is not difference."""
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(100):
        weights = np.ones((24, 60))
        weights[12:18, 20:40] = 0
        found = infer(rng.normal(size=(24, 60)), weights, halves(24), rng, PermutationOptions(199))
        alarms += bool((found.family_p <= 0.05).any())
    assert alarms <= 13


@given(st.integers(1, 30), st.integers(1, 30))
def test_the_smallest_p_is_that_of_the_labelling_seen_and_its_mirror(a: int, b: int) -> None:
    assert smallest_p(a, b) == smallest_p(b, a)
    assert smallest_p(a, b) * math.comb(a + b, a) in (pytest.approx(1), pytest.approx(2))


@settings(deadline=None, max_examples=8)
@given(st.integers(6, 40), st.floats(2.0, 5.0))
def test_the_least_difference_is_found_as_often_as_told(group: int, threshold: float) -> None:
    rng = np.random.default_rng(group)
    freedom = 2.0 * (group - 1)
    error = math.sqrt(2 / group)
    true = detectable(np.array([error]), np.array([freedom]), np.array([threshold]), 0.8)[0]
    a, b = rng.normal(size=(2, 20_000, group)) + np.array([0, true])[:, None, None]
    t = (b.mean(axis=1) - a.mean(axis=1)) / np.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / group)
    assert (t > threshold).mean() == pytest.approx(0.8, abs=0.02)


def test_options_out_of_range_are_refused() -> None:
    for wrong in ({"shuffles": 5}, {"level": 0.0}, {"min_sessions": 1.0}, {"block_cells": 0}):
        with pytest.raises(SettingsError, match="permutation test"):
            PermutationOptions(**wrong)


def test_sessions_that_agree_to_the_last_digit_tell_no_detectable_difference() -> None:
    found = detectable(np.array([0.0, 1.0]), np.array([8.0, 8.0]), np.array([3.0, 3.0]), 0.8)
    assert np.isnan(found[0])
    assert found[1] > 3

"""Intervals from replicates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core.intervals import interval, stretch


def test_many_people_need_no_stretching_and_two_need_a_lot() -> None:
    assert stretch(1000) == pytest.approx(1.0, abs=0.003)
    assert stretch(2) == pytest.approx(12.706 / 1.96 * 2**0.5)
    assert stretch(1) == stretch(2)
    assert all(stretch(n) > stretch(n + 1) for n in range(2, 60))


@given(arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.floats(-50, 50)))
def test_it_is_the_percentiles_stretched_about_the_value(replicates: np.ndarray) -> None:
    value = replicates.mean(axis=0)
    low, high = interval(value, replicates, 12.0)
    ends = np.percentile(replicates, [2.5, 97.5], axis=0)
    np.testing.assert_allclose(low, np.minimum(value, value + (ends[0] - value) * stretch(12.0)), atol=1e-9)
    np.testing.assert_allclose(high, np.maximum(value, value + (ends[1] - value) * stretch(12.0)), atol=1e-9)


def test_replicates_that_drew_nobody_are_passed_over() -> None:
    replicates = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan], [2.0, np.nan]])
    low, high = interval(np.array([2.0, 5.0]), replicates, 1000.0)
    expected = np.nanpercentile(replicates[:, 0], [2.5, 97.5])
    assert (low[0], high[0]) == pytest.approx(tuple(2 + (expected - 2) * stretch(1000.0)))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_without_replicates_there_is_none() -> None:
    low, high = interval(np.array([2.0]), np.zeros((0, 1)), 5.0)
    assert np.isnan(low[0])
    assert np.isnan(high[0])

"""Noise of a private release: as much as is stated, no less, and never the same twice."""

from __future__ import annotations

import math
import random
import sys
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.noise import LARGEST_EPSILON, Noise, PrivacyLoss, calibrated
from mien.core.errors import SettingsError

DRAWS = 20_000
SIGMAS = 5
"""Standard errors by which a measured figure may miss: chance does it once in two million."""
LAPLACE = calibrated("laplace", 1000, PrivacyLoss(0.5))
GAUSSIAN = calibrated("gaussian", 1000, PrivacyLoss(1.0, 1e-6))


def drawn(noise: Noise, count: int = DRAWS) -> npt.NDArray[np.float64]:
    return np.array(noise.add([0] * count), np.float64)


@settings(deadline=None)
@given(st.floats(0.01, LARGEST_EPSILON), st.integers(1, 2**40))
def test_laplace_noise_is_sensitivity_over_epsilon(epsilon: float, sensitivity: int) -> None:
    """b = Δ/ε, rounded up: the promise holds in exact arithmetic."""
    noise = calibrated("laplace", sensitivity, PrivacyLoss(epsilon))
    assert noise.scale == pytest.approx(sensitivity / epsilon, rel=1e-12)
    assert math.nextafter(sensitivity / noise.scale, 0) <= epsilon


def spent_by_a_gaussian(ratio: float, epsilon: float) -> float:
    """The δ of Gaussian noise of deviation ``ratio`` times the sensitivity, exactly (Balle, Wang 2018, theorem 8)."""
    cdf = NormalDist().cdf
    return cdf(0.5 / ratio - epsilon * ratio) - math.exp(epsilon) * cdf(-0.5 / ratio - epsilon * ratio)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1, 3, 10])
@pytest.mark.parametrize("delta", [1e-9, 1e-6, 1e-4])
def test_gaussian_noise_keeps_its_loss_and_wastes_little(epsilon: float, delta: float) -> None:
    noise = calibrated("gaussian", 2**33, PrivacyLoss(epsilon, delta))
    ratio = noise.scale / noise.sensitivity
    assert spent_by_a_gaussian(ratio, epsilon) <= delta
    assert spent_by_a_gaussian(ratio / 1.25, epsilon) > delta
    assert noise.rho == pytest.approx(1 / (2 * ratio**2), rel=1e-6)


def test_laplace_noise_scatters_as_stated() -> None:
    """E|X| = b = 2000, standard error b/√n; half of it lies within b·ln 2."""
    sizes = np.abs(drawn(LAPLACE))
    assert sizes.mean() == pytest.approx(2000, abs=SIGMAS * 2000 / math.sqrt(DRAWS))
    assert np.mean(sizes < 2000 * math.log(2)) == pytest.approx(0.5, abs=SIGMAS * 0.5 / math.sqrt(DRAWS))


def test_gaussian_noise_scatters_as_stated() -> None:
    values = drawn(GAUSSIAN)
    assert values.std() == pytest.approx(GAUSSIAN.scale, rel=SIGMAS / math.sqrt(2 * DRAWS))
    assert np.mean(np.abs(values) < GAUSSIAN.scale) == pytest.approx(0.6827, abs=SIGMAS * 0.466 / math.sqrt(DRAWS))


@pytest.mark.parametrize("noise", [LAPLACE, GAUSSIAN], ids=lambda n: n.mechanism)
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_accuracy_is_exceeded_as_often_as_it_says(noise: Noise, alpha: float) -> None:
    often = np.mean(np.abs(drawn(noise)) > noise.accuracy(alpha))
    assert often == pytest.approx(alpha, abs=SIGMAS * math.sqrt(alpha * (1 - alpha) / DRAWS) + 1e-3)


@pytest.mark.parametrize("noise", [LAPLACE, GAUSSIAN], ids=lambda n: n.mechanism)
@pytest.mark.parametrize("other", [0.0, 0.1, -0.6, 1.0, 1.00001, 3.0])
def test_noise_of_two_entries_together_exceeds_its_accuracy_as_often_as_it_says(noise: Noise, other: float) -> None:
    both = drawn(noise) + other * drawn(noise)
    often = np.mean(np.abs(both) > noise.accuracy_together(1.0, other, 0.05))
    assert often == pytest.approx(0.05, abs=SIGMAS * math.sqrt(0.05 * 0.95 / DRAWS) + 1e-3)


@pytest.mark.parametrize("noise", [LAPLACE, GAUSSIAN], ids=lambda n: n.mechanism)
def test_no_seed_makes_noise_come_again(noise: Noise) -> None:
    told = []
    for _ in range(2):
        random.seed(7)
        np.random.seed(7)
        told.append(noise.add([0] * 8))
    assert told[0] != told[1]


def test_noise_is_whole_and_lands_on_the_exact_value() -> None:
    far = [10**15, -(10**15)]
    assert all(abs(a - b) < 60 * LAPLACE.scale for a, b in zip(LAPLACE.add(far), far, strict=True))


@pytest.mark.parametrize(("epsilon", "delta"), [(0, 0), (-1, 0), (math.nan, 0), (10.1, 0), (1, 1), (1, -0.1)])
def test_a_loss_that_is_no_promise_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(SettingsError):
        PrivacyLoss(epsilon, delta)


def test_each_mechanism_spends_what_it_can() -> None:
    with pytest.raises(SettingsError, match="--delta"):
        calibrated("gaussian", 1, PrivacyLoss(1.0))
    with pytest.raises(SettingsError, match="leave out '--delta'"):
        calibrated("laplace", 1, PrivacyLoss(1.0, 1e-6))


def test_without_opendp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(SettingsError, match=r"mien\[dp\]"):
        calibrated("laplace", 1, PrivacyLoss(1.0))


@pytest.mark.parametrize("noise", [LAPLACE, GAUSSIAN], ids=lambda n: n.mechanism)
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_noise_of_one_entry_is_told_alike_both_ways(noise: Noise, alpha: float) -> None:
    """OpenDP's accuracy of one entry is that of two of which one counts nothing."""
    assert noise.accuracy_together(1.0, 0.0, alpha) == pytest.approx(noise.accuracy(alpha), rel=1e-3)

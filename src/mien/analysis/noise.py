"""Noise of a differentially private release: calibrated, drawn and vouched for by OpenDP (extra ``[dp]``).

What is released is one vector of whole numbers, so the one fact a caller has to get right is how far a session can move
it, and that is a whole number too: no rounding of floats can widen a sensitivity or leave a trace in the low bits of
what comes out (Mironov 2012). Noise is discrete (Canonne, Kamath, Steinke 2020) and comes from the operating system's
generator; there is no seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, Literal

from mien.core.errors import SettingsError

if TYPE_CHECKING:
    from opendp.mod import Measurement

Mechanism = Literal["laplace", "gaussian"]

LARGEST_EPSILON: Final = 10.0
"""An ε above this lets somebody who sees the release be e¹⁰ (22,000) times surer: no promise worth the name."""
_NARROW: Final = 1e-4
"""Share by which a Gaussian's scale may be larger than it had to be."""
_HALVINGS: Final = 40
"""Of an interval in which an accuracy is looked for."""
_ANY: Final = 2**32
"""A sensitivity to calibrate a ratio at."""
_ALIKE: Final = 1e-4
"""Share by which two scales may differ and still be taken as one: the formula for two would cancel out."""


@dataclass(frozen=True, slots=True)
class PrivacyLoss:
    """An (ε, δ) of differential privacy.

    Attributes:
        epsilon: above 0, at most :data:`LARGEST_EPSILON`.
        delta: 0–1, below 1; 0 for pure differential privacy.

    Raises:
        SettingsError: a value is out of range.
    """

    epsilon: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= LARGEST_EPSILON:
            raise SettingsError(f"ε lies above 0 and at {LARGEST_EPSILON:g} or below, got {self.epsilon:g}.")
        if not 0 <= self.delta < 1:
            raise SettingsError(f"δ is a chance from 0 to below 1, got {self.delta:g}.")


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise for one vector of whole numbers.

    Attributes:
        mechanism: discrete Laplace, or discrete Gaussian.
        sensitivity: the most that replacing one session moves the vector, in its L1 (Laplace) or L2 (Gaussian) norm.
        scale: of the distribution of each entry: Laplace's b (deviation √2·b), or the Gaussian's deviation.
        loss: what a release costs; OpenDP's map of the mechanism gives no more.
        rho: of zero-concentrated differential privacy, for the Gaussian; or None.
    """

    mechanism: Mechanism
    sensitivity: int
    scale: float
    loss: PrivacyLoss
    rho: float | None

    def accuracy(self, alpha: float) -> float:
        """What the noise of an entry exceeds, in absolute value, with a chance of ``alpha`` (0–1) at most."""
        dp = _opendp()
        if self.mechanism == "laplace":
            return float(dp.discrete_laplacian_scale_to_accuracy(self.scale, alpha))
        # The discrete tail lies within one whole unit of the continuous one.
        return float(dp.gaussian_scale_to_accuracy(self.scale, alpha)) + 1.0

    def accuracy_together(self, one: float, other: float, alpha: float) -> float:
        """What ``one`` times an entry's noise plus ``other`` times another's exceeds with a chance of ``alpha``.

        Laplace: with scales a and b the sum Z of both has P(|Z| > t) = (a²·e^(-t/a) - b²·e^(-t/b)) / (a² - b²), by
        partial fractions of its characteristic function 1/((1 + a²ω²)(1 + b²ω²)), and e^(-t/a)·(1 + t/2a) where a = b.
        Gaussian: variances add. Noise is taken as continuous: a whole unit is far less than it.
        """
        if self.mechanism == "gaussian":
            return math.hypot(one, other) * self.scale * NormalDist().inv_cdf(1 - alpha / 2)
        large, small = max(abs(one), abs(other)), min(abs(one), abs(other))
        alone = self.scale * math.log(1 / alpha)
        short, enough = alone * large, alone * (large + small)
        for _ in range(_HALVINGS):
            middle = (short + enough) / 2
            rare = _laplace_tail(large * self.scale, small * self.scale, middle) <= alpha
            short, enough = (short, middle) if rare else (middle, enough)
        return enough

    def add(self, exact: Sequence[int]) -> tuple[int, ...]:
        """The vector with noise. Every call is a release of its own, and costs :attr:`loss`."""
        drawn = _measurement(self.mechanism, self.scale, len(exact))([int(value) for value in exact])
        return tuple(int(value) for value in drawn)


def calibrated(mechanism: Mechanism, sensitivity: int, loss: PrivacyLoss) -> Noise:
    """The least noise with which a release costs no more than ``loss``.

    Laplace: b = sensitivity/ε (Dwork and others 2006). Gaussian: the least σ whose ρ = sensitivity²/(2σ²), converted
    to (ε, δ) by OpenDP, is within the loss (Bun and Steinke 2016; Canonne, Kamath, Steinke 2020).

    Args:
        mechanism: which.
        sensitivity: above 0; its norm is the mechanism's, see :class:`Noise`.
        loss: what may be spent.

    Raises:
        SettingsError: OpenDP is not installed, or Gaussian noise is asked for without a δ, or Laplace noise with one.
    """
    if (mechanism == "gaussian") is not (loss.delta > 0):
        raise SettingsError(
            "Gaussian noise needs a δ above 0: give '--delta', such as 1e-6."
            if mechanism == "gaussian"
            else "Laplace noise spends no δ: leave out '--delta', or choose '--mechanism gaussian'."
        )
    _opendp()
    if mechanism == "laplace":
        scale = sensitivity / loss.epsilon
        while _epsilon(mechanism, scale, sensitivity, 0.0) > loss.epsilon:
            scale = math.nextafter(scale, math.inf)
        return Noise(mechanism, sensitivity, scale, loss, None)

    scale = sensitivity * _gaussian_ratio(loss)
    while _epsilon(mechanism, scale, sensitivity, loss.delta) > loss.epsilon:
        scale *= 1 + _NARROW
    rho = float(_loss_of(_measurement(mechanism, scale, 1), float(sensitivity)))
    return Noise(mechanism, sensitivity, scale, loss, rho)


@lru_cache(maxsize=256)
def _gaussian_ratio(loss: PrivacyLoss) -> float:
    """About the least σ over sensitivity that costs no more than ``loss``; it depends on nothing else."""

    def cheap(ratio: float) -> bool:
        return _epsilon("gaussian", ratio * _ANY, _ANY, loss.delta) <= loss.epsilon

    # ε = ρ + 2·√(ρ·ln(1/δ)) holds for every Gaussian, so the scale it gives is enough; OpenDP's conversion needs less.
    tail = math.log(1 / loss.delta)
    enough = 1 / (math.sqrt(2) * (math.sqrt(tail + loss.epsilon) - math.sqrt(tail)))
    while not cheap(enough):
        enough *= 2
    short = enough / 2
    while cheap(short):
        enough, short = short, short / 2
    while enough / short > 1 + _NARROW:
        middle = math.sqrt(enough * short)
        enough, short = (middle, short) if cheap(middle) else (enough, middle)
    return enough


def _laplace_tail(large: float, small: float, beyond: float) -> float:
    """Chance that the sum of two independent Laplace variables of these scales lies beyond a value on either side."""
    if large - small <= _ALIKE * large:
        return math.exp(-beyond / large) * (1 + beyond / (2 * large))
    near = small**2 * math.exp(-beyond / small) if small > 0 else 0.0
    return (large**2 * math.exp(-beyond / large) - near) / (large**2 - small**2)


def _epsilon(mechanism: Mechanism, scale: float, sensitivity: int, delta: float) -> float:
    """What OpenDP says a release costs, rounded up."""
    dp = _opendp()
    one = _measurement(mechanism, scale, 1)
    if mechanism == "laplace":
        return float(_loss_of(one, sensitivity))
    try:
        return float(_loss_of(dp.c.make_zCDP_to_approxDP(one), float(sensitivity)).epsilon(delta))
    except dp.OpenDPException:  # too little noise for a finite answer
        return math.inf


def _loss_of(measurement: Any, sensitivity: float) -> Any:
    return measurement.map(sensitivity)


def _measurement(mechanism: Mechanism, scale: float, length: int) -> Measurement:
    dp = _opendp()
    domain = dp.vector_domain(dp.atom_domain(T="i64"), size=length)
    if mechanism == "laplace":
        made: Measurement = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)
    else:
        made = dp.m.make_gaussian(domain, dp.l2_distance(T="f64"), scale=scale)
    return made


def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise SettingsError(
            "a differentially private release needs OpenDP: install it with pip install 'mien[dp]'."
        ) from error
    dp.enable_features("contrib")
    return dp

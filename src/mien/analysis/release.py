"""A differentially private final report: a few figures over many sessions, and what they cost.

**Guarantee.** Two audiences are neighbours when they have the same number of sessions and differ in one of them,
whatever that one holds, nothing included (*change one*). The number N of sessions handed in is public; how many of them
count is not. What is released about two neighbours is ε-, or (ε, δ)-indistinguishable.

**Mechanism.** Session i adds to figure j the whole number q_ij, its clamped value on a scale of -Q_j … Q_j
(lower to upper bound), and C to a count; a session that does not count adds nothing. All sums and the count are one
vector, and the noise is added to it at once, so nothing has to be composed. Replacing one session moves the vector

* in L1 by at most 2·ΣQ_j where both count, and ΣQ_j + C where one does: with C = ΣQ_j, by 2·ΣQ_j in either case;
* in L2, squared, by at most 4·ΣQ_j² or ΣQ_j² + C²: with C² = 3·ΣQ_j², by 4·ΣQ_j².

So the count costs nothing. A figure's part of the budget is Q_j/ΣQ of ε, or Q_j²/ΣQ² of ρ. Means are sums over the
count, both noisy: what is computed of a release costs nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mien.analysis.contributions import Contributions, Figure
from mien.analysis.filters import LEAST_SLICE
from mien.analysis.noise import LARGEST_EPSILON, Mechanism, Noise, PrivacyLoss, calibrated
from mien.analysis.sessions import FloatArray
from mien.core.errors import InputError, PolicyError, SettingsError

UNITS: Final = 2**32
"""Whole units that all figures' half ranges have together: what is lost in rounding to one is lost in the noise."""
ALPHA: Final = 0.05
"""How often an interval over the noise may miss."""
DROWNED: Final = 2.0
"""A figure is withheld when, of the sessions that count, its error is more than this times the largest allowed."""
WIDEST: Final = 0.25
"""An error of more than this share of the bounds' distance is never allowed: the bounds alone tell nearly as much."""
_HALVINGS: Final = 30
"""Of the bounds, when an interval's end is looked for."""
TOO_FEW_COUNT: Final = "about {count:.0f} sessions count, fewer than {least}"
NOISE_TOO_LARGE: Final = "of about {count:.0f} sessions that count, noise of ±{error:.3g} would drown it"


@dataclass(frozen=True, slots=True)
class ReleaseOptions:
    """How a release is made.

    Attributes:
        loss: ε, and δ for Gaussian noise.
        mechanism: Laplace gives pure ε; Gaussian is better from about ten figures on.
        largest_error: of a figure, in its unit (95 %): a release that would be worse is refused; :data:`WIDEST` holds
            as well.
        min_sessions: the fewest that a release may be about.

    Raises:
        SettingsError: the error is not above 0, or the fewest sessions are below ``filters.LEAST_SLICE``.
    """

    loss: PrivacyLoss
    mechanism: Mechanism = "laplace"
    largest_error: float = 10.0
    min_sessions: int = LEAST_SLICE

    def __post_init__(self) -> None:
        if not self.largest_error > 0:
            raise SettingsError("the largest error of a figure lies above 0.")
        if self.min_sessions < LEAST_SLICE:
            raise SettingsError(f"a release is about {LEAST_SLICE} sessions or more; {self.min_sessions} are too few.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a release that can be known before it: nothing here depends on what was read.

    Attributes:
        options: what was asked for.
        sessions: N, public.
        figures: K of them.
        units: Q_j of each.
        count_units: C.
        noise: of the vector of K sums and the count.
        errors: of each figure if every session counts, in its unit: about what is exceeded in 5 of 100 releases, where
            the figure lies at its bounds; less between them.
        count_error: of the number of sessions that count: exceeded in 5 of 100 releases.
    """

    options: ReleaseOptions
    sessions: int
    figures: tuple[Figure, ...]
    units: tuple[int, ...]
    count_units: int
    noise: Noise
    errors: tuple[float, ...]
    count_error: float

    @property
    def budget_shares(self) -> tuple[float, ...]:
        """Each figure's part of ε (Laplace) or ρ (Gaussian), 0–1; they sum to 1."""
        parts = [u if self.noise.mechanism == "laplace" else u**2 for u in self.units]
        return tuple(part / sum(parts) for part in parts)

    @property
    def noise_scales(self) -> tuple[float, ...]:
        """Of the noise in each figure if every session counts, in its unit (Laplace's b, or the deviation)."""
        return tuple(
            f.range.half * self.noise.scale / (u * self.sessions) for f, u in zip(self.figures, self.units, strict=True)
        )

    def error_at(self, figure: int, count: float) -> float:
        """About the 95 % error of a figure over ``count`` sessions, in its unit, where it is worst: at its bounds."""
        half = self.figures[figure].range.half
        return half * self.reach(figure, 1.0) / count if count > 0 else math.inf

    def reach(self, figure: int, mean: float) -> float:
        """How far the noisy sum lies from ``mean`` times the noisy count with a chance of 5 %, in half ranges.

        Args:
            figure: which.
            mean: a supposed true mean, -1 (lower bound) … 1 (upper bound). Without noise the sum is the mean times the
                count, so what lies between them is the noise of the sum less ``mean`` times that of the count.
        """
        return self.noise.accuracy_together(1 / self.units[figure], mean / self.count_units, ALPHA)

    def limit(self, figure: int) -> float:
        """The largest error that is allowed of a figure, in its unit."""
        return min(self.options.largest_error, WIDEST * 2 * self.figures[figure].range.half)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A released number.

    Attributes:
        value: clipped to what is possible; None when withheld.
        low, high: hold the true value in 95 of 100 releases at least; None when withheld.
        withheld: why nothing is told, or None.
    """

    value: float | None
    low: float | None
    high: float | None
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """What was released.

    Attributes:
        plan: how.
        count: sessions that count; never withheld.
        figures: in the order of the plan's.
    """

    plan: Plan
    count: Estimate
    figures: tuple[Estimate, ...]


def plan(sessions: int, figures: Sequence[Figure], options: ReleaseOptions) -> Plan:
    """Calibrate a release, or refuse it.

    Args:
        sessions: how many are handed in; public.
        figures: one at least.
        options: how.

    Raises:
        PolicyError: there are fewer sessions than the smallest group.
        SettingsError: noise would drown a figure (the message says what would do), δ is too large for so many
            sessions, or OpenDP is missing.
    """
    if not figures:
        raise SettingsError("a release needs one figure at least.")
    if sessions < options.min_sessions:
        raise PolicyError(
            f"a release is about {options.min_sessions} sessions or more, and here are {sessions}: collect more."
        )
    if options.loss.delta * sessions > 0.01:
        raise SettingsError(
            f"a δ of {options.loss.delta:g} would allow giving away a session whole: with {sessions} sessions choose "
            f"{0.01 / sessions:.1g} or less."
        )
    made = _planned(sessions, figures, options)
    drowned = [k for k in range(len(figures)) if made.errors[k] > made.limit(k)]
    if drowned:
        raise SettingsError(_advice(made, drowned))
    return made


def release(made: Plan, parts: Contributions) -> Release:
    """Draw the noise and tell. Every call spends the plan's loss anew.

    Args:
        made: the plan.
        parts: of its sessions in its figures.

    Raises:
        InputError: the contributions are not of the plan's sessions and figures.
    """
    if parts.values.shape != (made.sessions, len(made.figures)) or parts.counted.shape != (made.sessions,):
        raise InputError("these contributions are not of the sessions and figures that were planned for.")
    return estimates(made, made.noise.add(exact_vector(made, parts)))


def estimates(made: Plan, noisy: Sequence[int]) -> Release:
    """What a noisy vector of K sums and the count says; nothing else goes into it."""
    count, most = noisy[-1] / made.count_units, float(made.sessions)
    low, value, high = (min(max(v, 0.0), most) for v in (count - made.count_error, count, count + made.count_error))
    figures = tuple(_estimate(made, k, noisy[k] / made.units[k], count) for k in range(len(made.figures)))
    return Release(made, Estimate(value, low, high), figures)


def exact_vector(made: Plan, parts: Contributions) -> tuple[int, ...]:
    """The K sums and the count before noise, in whole units. It never leaves the process."""
    units = np.array(made.units, np.float64)
    whole = np.rint(np.clip(parts.values, -1, 1) * units).astype(np.int64)
    whole[~parts.counted] = 0
    return (*(int(v) for v in whole.sum(axis=0)), int(parts.counted.sum()) * made.count_units)


def _estimate(made: Plan, figure: int, total: float, noisy: float) -> Estimate:
    """A figure from its noisy sum (half ranges) and the noisy count (sessions).

    The interval holds every mean y for which the noise, total - y·noisy, is not larger than 95 % of such noise is: it
    misses the true mean in 5 of 100 releases, however many sessions count (Fieller 1954, for this noise).
    """
    count = min(noisy, float(made.sessions))
    if count < made.options.min_sessions:
        return Estimate(None, None, None, TOO_FEW_COUNT.format(count=max(count, 0), least=made.options.min_sessions))
    error = made.error_at(figure, count)
    if error > DROWNED * made.limit(figure):
        return Estimate(None, None, None, NOISE_TOO_LARGE.format(count=count, error=error))
    low = _crossing(lambda y: total - y * noisy <= made.reach(figure, y))
    high = _crossing(lambda y: total - y * noisy <= -made.reach(figure, y))
    value = min(max(total / count, low), high)
    bounds = made.figures[figure].range
    return Estimate(
        value=bounds.centre + bounds.half * value,
        low=bounds.centre + bounds.half * low,
        high=bounds.centre + bounds.half * high,
    )


def _crossing(passed: Callable[[float], bool]) -> float:
    """Where between -1 and 1 something comes true; the end it never does before, or the one it never does."""
    if passed(-1.0):
        return -1.0
    before, after = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (before + after) / 2
        before, after = (before, middle) if passed(middle) else (middle, after)
    return after


def _planned(sessions: int, figures: Sequence[Figure], options: ReleaseOptions) -> Plan:
    weights: FloatArray = np.array([f.weight for f in figures], np.float64)
    shares = weights / weights.sum()
    if options.mechanism == "gaussian":
        shares = np.sqrt(shares)
    units = tuple(max(1, int(u)) for u in np.floor(UNITS * shares / shares.sum()))
    if options.mechanism == "laplace":
        count_units, sensitivity = sum(units), 2 * sum(units)
    else:
        squares = sum(u * u for u in units)
        count_units, sensitivity = math.isqrt(3 * squares), math.isqrt(4 * squares - 1) + 1
    made = Plan(
        options=options,
        sessions=sessions,
        figures=tuple(figures),
        units=units,
        count_units=count_units,
        noise=calibrated(options.mechanism, sensitivity, options.loss),
        errors=(),
        count_error=0.0,
    )
    return replace(
        made,
        errors=tuple(made.error_at(k, sessions) for k in range(len(figures))),
        count_error=made.noise.accuracy(0.05) / count_units,
    )


def _advice(made: Plan, drowned: Sequence[int]) -> str:
    """Why a release is refused, and what would do: more sessions, a larger ε, fewer figures."""
    worst = max(drowned, key=lambda k: made.errors[k] / made.limit(k))
    figure, error, options = made.figures[worst], made.errors[worst], made.options
    width = 2 * figure.range.half
    told = f"±{error:.3g}" if error < width else f"more than the {width:g} between its bounds"
    ways = [f"{_enough(lambda n: _fits(_at_count(made, n)), made.sessions)} sessions"]
    epsilon = _least_epsilon(made)
    if epsilon is not None:
        ways.append(f"an ε of {epsilon:g}")
    fewer = _most_figures(made)
    if fewer:
        ways.append(f"{fewer} figure{'s' if fewer > 1 else ''} instead of {len(made.figures)}")
    return (
        f"noise would drown {len(drowned)} of {len(made.figures)} figures: with {made.sessions} sessions and ε = "
        f"{options.loss.epsilon:g}, {figure.series} in '{figure.stretch.name}' would be off by {told} (95 %); "
        f"±{made.limit(worst):g} is allowed. What would do: {', or '.join(ways)}; narrower '--bounds', known "
        "beforehand, help as well."
    )


def _fits(made: Plan) -> bool:
    return all(error <= made.limit(k) for k, error in enumerate(made.errors))


def _at_count(made: Plan, sessions: int) -> Plan:
    """The plan with another number of sessions; the noise stays."""
    return replace(made, sessions=sessions, errors=tuple(made.error_at(k, sessions) for k in range(len(made.figures))))


def _enough(fits: Callable[[int], bool], too_few: int) -> int:
    """The least number that fits, given that ``too_few`` does not and larger ones do from some number on."""
    short, enough = too_few, max(1, too_few) * 2
    while not fits(enough):
        short, enough = enough, enough * 2
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if fits(middle) else (middle, enough)
    return enough


def _least_epsilon(made: Plan) -> float | None:
    """About the least ε that would do, in tenths; None where none below the largest would."""

    def fits(tenths: int) -> bool:
        loss = replace(made.options.loss, epsilon=tenths / 10)
        return _fits(_planned(made.sessions, made.figures, replace(made.options, loss=loss)))

    most = round(LARGEST_EPSILON * 10)
    if not fits(most):
        return None
    enough, short = most, math.floor(made.options.loss.epsilon * 10)
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if fits(middle) else (middle, enough)
    return enough / 10


def _most_figures(made: Plan) -> int:
    """How many of the figures, in order and of equal weight, would fit; 0 where not even one."""
    for number in range(len(made.figures) - 1, 0, -1):
        even = [replace(f, weight=1.0) for f in made.figures[:number]]
        if _fits(_planned(made.sessions, even, made.options)):
            return number
    return 0

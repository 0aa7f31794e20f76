"""A private release: no session moves it further than its noise hides, and it says how wrong it may be."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.contributions import Bounds, Contributions, Figure, Stretch, contributions
from mien.analysis.noise import Mechanism, PrivacyLoss
from mien.analysis.release import Estimate, Plan, ReleaseOptions, estimates, exact_vector, plan, release
from mien.core.errors import InputError, PolicyError, SettingsError
from tests.analysis.audiences import sessions

POINTS = Bounds(0, 100)
PURE = PrivacyLoss(1.0)
APPROXIMATE = PrivacyLoss(1.0, 1e-6)
SIGMAS = 5
FloatArray = npt.NDArray[np.float64]


def figures(number: int, bounds: Bounds = POINTS, **changes: float) -> list[Figure]:
    return [Figure("fear", Stretch(f"scene {k}", k * 10, k * 10 + 10), bounds, **changes) for k in range(number)]


def planned(
    number: int, count: int, *, epsilon: float = 1.0, mechanism: Mechanism = "laplace", allowed: float = 1e9
) -> Plan:
    """A plan for ``number`` sessions and ``count`` figures; bounds so wide apart that nothing is drowned."""
    loss = PrivacyLoss(epsilon, 1e-6 if mechanism == "gaussian" else 0.0)
    options = ReleaseOptions(loss, mechanism, largest_error=allowed)
    return plan(number, figures(count), options)


def parts(values: npt.ArrayLike, counted: npt.ArrayLike | None = None) -> Contributions:
    told = np.asarray(values, np.float64)
    told = told[:, None] if told.ndim == 1 else told
    return Contributions(told, np.ones(len(told), np.bool_) if counted is None else np.asarray(counted, np.bool_))


# What one session can do


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Plan, Contributions, Contributions]:
    mechanism: Mechanism = draw(st.sampled_from(["laplace", "gaussian"]))
    weights = draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=6))
    loss = PrivacyLoss(10.0, 1e-5 if mechanism == "gaussian" else 0.0)
    asked = [replace(f, weight=w) for f, w in zip(figures(len(weights)), weights, strict=True)]
    made = plan(500, asked[:1], ReleaseOptions(loss, mechanism, largest_error=1e9))
    try:
        made = plan(500, asked, ReleaseOptions(loss, mechanism, largest_error=1e9))
    except SettingsError:
        asked = asked[:1]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values, counted = rng.uniform(-1, 1, (500, len(asked))), rng.random(500) < 0.8
    row = st.lists(st.sampled_from([-1.0, -0.3, 0.0, 1.0]), min_size=len(asked), max_size=len(asked))
    before, after = (values.copy(), counted.copy()), (values.copy(), counted.copy())
    for told, counts in (before, after):
        told[7], counts[7] = draw(row), draw(st.booleans())
        told[~counts] = 0
    return made, Contributions(*before), Contributions(*after)


@settings(deadline=None, max_examples=150)
@given(neighbours())
def test_replacing_a_session_moves_the_vector_by_no_more_than_its_sensitivity(
    drawn: tuple[Plan, Contributions, Contributions],
) -> None:
    """In exact whole numbers: no rounding is forgiven."""
    made, before, after = drawn
    moved = [a - b for a, b in zip(exact_vector(made, before), exact_vector(made, after), strict=True)]
    if made.noise.mechanism == "laplace":
        assert sum(abs(m) for m in moved) <= made.noise.sensitivity
    else:
        assert sum(m * m for m in moved) <= made.noise.sensitivity**2


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_the_sensitivity_is_no_larger_than_it_has_to_be(mechanism: Mechanism) -> None:
    made = planned(500, 3, mechanism=mechanism)
    low, high = parts(np.full((500, 3), -1.0)), np.full((500, 3), -1.0)
    high[0] = 1
    moved = np.subtract(exact_vector(made, parts(high)), exact_vector(made, low)).astype(float)
    assert np.linalg.norm(moved, 1 if mechanism == "laplace" else 2) == pytest.approx(made.noise.sensitivity)


# An auditor who knows all sessions but one

DRAWS = 40_000


def largest_loss(noise_of: Plan, one: Contributions, other: Contributions, draws: int = DRAWS) -> float:
    """The largest log ratio of the chances of an event, less what chance alone may add to it.

    Events are half planes across the line from one exact vector to the other, the same along each axis, and corners:
    draws that lie beyond a cut in every entry that differs. Cuts are at 1 to 99 % of the draws.
    """
    exact = [np.array(exact_vector(noise_of, p), np.float64) for p in (one, other)]
    drawn = [_releases(noise_of, e, draws) for e in exact]
    differing = np.flatnonzero(exact[0] != exact[1])
    towards = np.sign(exact[1] - exact[0])[differing]
    lines = [[d @ axis for d in drawn] for axis in (exact[1] - exact[0], *np.eye(len(exact[0])))]
    corners = [[((d - exact[i])[:, differing] * towards).min(axis=1) for d in drawn] for i in (0, 1)]
    worst = -math.inf
    for a, b in (*lines, *corners):
        for cut in np.quantile(np.concatenate([a, b]), [0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99]):
            for p, q in ((np.mean(a > cut), np.mean(b > cut)), (np.mean(a < cut), np.mean(b < cut))):
                for chance, against in ((p, q), (q, p)):
                    if chance * draws < 200 or against * draws < 200:
                        continue
                    error = math.sqrt((1 - chance) / (chance * draws) + (1 - against) / (against * draws))
                    worst = max(worst, math.log(chance / against) - SIGMAS * error)
    return worst


def _releases(made: Plan, exact: FloatArray, draws: int) -> FloatArray:
    """draws × (K+1) noisy vectors: entries are drawn independently, so a long vector is many short ones."""
    whole = [int(v) for v in exact] * draws
    return np.array(made.noise.add(whole), np.float64).reshape(draws, len(exact))


EVERYBODY_LOW = np.full(12, -1.0)
TOP = np.array([1.0, *EVERYBODY_LOW[1:]])
UNREAD = (np.array([0.0, *EVERYBODY_LOW[1:]]), [False, *[True] * 11])


@pytest.mark.parametrize("other", [parts(TOP), parts(*UNREAD)], ids=["top", "unread"])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_no_event_tells_two_neighbours_apart_by_more_than_epsilon(other: Contributions, epsilon: float) -> None:
    made = replace(planned(2000, 1, epsilon=epsilon), sessions=12)
    # The less there is to see, the more draws it takes to see seven tenths of it for certain.
    found = largest_loss(made, parts(EVERYBODY_LOW), other, DRAWS if epsilon > 1 else 3 * DRAWS)
    assert found <= epsilon
    assert found > 0.7 * epsilon, "the auditor sees something: the noise is not larger than it has to be"


def test_the_auditor_finds_noise_that_is_too_small() -> None:
    made = planned(2000, 1, epsilon=2.0)
    broken = replace(made, sessions=12, noise=replace(made.noise, scale=made.noise.scale / 2))
    assert largest_loss(broken, parts(EVERYBODY_LOW), parts(TOP)) > 2.0


def test_the_auditor_finds_a_count_that_is_not_covered() -> None:
    """With a count of twice the weight, a session that is not read at all would show."""
    made = planned(2000, 1, epsilon=2.0)
    broken = replace(made, sessions=12, count_units=2 * made.count_units)
    assert largest_loss(broken, parts(EVERYBODY_LOW), parts(*UNREAD)) > 2.0


def test_gaussian_noise_tells_neighbours_apart_within_epsilon_where_delta_is_out_of_sight() -> None:
    made = replace(planned(2000, 1, mechanism="gaussian"), sessions=12)
    assert largest_loss(made, parts(EVERYBODY_LOW), parts(TOP)) <= 1.0


# Arithmetic of the budget


def test_ten_figures_share_epsilon_as_worked_out_by_hand() -> None:
    """Each of 10 figures has ε/10; a mean of 400 in 0–100 moves by 100/400, so b = 0.25 / 0.1 = 2.5 points.

    The count moves by 1 and is covered by the whole: in the same vector b is 2 of ε = 1 sessions.
    """
    made = planned(400, 10)
    assert made.budget_shares == pytest.approx([0.1] * 10)
    assert made.noise_scales == pytest.approx([2.5] * 10)
    assert made.noise.scale / made.count_units == pytest.approx(2)
    assert made.count_error == pytest.approx(2 * math.log(20), rel=1e-6)


def test_gaussian_figures_share_rho_as_worked_out_by_hand() -> None:
    """4 figures of 400 in 0–100: L2 sensitivity √4 · 0.25 = 0.5 points, and σ = 0.5 / √(2ρ)."""
    made = planned(400, 4, mechanism="gaussian")
    assert made.noise.rho is not None
    assert made.noise_scales == pytest.approx([0.5 / math.sqrt(2 * made.noise.rho)] * 4)
    assert made.budget_shares == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_weights_split_the_budget(mechanism: Mechanism) -> None:
    asked = [replace(f, weight=w) for f, w in zip(figures(2), (3.0, 1.0), strict=True)]
    loss = APPROXIMATE if mechanism == "gaussian" else PURE
    made = plan(500, asked, ReleaseOptions(loss, mechanism, largest_error=1e9))
    assert made.budget_shares == pytest.approx([0.75, 0.25])
    ratio = made.noise_scales[1] / made.noise_scales[0]
    assert ratio == pytest.approx(3 if mechanism == "laplace" else math.sqrt(3))


def test_the_error_of_one_figure_at_its_bounds_is_of_two_laplace_variables() -> None:
    """P(|Z| > t) = e^(-t/b)·(1 + t/2b) = 5 % at t = 4.113 b; b is 1 point of 100 sessions, ε = 1, half a range 50."""
    made = planned(100, 1)
    assert math.exp(-4.113) * (1 + 4.113 / 2) == pytest.approx(0.05, abs=2e-5)
    assert made.errors[0] == pytest.approx(4.113, abs=1e-3)


# What is told


def told_of(figure: Estimate) -> tuple[float, float, float]:
    assert figure.value is not None
    assert figure.low is not None
    assert figure.high is not None
    return figure.value, figure.low, figure.high


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_intervals_hold_the_truth_as_often_as_they_say(mechanism: Mechanism) -> None:
    """120 of 150 sessions count; the mean is 22 points; the interval misses in 5 of 100 releases."""
    rng = np.random.default_rng(3)
    counted = np.arange(150) < 120
    values = np.where(counted[:, None], rng.uniform(-0.96, -0.16, (150, 2)), 0)
    made = planned(150, 2, mechanism=mechanism)
    truth = 50 + 50 * values[counted].mean(axis=0)
    number, hits, counts = 250, 0, 0
    for _ in range(number):
        told = release(made, parts(values, counted))
        counts += (told.count.low or 0) <= 120 <= (told.count.high or 0)
        for figure, true in zip(told.figures, truth, strict=True):
            value, low, high = told_of(figure)
            assert low <= value <= high
            hits += low <= true <= high
    assert hits / (2 * number) == pytest.approx(0.95, abs=SIGMAS * math.sqrt(0.0475 / number))
    assert counts / number == pytest.approx(0.95, abs=SIGMAS * math.sqrt(0.0475 / number))


def test_without_noise_the_figures_are_the_means_of_the_sessions_that_count() -> None:
    made = planned(400, 2)
    rng = np.random.default_rng(1)
    values, counted = rng.uniform(-1, 1, (400, 2)), rng.random(400) < 0.7
    values[~counted] = 0
    told = estimates(made, exact_vector(made, parts(values, counted)))
    assert told.count.value == counted.sum()
    np.testing.assert_allclose(
        np.array([f.value for f in told.figures], np.float64), 50 + 50 * values[counted].mean(axis=0), atol=1e-6
    )


@pytest.mark.parametrize("noisy", [(10**13, 10**13, 400.0), (-(10**13), 0, 900.0)])
def test_figures_stay_within_what_is_possible(noisy: tuple[int, int, float]) -> None:
    made = planned(400, 2)
    told = estimates(made, (noisy[0], noisy[1], int(noisy[2] * made.count_units)))
    for figure in told.figures:
        value, low, high = told_of(figure)
        assert 0 <= low <= value <= high <= 100
    assert (told.count.high or 0) <= 400


def test_when_fewer_than_the_smallest_group_count_nothing_is_told_but_their_number() -> None:
    made = planned(400, 2)
    told = estimates(made, (0, 0, 9 * made.count_units))
    assert {f.value for f in told.figures} == {None}
    assert [f.withheld for f in told.figures] == ["about 9 sessions count, fewer than 10"] * 2
    assert told.count.value == 9


def test_a_figure_of_a_small_segment_is_withheld_when_noise_would_drown_it() -> None:
    made = planned(400, 2, allowed=10)
    told = estimates(made, (0, 0, 20 * made.count_units))
    assert all("would drown it" in (f.withheld or "") for f in told.figures)


def test_sessions_become_a_release() -> None:
    rng = np.random.default_rng(5)
    whole = sessions(rng, 300, 60, level=30)
    found = contributions([whole.select([k]) for k in range(300)], figures(3))
    told = release(plan(300, figures(3), ReleaseOptions(PrivacyLoss(5.0))), found)
    for figure in told.figures:
        assert figure.value == pytest.approx(30, abs=10)


def test_contributions_have_to_be_of_the_plan() -> None:
    with pytest.raises(InputError, match="not of the sessions"):
        release(planned(400, 2), parts(np.zeros((399, 2))))


# Refusals


def test_a_drowned_release_is_refused_with_what_would_do() -> None:
    """Each way out that the message names works, and a little less does not."""
    options = ReleaseOptions(PURE)
    with pytest.raises(SettingsError, match="noise would drown 10 of 10 figures") as refused:
        plan(200, figures(10), options)
    told = str(refused.value)
    assert "±15 (95 %)" in told
    enough = int(re.findall(r"(\d+) sessions, or", told)[0])
    epsilon = float(re.findall(r"an ε of ([\d.]+)", told)[0])
    fewer = int(re.findall(r"(\d+) figures instead of 10", told)[0])
    for number, count, loss in ((enough, 10, 1.0), (200, 10, epsilon), (200, fewer, 1.0)):
        plan(number, figures(count), replace(options, loss=PrivacyLoss(loss)))
    for number, count, loss in ((enough - 1, 10, 1.0), (200, 10, epsilon - 0.1), (200, fewer + 1, 1.0)):
        with pytest.raises(SettingsError, match="drown"):
            plan(number, figures(count), replace(options, loss=PrivacyLoss(loss)))


def test_a_way_out_that_does_not_exist_is_not_told() -> None:
    with pytest.raises(SettingsError) as refused:
        plan(12, figures(60), ReleaseOptions(PrivacyLoss(0.1)))
    assert "an ε of" not in str(refused.value)
    assert "instead of" not in str(refused.value)
    assert "more than the 100 between its bounds" in str(refused.value)


def test_narrow_bounds_make_less_noise_but_do_not_excuse_it() -> None:
    assert plan(200, figures(5, Bounds(0, 50)), ReleaseOptions(PURE)).errors[0] == pytest.approx(
        plan(200, figures(5), ReleaseOptions(PURE)).errors[0] / 2
    )
    with pytest.raises(SettingsError, match=r"±0\.25 is allowed"):
        plan(12, figures(1, Bounds(0, 1)), ReleaseOptions(PURE, largest_error=10))


def test_too_few_sessions_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(PolicyError, match="10 sessions or more, and here are 9"):
        plan(9, figures(1), ReleaseOptions(PrivacyLoss(10)))
    with pytest.raises(PolicyError, match="25 sessions or more"):
        plan(24, figures(1), ReleaseOptions(PURE, min_sessions=25))
    with pytest.raises(SettingsError, match="too few"):
        ReleaseOptions(PURE, min_sessions=9)


def test_a_delta_that_could_give_a_session_away_is_refused() -> None:
    with pytest.raises(SettingsError, match="2e-05 or less"):
        plan(500, figures(1), ReleaseOptions(PrivacyLoss(1.0, 1e-4), "gaussian"))


def test_a_refusal_depends_on_nothing_that_was_read() -> None:
    """``plan`` sees how many sessions there are and what was asked; it has no parameter for anything else."""
    assert plan.__code__.co_varnames[: plan.__code__.co_argcount] == ("sessions", "figures", "options")

"""Comparing versions: what is found is there, what is not there is not found, and nothing is ever called equal."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from mien.analysis.alignment import Offset, OffsetTable, align
from mien.analysis.compare import CompareOptions, Comparison, compare
from mien.analysis.sessions import SessionSet
from mien.core.errors import InputError, SettingsError
from tests.analysis.audiences import STEP, sessions

QUICK = CompareOptions(shuffles=499)
SIMULATED = 80 if os.environ.get("CI") == "true" else 200
"""Fewer where every change waits for them; a developer's own run looks closer."""


def within_binomial(found: int, of: int, rate: float) -> bool:
    """Whether a count is within 3.3 standard errors of its expectation (one in a thousand falls outside)."""
    return bool(abs(found / of - rate) <= 3.3 * np.sqrt(rate * (1 - rate) / of))


def pulse(steps: int, first: int, last: int, height: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    planted = np.zeros(steps)
    planted[first:last] = height
    return planted


def test_a_planted_scare_is_found_at_its_second_and_nothing_else_is() -> None:
    rng = np.random.default_rng(1)
    steps, planted = 1200, pulse(1200, 800, 810, 25)
    found = compare(sessions(rng, 15, steps), sessions(rng, 15, steps, version="B", planted=planted), "fear", rng)
    [finding] = found.findings
    assert 400 <= finding.start_seconds <= finding.peak_seconds < finding.end_seconds <= 405
    assert finding.point.family_low is not None
    assert finding.point.family_low > 0
    assert finding.point.effect is not None
    assert finding.point.effect > 2
    assert found.verdict.shown
    assert found.verdict.text.startswith("A difference in fear is shown once, strongest at 06:4")
    assert "B is 2" in found.verdict.text
    assert "points above A" in found.verdict.text
    assert found.discoveries >= 5


def test_a_difference_over_the_whole_is_found_though_no_moment_stands_out() -> None:
    rng = np.random.default_rng(2)
    found = compare(
        sessions(rng, 25, 2000, memory=0.2, wobble=12),
        sessions(
            rng,
            25,
            2000,
            memory=0.2,
            wobble=12,
            version="B",
            planted=-5,
        ),
        "fear",
        rng,
        QUICK,
    )
    assert found.overall.family_p is not None
    assert found.overall.family_p <= 0.05
    assert found.overall.difference == pytest.approx(-5, abs=3)
    assert "Over the whole, B is" in found.verdict.text
    assert "points below A" in found.verdict.text


def test_what_is_not_found_is_not_shown_and_never_called_equal() -> None:
    rng = np.random.default_rng(3)
    found = compare(sessions(rng, 12, 400), sessions(rng, 12, 400, version="B"), "fear", rng, QUICK)
    assert found.verdict.shown is False
    assert found.verdict.text.startswith("No difference shown in fear between A and B")
    assert "That does not mean there is none." in found.verdict.text
    assert found.detectable is not None
    assert (
        f"a true difference of {found.detectable:.1f} points would have been found in 80 of 100" in found.verdict.text
    )
    for word in ("equal", "same", "identical", "no effect"):
        assert word not in found.verdict.text.lower()


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 8), (8, 1)])
def test_with_one_session_of_a_version_nothing_is_inferred_and_the_reason_is_told(a: int, b: int) -> None:
    rng = np.random.default_rng(4)
    found = compare(sessions(rng, a, 50), sessions(rng, b, 50, version="B", planted=50), "fear", rng)
    assert found.verdict.shown is None
    assert found.verdict.withheld is not None
    assert "Sessions are what is resampled" in found.verdict.withheld
    assert found.verdict.text.startswith("Nothing is concluded about fear.")
    assert not np.isnan(found.curve.difference).any()
    for band in (found.curve.low, found.curve.family_low, found.curve.p, found.curve.family_p, found.curve.detectable):
        assert np.isnan(band).all()
    assert found.overall.family_p is None
    assert found.findings == ()


def test_with_too_few_sessions_for_any_shuffle_to_reach_the_level_nothing_is_inferred() -> None:
    rng = np.random.default_rng(5)
    found = compare(sessions(rng, 3, 50), sessions(rng, 3, 50, version="B", planted=90), "fear", rng)
    assert found.verdict.withheld is not None
    assert "the smallest p-value that shuffling 6 sessions can give is 0.1" in found.verdict.withheld
    four = compare(sessions(rng, 4, 50), sessions(rng, 4, 50, version="B", planted=90), "fear", rng)
    assert four.exhaustive
    assert four.shuffles == 69
    assert four.verdict.shown


def test_steps_below_the_smallest_group_are_not_told() -> None:
    rng = np.random.default_rng(6)
    a = sessions(rng, 12, 60, min_group=10)
    hidden = SessionSet.of(
        {"fear": np.where(np.arange(60) < 20, np.where(np.arange(12)[:, None] < 5, a.values("fear"), np.nan),
                          a.values("fear"))},
        step_seconds=STEP, version="B", min_group=10,
    )  # fmt: skip
    found = compare(a, hidden, "fear", rng, QUICK)
    assert found.min_group == 10
    assert found.steps_suppressed == 20
    assert np.isnan(found.curve.mean_a[:20]).all()
    assert np.isnan(found.curve.difference[:20]).all()
    assert (found.curve.sessions_a[:20] == 0).all()
    assert np.isfinite(found.curve.difference[20:]).all()


def test_a_session_that_missed_the_strong_scene_is_not_taken_for_calm() -> None:
    rng = np.random.default_rng(7)
    scene = pulse(600, 300, 400, 60)
    a = sessions(rng, 12, 600, planted=scene)
    late = np.array(sessions(rng, 12, 600, planted=scene).values("fear"))
    late[:, 300:400] = np.where(np.arange(12)[:, None] < 6, np.nan, late[:, 300:400])
    found = compare(a, SessionSet.of({"fear": late}, step_seconds=STEP, version="B"), "fear", rng, QUICK)
    assert abs(found.overall.difference or 0) < 3
    assert abs(np.nanmean(late) - np.nanmean(a.values("fear"))) > 3
    assert found.verdict.shown is False


def test_versions_with_an_inserted_scene_are_compared_where_they_share_scenes() -> None:
    rng = np.random.default_rng(8)
    a = sessions(rng, 12, 400, planted=pulse(400, 300, 310, 25))
    longer = np.concatenate([np.zeros(200), np.full(100, 60.0), pulse(200, 100, 110, 25)])
    b = sessions(rng, 12, 500, version="B", planted=longer)
    table = OffsetTable((Offset(0, 100, 0), Offset(150, 250, -50)))
    found = compare(a, align(b, table, a.base), "fear", rng, QUICK)
    assert found.verdict.shown is False
    with pytest.raises(InputError, match="align them first"):
        compare(a, b, "fear", rng)


def test_clusters_find_a_long_faint_difference_that_single_steps_hide() -> None:
    rng = np.random.default_rng(9)
    planted = pulse(1200, 400, 600, 4.5)
    a = sessions(rng, 20, 1200, between=0.5, memory=0.1)
    b = sessions(rng, 20, 1200, between=0.5, memory=0.1, version="B", planted=planted)
    found = compare(a, b, "fear", np.random.default_rng(0), CompareOptions(shuffles=499, control="cluster"))
    assert found.findings
    assert all(f.start_seconds >= 195 and f.end_seconds <= 305 for f in found.findings)


def test_more_comparisons_are_tested_more_strictly() -> None:
    rng = np.random.default_rng(10)
    a, b = (sessions(rng, 10, 80, version=name) for name in "AB")
    found = compare(a, b, "fear", rng, replace(QUICK, family=2))
    assert "level 0.025" in found.verdict.text
    with pytest.raises(SettingsError):
        CompareOptions(level=1.5)


def test_the_same_seed_gives_the_same_comparison() -> None:
    rng = np.random.default_rng(11)
    a, b = sessions(rng, 8, 60), sessions(rng, 8, 60, version="B")
    one, two = (compare(a, b, "fear", np.random.default_rng(1), QUICK) for _ in range(2))
    np.testing.assert_array_equal(one.curve.family_p, two.curve.family_p)


# Simulations: rates hold at their level.


def simulated(rng: np.random.Generator, options: CompareOptions, **how: object) -> Comparison:
    told: dict[str, object] = {"count": 12, "steps": 150, "skewed": True, **how}
    planted = told.pop("planted", 0.0)
    scatter = told.pop("scatter_b", 1.0)
    a = sessions(rng, **told)  # type: ignore[arg-type]
    told["wobble"] = 6.0 * float(scatter)  # type: ignore[arg-type]
    b = sessions(rng, version="B", planted=planted, **told)  # type: ignore[arg-type]
    return compare(a, b, "fear", rng, options)


@pytest.mark.slow
@pytest.mark.parametrize("control", ["max_t", "cluster"])
@pytest.mark.parametrize("unread", [0.0, 0.2])
def test_with_no_difference_one_comparison_in_twenty_finds_any(control: str, unread: float) -> None:
    rng = np.random.default_rng(100)
    options = CompareOptions(shuffles=199, control=control)  # type: ignore[arg-type]
    found = [simulated(rng, options, unread=unread) for _ in range(SIMULATED)]
    assert within_binomial(sum(bool(c.findings) for c in found), SIMULATED, 0.05)


@pytest.mark.slow
def test_the_verdict_as_a_whole_holds_its_level() -> None:
    """Moments and the mean over the whole are one family: a verdict has one chance in twenty to be a false alarm."""
    rng = np.random.default_rng(101)
    found = [simulated(rng, CompareOptions(shuffles=199)) for _ in range(SIMULATED)]
    assert within_binomial(sum(bool(c.verdict.shown) for c in found), SIMULATED, 0.05)


@pytest.mark.slow
def test_false_discoveries_stay_at_their_rate_with_and_without_true_ones() -> None:
    rng = np.random.default_rng(102)
    steps = np.arange(150)
    for planted in (np.zeros(150), pulse(150, 60, 80, 12)):
        shares = []
        for _ in range(SIMULATED):
            q = simulated(rng, CompareOptions(shuffles=199), planted=planted, skewed=False).curve.q
            chosen = q <= 0.05
            shares.append((chosen & (planted[steps] == 0)).sum() / max(chosen.sum(), 1))
        assert np.mean(shares) <= 0.05 + 3.3 * np.std(shares) / np.sqrt(SIMULATED)


@pytest.mark.slow
def test_groups_that_scatter_differently_are_not_taken_to_differ() -> None:
    rng = np.random.default_rng(103)
    found = [
        simulated(rng, CompareOptions(shuffles=199), skewed=False, scatter_b=2.0, between=0.0) for _ in range(SIMULATED)
    ]
    assert sum(bool(c.verdict.shown) for c in found) / SIMULATED <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / SIMULATED)


@pytest.mark.slow
def test_the_stated_power_is_the_power() -> None:
    """A difference of the size that is told to be found in 80 of 100 comparisons is found in about 80 of 100."""
    rng = np.random.default_rng(104)
    options, at = CompareOptions(shuffles=399), 75
    pilot = [simulated(rng, options, skewed=False, count=20) for _ in range(40)]
    size = float(np.mean([c.curve.detectable[at] for c in pilot]))
    found = [
        simulated(rng, options, skewed=False, count=20, planted=pulse(150, at, at + 1, size)) for _ in range(SIMULATED)
    ]
    assert within_binomial(sum(c.curve.family_p[at] <= 0.05 for c in found), SIMULATED, 0.8)


@pytest.mark.slow
def test_the_simultaneous_band_holds_the_whole_truth_as_often_as_told() -> None:
    rng = np.random.default_rng(105)
    planted = pulse(150, 60, 80, 12)
    found = [simulated(rng, CompareOptions(shuffles=399), skewed=False, planted=planted) for _ in range(SIMULATED)]
    held = sum(((c.curve.family_low <= planted) & (planted <= c.curve.family_high)).all() for c in found)
    assert held / SIMULATED >= 0.95 - 3.3 * np.sqrt(0.05 * 0.95 / SIMULATED)
    pointwise = np.mean([((c.curve.low <= planted) & (planted <= c.curve.high)).mean() for c in found])
    assert pointwise == pytest.approx(0.95, abs=0.02)

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.moments import PeakOptions, find_peaks, usual_level
from mien.core.audience import AudienceSnapshot
from mien.core.findings import MomentKind
from tests.report.factory import (
    STEP,
    bump,
    empty_step,
    gap_step,
    hall,
    percents,
    read_step,
    steps_of,
    suppressed_step,
)

OPTIONS = PeakOptions()
LEVELS = st.lists(st.floats(0, 100), min_size=1, max_size=80)


def happy(levels: list[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[AudienceSnapshot]:
    return steps_of([percents(happiness=float(v)) for v in levels])


def level_at(snapshots: list[AudienceSnapshot], seconds: float) -> float:
    step = next(s for s in snapshots if s.media_time == seconds)
    assert step.emotions is not None
    return step.emotions.happiness


def test_a_smile_is_one_moment_from_half_its_rise_to_half_its_rise() -> None:
    at = np.arange(0, 60, STEP)
    [moment] = find_peaks(happy(5 + 60 * bump(at, 30, 6)))
    assert (moment.kind, moment.subject) == (MomentKind.PEAK, "happiness")
    assert moment.peak == 30.0
    assert moment.value == pytest.approx(65)
    assert moment.rise == pytest.approx(60, abs=0.1)
    assert moment.start == pytest.approx(27, abs=STEP)
    assert moment.end == pytest.approx(33.5, abs=STEP)


def test_a_smile_that_lasts_most_of_the_session_still_rose() -> None:
    [moment] = find_peaks(happy([2.0] * 10 + [95.0] * 30))
    assert (moment.start, moment.end) == (5.0, 20.0)
    assert moment.rise == pytest.approx(46.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_usual_level_is_among_the_values_and_never_above_their_median(levels: list[float]) -> None:
    usual = usual_level(np.array(levels))
    assert min(levels) - 1e-9 <= usual <= np.median(levels) + 1e-9


def test_a_flat_timeline_has_no_moment() -> None:
    assert find_peaks(happy([40.0] * 7200)) == ()


def test_noise_below_the_least_rise_is_no_moment() -> None:
    noise = np.random.default_rng(0).normal(0, 2, 1000)
    assert find_peaks(happy(np.clip(30 + noise, 0, 100))) == ()


def test_neutral_is_never_a_moment() -> None:
    at = np.arange(0, 60, STEP)
    assert find_peaks(steps_of([percents(happiness=50 - 45 * v) for v in bump(at, 30, 4)])) == ()


def test_a_noisy_slope_is_one_moment_not_many() -> None:
    at = np.arange(0, 120, STEP)
    slope = 70 * bump(at, 60, 40) + np.random.default_rng(1).normal(0, 3, len(at))
    assert len(find_peaks(happy(np.clip(slope, 0, 100)))) == 1


def test_two_smiles_are_two_moments_strongest_first() -> None:
    at = np.arange(0, 60, STEP)
    moments = find_peaks(happy(2 + 50 * bump(at, 15, 4) + 70 * bump(at, 40, 4)))
    assert [m.peak for m in moments] == [40.0, 15.0]


def test_close_peaks_keep_only_the_stronger_one() -> None:
    levels = [0.0] * 20 + [60, 0, 80] + [0.0] * 20
    assert [m.value for m in find_peaks(happy(levels))] == [80]
    assert len(find_peaks(happy(levels), options=PeakOptions(min_separation_seconds=0.5))) == 2


def test_steps_without_figures_are_no_evidence_and_are_not_bridged() -> None:
    level = percents(happiness=60)
    low = percents(happiness=1)
    untold = [suppressed_step(11.0 + i * STEP) if i % 2 else gap_step(11.0 + i * STEP) for i in range(10)]
    snapshots = [read_step(i * STEP, low) for i in range(20)]
    snapshots += [read_step(10.0, level), read_step(10.5, level), *untold, read_step(16.0, level)]
    snapshots += [read_step(16.5 + i * STEP, low) for i in range(20)]
    assert [(m.start, m.end) for m in find_peaks(snapshots)] == [(10.0, 11.0), (16.0, 16.5)]


def test_one_unread_step_inside_a_smile_does_not_cut_it() -> None:
    snapshots = happy([0.0] * 20 + [50, 60, 60, 50] + [0.0] * 20)
    snapshots[22] = empty_step(snapshots[22].media_time)
    [moment] = find_peaks(snapshots)
    assert (moment.start, moment.end) == (10.0, 12.0)


def test_a_step_of_little_coverage_is_left_out() -> None:
    snapshots = happy([0.0] * 20 + [90] + [0.0] * 20)
    snapshots[20] = read_step(10.0, percents(happiness=90), coverage=0.1)
    assert find_peaks(snapshots) == ()


def test_a_session_of_low_coverage_throughout_still_has_moments() -> None:
    snapshots = [
        read_step(s.media_time, s.emotions, coverage=0.15, present=40, readable=6)
        for s in happy([0.0] * 20 + [90] + [0.0] * 20)
    ]
    [moment] = find_peaks(snapshots)
    assert (moment.coverage, moment.readable) == (0.15, 6)


def test_with_a_step_a_frame_one_odd_frame_is_no_moment() -> None:
    at = np.arange(0, 20, 1 / 30)
    levels = np.where(np.arange(len(at)) == 300, 90.0, 2.0)
    frames = [
        read_step(float(t), percents(happiness=float(v)), duration_seconds=0.0, frames=1)
        for t, v in zip(at, levels, strict=True)
    ]
    assert find_peaks(frames) == ()
    smile = 2 + 80 * bump(at, 10, 2)
    frames = [
        read_step(float(t), percents(happiness=float(v)), duration_seconds=0.0, frames=1)
        for t, v in zip(at, smile, strict=True)
    ]
    [moment] = find_peaks(frames)
    assert moment.peak == pytest.approx(10, abs=0.1)


def test_a_hall_tells_its_scares_with_intervals_over_people() -> None:
    fears = [m for m in find_peaks(hall().timeline.snapshots) if m.subject == "fear"]
    assert [round(m.peak) for m in fears] == [262, 92, 170]
    assert all(m.low is not None and m.high is not None and m.low < m.value < m.high for m in fears)
    assert all(m.readable > 20 for m in fears)


def test_no_more_than_the_limit_is_told() -> None:
    levels = np.tile([0.0] * 9 + [50.0], 40)
    assert len(find_peaks(happy(levels))) == 12
    assert len(find_peaks(happy(levels), limit=3)) == 3
    assert find_peaks(happy(levels), limit=0) == ()
    assert find_peaks([]) == ()


@given(LEVELS)
@settings(deadline=None)
def test_every_moment_is_what_the_timeline_says(levels: list[float]) -> None:
    snapshots = happy(levels)
    usual = usual_level(np.array(levels))
    moments = find_peaks(snapshots)
    assert list(moments) == sorted(moments, key=lambda m: -m.rise)
    for moment in moments:
        assert moment.start <= moment.peak <= moment.end
        assert moment.value == level_at(snapshots, moment.peak)
        assert moment.rise == pytest.approx(moment.value - usual)
        assert moment.rise >= OPTIONS.min_rise
        inside = [s for s in snapshots if moment.start <= s.media_time < moment.end]
        assert max(level_at(snapshots, s.media_time) for s in inside) == moment.value
        assert all(level_at(snapshots, s.media_time) - usual >= moment.rise / 2 - 1e-9 for s in inside)
    peaks = sorted(m.peak for m in moments)
    assert all(b - a >= OPTIONS.min_separation_seconds for a, b in itertools.pairwise(peaks))
    stretches = sorted((m.start, m.end) for m in moments)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(stretches))


@given(LEVELS)
@settings(deadline=None)
def test_the_strongest_rise_of_all_is_always_told(levels: list[float]) -> None:
    rise = max(levels) - usual_level(np.array(levels))
    moments = find_peaks(happy(levels))
    if rise >= OPTIONS.min_rise:
        assert moments[0].rise == pytest.approx(rise)
    else:
        assert moments == ()


@given(LEVELS, st.integers(1, 7200))
@settings(deadline=None)
def test_later_in_the_media_the_moments_are_the_same_but_later(levels: list[float], shift: int) -> None:
    snapshots = happy(levels)
    later = [s.model_copy(update={"media_time": s.media_time + shift}) for s in snapshots]
    assert [(m.start + shift, m.peak + shift, m.end + shift, m.value) for m in find_peaks(snapshots)] == [
        (m.start, m.peak, m.end, m.value) for m in find_peaks(later)
    ]

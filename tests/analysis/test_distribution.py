from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.distribution import canonical_levels, reach, unread_totals, view_levels
from mien.analysis.series import Series, StepState, state_of
from mien.core.audience import UnreadCounts
from mien.core.labels import EMOTIONS
from tests.report.factory import (
    STEP,
    empty_step,
    gap_step,
    hall,
    one_person,
    percents,
    read_step,
    steps_of,
    suppressed_step,
    view_of,
)


def mean_of(series: Series, emotion: str) -> float:
    return canonical_levels(series)[EMOTIONS.index(emotion)].mean


def test_each_state_is_told_from_the_snapshot_alone() -> None:
    turned = empty_step(0.0, present=0, unread=UnreadCounts(turned_away=1))
    assert state_of(read_step(0.0, percents())) is StepState.READ
    assert state_of(turned) is StepState.UNREAD
    assert state_of(empty_step(0.0)) is StepState.NO_FACE
    assert state_of(gap_step(0.0)) is StepState.GAP
    assert state_of(suppressed_step(0.0)) is StepState.SUPPRESSED


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.integers(1, 6))
def test_with_one_face_the_mean_is_over_frames_whatever_the_step(levels: list[float], each: int) -> None:
    frames = [read_step(i / 30, percents(happiness=v), duration_seconds=0.0, frames=1) for i, v in enumerate(levels)]
    steps = []
    for first in range(0, len(levels), each):
        part = levels[first : first + each]
        steps.append(read_step(first / 30, percents(happiness=float(np.mean(part))), frames=len(part)))
    assert mean_of(Series.of(frames), "happiness") == pytest.approx(np.mean(levels), abs=1e-6)
    assert mean_of(Series.of(steps), "happiness") == pytest.approx(np.mean(levels), abs=1e-6)


def test_what_was_not_read_does_not_weigh_in() -> None:
    told = [read_step(0.0, percents(happiness=80)), empty_step(0.5), gap_step(1.0), suppressed_step(1.5)]
    assert mean_of(Series.of(told), "happiness") == pytest.approx(80)


def test_a_step_weighs_as_much_as_was_read_in_it() -> None:
    told = [read_step(0.0, percents(happiness=90), coverage=0.1), read_step(0.5, percents(happiness=10), coverage=0.9)]
    assert mean_of(Series.of(told), "happiness") == pytest.approx(18)


def test_means_add_up_to_a_whole_and_know_their_highest_step() -> None:
    series = Series.of(one_person().timeline.snapshots)
    levels = canonical_levels(series)
    assert sum(level.mean for level in levels) == pytest.approx(100)
    assert sum(level.leading_share for level in levels) == pytest.approx(1)
    happiness = levels[EMOTIONS.index("happiness")]
    step = next(s for s in one_person().timeline.snapshots if s.media_time == happiness.highest_at)
    assert step.emotions is not None
    assert step.emotions.happiness == happiness.highest


def test_the_view_is_averaged_from_the_session_s_own_labels() -> None:
    emotions = [percents(fear=60, contempt=20), percents(happiness=50)]
    told = [
        s.model_copy(update={"view": view_of(e, "cinema7")}) for s, e in zip(steps_of(emotions), emotions, strict=True)
    ]
    levels = {level.label: level.mean for level in view_levels(Series.of(told))}
    assert levels["fear"] == pytest.approx(30)
    assert levels["disgust"] == pytest.approx(10)
    assert view_levels(Series.of(steps_of(emotions))) == ()


def test_reach_counts_every_step_once() -> None:
    extent = reach(Series.of(hall().timeline.snapshots))
    assert extent.steps == 720
    assert extent.steps_suppressed == 24
    assert extent.steps_gap == 10
    assert extent.steps_read == 720 - 24 - 10
    assert extent.frames == extent.steps_read * 15
    assert extent.present_most == extent.present_median == 40


def test_coverage_counts_a_frame_without_a_face_as_nothing() -> None:
    extent = reach(Series.of([read_step(0.0, percents()), empty_step(STEP)]))
    assert extent.coverage == pytest.approx(0.5)
    assert extent.coverage_while_read == pytest.approx(1)
    assert extent.share_with_face == pytest.approx(0.5)


def test_without_frames_nothing_is_claimed() -> None:
    for told in ([], [gap_step(0.0)], [suppressed_step(0.0)]):
        series = Series.of(told)
        assert reach(series).coverage is None
        assert canonical_levels(series) == ()


def test_unread_sightings_add_up() -> None:
    told = [empty_step(0.0, unread=UnreadCounts(blurred=3)), read_step(0.5, percents(), unread=UnreadCounts(blurred=4))]
    assert unread_totals(Series.of([*told, suppressed_step(1.0)]))["blurred"] == 7


def test_one_person_followed_as_two_tracks_has_no_interval() -> None:
    step = hall().timeline.snapshots[0]
    assert np.isfinite(Series.of([step]).low).all()
    assert np.isnan(Series.of([step.model_copy(update={"present": 1, "readable": 1})]).low).all()

"""What leaves the process is whole, finite and keeps what it was told (version 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mien.core.audience import (
    SCHEMA_VERSION,
    AudienceSnapshot,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    Interval,
    LabelView,
    SnapshotLog,
    UnreadCounts,
)
from mien.core.labels import CINEMA7, EMOTIONS

percents = st.floats(0, 100)


def snapshot(**changes: Any) -> AudienceSnapshot:
    """Two people read for half a second."""
    told: dict[str, Any] = {
        "session_id": "s-1",
        "media_time": 1.5,
        "duration_seconds": 0.5,
        "suppressed": False,
        "frames": 15,
        "present": 3,
        "readable": 2,
        "tracks": 2,
        "coverage": 2 / 3,
        "unread": UnreadCounts(too_small=15),
        "emotions": EmotionPercents.of([12.5] * 8),
        "covariance": (0.25,) * 36,
        "shares": EmotionShares(**dict.fromkeys(EMOTIONS, (0.5, 0.0, 0.0))),
        "facing_share": 1.0,
        "synchrony": -0.25,
        "intervals": EmotionIntervals.of(np.zeros(8), np.full(8, 100 / 3)),
        "view": LabelView(label_set="cinema7", percents=dict.fromkeys(CINEMA7.labels, 100 / 7)),
        "model": "ab" * 32,
    }
    return AudienceSnapshot(**{**told, **changes})


def test_version_one_says_so() -> None:
    assert SCHEMA_VERSION == 1
    assert snapshot().model_dump(mode="json")["schema_version"] == 1
    with pytest.raises(ValidationError):
        snapshot(schema_version=2)


def test_it_comes_back_from_json_as_it_went() -> None:
    assert AudienceSnapshot.model_validate_json(snapshot().model_dump_json()) == snapshot()


def test_its_end_is_its_start_and_its_length() -> None:
    assert snapshot().end_time == 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["media_time", "duration_seconds", "coverage", "facing_share", "synchrony"])
def test_no_figure_is_infinite_or_undefined(name: str, value: float) -> None:
    with pytest.raises(ValidationError):
        snapshot(**{name: value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 100.1, -0.1])
def test_no_figure_inside_a_part_is_either_nor_mended(value: float) -> None:
    with pytest.raises(ValidationError):
        EmotionPercents.of([value, *[0.0] * 7])
    with pytest.raises(ValidationError):
        Interval(low=0.0, high=value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_covariance_is_either(value: float) -> None:
    with pytest.raises(ValidationError):
        snapshot(covariance=(value,) * 36)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("media_time", -0.1),
        ("coverage", 1.1),
        ("synchrony", -1.1),
        ("readable", -1),
        ("covariance", (0.0,) * 35),
        ("model", "abc"),
        ("session_id", ""),
        ("session_id", "anna@example.org"),
        ("zone", "row 4"),
    ],
)
def test_what_is_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        snapshot(**{name: value})


@pytest.mark.parametrize("name", ["readable", "present", "coverage", "emotions", "frames", "tracks", "model", "view"])
def test_below_the_minimum_group_it_holds_time_and_nothing_else(name: str) -> None:
    told = {name: getattr(snapshot(), name)}
    with pytest.raises(ValidationError, match=f"a suppressed snapshot holds time only, but has {name}"):
        AudienceSnapshot(session_id="s", media_time=0, duration_seconds=0.5, suppressed=True, **told)


def test_a_suppressed_snapshot_may_say_that_it_is_a_demo() -> None:
    told = AudienceSnapshot(session_id="s", media_time=0, duration_seconds=0.5, suppressed=True, demo=True)
    assert told.emotions is None


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        snapshot().suppressed = True  # type: ignore[misc]


@given(values=st.lists(percents, min_size=8, max_size=8))
def test_percents_keep_their_order(values: list[float]) -> None:
    assert EmotionPercents.of(values).values() == tuple(values)


def test_percents_are_clipped_against_rounding() -> None:
    assert EmotionPercents.of([100.00001, -0.00001, *[0.0] * 6]).values()[:2] == (100.0, 0.0)


class TestSnapshotLog:
    @given(times=st.lists(st.floats(0, 1e6), max_size=6))
    def test_gives_back_exactly_what_it_was_given(self, times: list[float]) -> None:
        told = [snapshot(media_time=time) for time in times]
        assert list(SnapshotLog(told)) == told

    def test_is_a_sequence(self) -> None:
        log = SnapshotLog(snapshot(media_time=float(t)) for t in range(5))
        assert len(log) == 5
        assert log[-1].media_time == 4.0
        assert [s.media_time for s in log[1:3]] == [1.0, 2.0]
        with pytest.raises(IndexError):
            log[5]

    def test_keeps_suppressed_steps_and_gaps(self) -> None:
        bare: dict[str, Any] = {"session_id": "s", "media_time": 0.0, "duration_seconds": 0.5}
        told = [AudienceSnapshot(**bare, suppressed=True), AudienceSnapshot(**bare, suppressed=False, frames=0)]
        assert list(SnapshotLog(told)) == told

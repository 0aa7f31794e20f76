"""Where the screen is, from what faces that look at it have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.calibration import Calibration, weighted_median
from mien.core.errors import InputError
from mien.core.faces import FaceReading, FrameReading, UnreadReason
from mien.core.settings import CameraSettings
from mien.headposes.five_points import FivePoints


class Dense(FivePoints):
    name = "dense"
    measures_pitch = True


def face(
    track: int, yaw: float, pitch: float = 0.0, unread: UnreadReason | None = None, *, known: bool = False
) -> FaceReading:
    return FaceReading(
        track, np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0, 1.0, yaw, pitch, 0.0,
        unread, None, None, None, known,
    )  # fmt: skip


def frame(*faces: FaceReading) -> FrameReading:
    return FrameReading(0, 0.0, faces, 0.0, 0.0)


def told(frames: list[FrameReading], calibration: Calibration | None = None) -> CameraSettings:
    calibration = calibration or Calibration(FivePoints(), 1)
    for reading in frames:
        calibration.add(reading)
    return calibration.result()


def test_it_is_the_direction_most_faces_share() -> None:
    looking = [face(k, 20.0 + (k - 4) * 0.5) for k in range(9)]
    found = told([frame(*looking, face(9, -50.0), face(10, -40.0))] * 10)
    assert found.screen_yaw_degrees == pytest.approx(20.0, abs=1)
    assert found.yaw_spread_degrees is not None
    assert found.yaw_spread_degrees < 5
    assert found.faces == 11
    assert found.head_pose == "five_points"


def test_a_person_who_looks_away_for_a_moment_still_looks_at_the_screen() -> None:
    still = [frame(*(face(k, 10.0) for k in range(6)))] * 8
    away = [frame(*(face(k, -45.0) for k in range(6)))] * 2
    assert told(still + away).screen_yaw_degrees == 10.0


def test_a_person_lost_and_found_again_counts_no_more_than_another() -> None:
    """Track 0 is one person throughout; so are tracks 1 to 6 in turn, at one frame each."""
    others = [face(k, 30.0) for k in range(10, 14)]
    found = told([frame(face(0, 30.0), face(1 + k, -10.0), *others) for k in range(6)])
    assert found.screen_yaw_degrees == 30.0


@pytest.mark.parametrize(("group", "people"), [(1, 4), (5, 4), (8, 7)])
def test_fewer_people_than_the_minimum_group_are_not_told_of(group: int, people: int) -> None:
    with pytest.raises(InputError) as refused:
        told([frame(*(face(k, 20.0) for k in range(people)))] * 10, Calibration(FivePoints(), group))
    assert "20" not in str(refused.value)
    assert str(people) not in str(refused.value)


def test_nothing_at_all_is_no_direction() -> None:
    with pytest.raises(InputError):
        told([])


def test_faces_that_are_not_read_say_nothing() -> None:
    seen = [face(k, 15.0) for k in range(5)] + [face(k, -60.0, unread=UnreadReason.BLURRED) for k in range(5, 20)]
    found = told([frame(*seen)])
    assert (found.screen_yaw_degrees, found.faces) == (15.0, 5)


def test_pitch_is_told_only_where_it_is_measured() -> None:
    known = [frame(*(face(k, 5.0, 12.0, known=True) for k in range(6)))]
    assert told(known).screen_pitch_degrees is None
    assert told(known, Calibration(Dense(), 1)).screen_pitch_degrees == 12.0
    with pytest.raises(InputError):
        told([frame(*(face(k, 5.0, 12.0) for k in range(6)))], Calibration(Dense(), 1))


@given(st.lists(st.tuples(st.floats(-60, 60), st.integers(1, 5)), min_size=1, max_size=30))
def test_a_weight_is_as_good_as_a_repetition(pairs: list[tuple[float, int]]) -> None:
    values, weights = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    repeated = np.sort(np.repeat(values, [p[1] for p in pairs]))
    assert weighted_median(values, weights) == repeated[(len(repeated) - 1) // 2]


@given(st.lists(st.floats(-60, 60), min_size=5, max_size=30), st.floats(-20, 20))
def test_turning_the_camera_turns_the_direction(yaws: list[float], by: float) -> None:
    one = told([frame(*(face(k, yaw) for k, yaw in enumerate(yaws)))])
    other = told([frame(*(face(k, yaw * 0.5 + by) for k, yaw in enumerate(yaws)))])
    assert other.screen_yaw_degrees == pytest.approx(one.screen_yaw_degrees * 0.5 + by, abs=0.11)

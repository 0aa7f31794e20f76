"""Batches: whatever is ready, and no more than the latency that is aimed at allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.faces import Frame, FrameReading
from mien.core.status import Status
from mien.runtime.live.batching import CALL_SHARE, Batching, frames_within
from mien.runtime.live.engine import Engine
from mien.runtime.live.pace import Cadence, PaceOptions
from tests.runtime.live.parts import even_networks, film, hasty, pipeline


def test_while_nothing_is_known_everything_that_is_ready_is_asked_about() -> None:
    batching = Batching(0.1)
    assert batching.most_faces is None
    assert frames_within(None, 50, at_least=True) is None
    batching.tell(0, 3.0)
    assert batching.most_faces is None


def test_half_the_latency_may_pass_in_a_call() -> None:
    batching = Batching(0.1)
    batching.tell(20, 10.0)
    assert batching.most_faces == 100
    assert frames_within(100, 50, at_least=True) == 2
    assert frames_within(100, 0, at_least=True) == 100
    assert [frames_within(room, 50, at_least=False) for room in (49, 0, -20)] == [0, 0, 0]
    assert frames_within(49, 50, at_least=True) == 1, "a frame is never taken apart"


@given(
    st.floats(0.001, 2.0),
    st.lists(st.tuples(st.integers(1, 300), st.floats(0.01, 500.0)), min_size=1, max_size=40),
    st.lists(st.integers(0, 500), min_size=1, max_size=6),
)
def test_a_call_stays_within_its_share_over_all_cameras(
    latency: float, calls: list[tuple[int, float]], cameras: list[int]
) -> None:
    batching = Batching(latency)
    for count, milliseconds in calls:
        batching.tell(count, milliseconds)
    each = [milliseconds / count for count, milliseconds in calls]
    most = batching.most_faces
    assert most is not None
    # What a face takes is a mean of what was seen.
    assert most == 1 or most * min(each) <= 1e3 * CALL_SHARE * latency * (1 + 1e-9)
    room, asked = most, list[int]()
    for faces in cameras:
        frames = frames_within(room, faces, at_least=not asked)
        assert frames is not None
        if frames:
            asked.append(frames * faces)
            room -= frames * faces
    assert asked, "a frame is read whatever it holds"
    assert len(asked) == 1 or sum(asked) <= most


@pytest.mark.parametrize("latency_seconds", [1e-6, 10.0])
def test_however_tight_the_latency_every_frame_is_read_in_order(latency_seconds: float) -> None:
    indices: dict[int, list[int]] = {0: [], 1: [], 2: []}
    statuses: list[Status] = []

    def keep(camera: int, frame: Frame, reading: FrameReading) -> None:
        indices[camera].append(frame.index)

    options = hasty(workers="thread", pace=PaceOptions(latency_seconds))
    cameras = [film(), film(), film()]
    Engine(cameras, even_networks, pipeline, keep, options).run(statuses.append)
    assert [indices[number] for number in range(3)] == [list(range(40))] * 3
    told = [status for status in statuses if status.batch_faces]
    assert told
    assert all(status.batch_most is not None for status in told)
    if latency_seconds < 1e-3:
        assert all(status.batch_most == 1 for status in told)


def test_where_the_cadence_is_fixed_nothing_is_held_back() -> None:
    statuses: list[Status] = []
    options = hasty(workers="thread", fixed=Cadence(1, None), pace=PaceOptions(1e-6))
    Engine([film()], even_networks, pipeline, lambda *reading: None, options).run(statuses.append)
    assert {status.batch_most for status in statuses} == {None}

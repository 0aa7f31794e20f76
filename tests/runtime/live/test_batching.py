"""Batches: whatever is ready, and no more than the latency that is aimed at allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.faces import Frame, FrameReading
from mien.core.status import Status
from mien.runtime.live.batching import CALL_SHARE, Batching
from mien.runtime.live.engine import Engine
from mien.runtime.live.pace import Cadence, PaceOptions
from tests.runtime.live.parts import even_networks, film, hasty, pipeline


def test_while_nothing_is_known_everything_that_is_ready_is_asked_about() -> None:
    batching = Batching(0.1)
    assert (batching.most_faces, batching.most_frames(50)) == (None, None)
    batching.tell(0, 3.0)
    assert batching.most_faces is None


def test_half_the_latency_may_pass_in_a_call() -> None:
    batching = Batching(0.1)
    batching.tell(20, 10.0)
    assert batching.most_faces == 100
    assert batching.most_frames(50) == 2
    assert batching.most_frames(0) == 100


@given(
    st.floats(0.001, 2.0),
    st.lists(st.tuples(st.integers(1, 300), st.floats(0.01, 500.0)), min_size=1, max_size=40),
    st.integers(0, 500),
)
def test_a_call_stays_within_its_share_and_a_frame_is_always_read(
    latency: float, calls: list[tuple[int, float]], faces: int
) -> None:
    batching = Batching(latency)
    for count, milliseconds in calls:
        batching.tell(count, milliseconds)
    each = [milliseconds / count for count, milliseconds in calls]
    most, frames = batching.most_faces, batching.most_frames(faces)
    assert most is not None
    assert frames is not None
    assert frames >= 1
    # What a face takes is a mean of what was seen.
    assert most == 1 or most * min(each) <= 1e3 * CALL_SHARE * latency * (1 + 1e-9)
    assert frames == 1 or frames * max(faces, 1) <= most


@pytest.mark.parametrize("latency_seconds", [1e-6, 10.0])
def test_however_tight_the_latency_every_frame_is_read_in_order(latency_seconds: float) -> None:
    indices: list[int] = []
    statuses: list[Status] = []

    def keep(camera: int, frame: Frame, reading: FrameReading) -> None:
        indices.append(frame.index)

    options = hasty(workers="thread", fixed=Cadence(1, None), pace=PaceOptions(latency_seconds))
    Engine([film()], even_networks, pipeline, keep, options).run(statuses.append)
    assert indices == list(range(40))
    told = [status for status in statuses if status.batch_faces]
    assert told
    assert all(status.batch_most is not None for status in told)
    if latency_seconds < 1e-3:
        assert all(status.batch_most == 1 for status in told)

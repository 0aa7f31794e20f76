"""Cameras side by side: summed when all have told, and not held up by one that is silent."""

from __future__ import annotations

from mien.core.audience import AudienceStep
from mien.runtime.live.merging import LATE_STEPS, HallMerger
from tests.report.factory import percents, read_step

ZONE = {0: "left", 1: "right"}


def step(camera: int, number: int) -> dict[str, AudienceStep]:
    snapshot = read_step(number * 0.5, percents(fear=50), zone=ZONE[camera], source=f"camera-{camera + 1}")
    return {ZONE[camera]: AudienceStep(snapshot, None)}


def readable(merger: HallMerger, camera: int, *numbers: int) -> list[tuple[float, int]]:
    told = merger.add(camera, [step(camera, number) for number in numbers])
    return [(s.whole.snapshot.media_time, s.whole.snapshot.readable or 0) for s in told]


def test_a_step_is_summed_when_every_camera_has_told_it() -> None:
    merger = HallMerger(("left", "right"), 2)
    assert readable(merger, 0, 0, 1) == []
    assert readable(merger, 1, 0) == [(0.0, 2)]
    assert readable(merger, 1, 1) == [(0.5, 2)]


def test_a_camera_that_is_silent_is_not_waited_for() -> None:
    merger = HallMerger(("left", "right"), 2)
    found = readable(merger, 0, *range(LATE_STEPS + 3))
    assert found == [(0.0, 1), (0.5, 1), (1.0, 1)]


def test_what_comes_too_late_is_passed_over() -> None:
    merger = HallMerger(("left", "right"), 2)
    readable(merger, 0, *range(LATE_STEPS + 3))
    assert readable(merger, 1, *range(5)) == [(1.5, 2), (2.0, 2)]


def test_the_end_tells_everything_that_is_left() -> None:
    merger = HallMerger(("left", "right"), 2)
    readable(merger, 0, 0, 1, 2)
    readable(merger, 1, 0)
    assert [s.whole.snapshot.readable for s in merger.finish()] == [1, 1]

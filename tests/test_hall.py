"""One hall out of its zones: sums, weights, who tells a zone, and what stays withheld."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.aggregation import Aggregator
from mien.core.audience import AudienceSnapshot, AudienceStep
from mien.core.faces import FaceReading, FrameReading, UnreadReason
from mien.core.labels import EMOTIONS, FERPLUS8
from mien.core.settings import AudienceSettings
from mien.hall import CHANGE_AFTER_SECONDS, Hall, sum_of

MODEL = "0" * 64


def face(track: int, probabilities: Iterable[float] | None, yaw: float = 0.0) -> FaceReading:
    read = None if probabilities is None else np.asarray(list(probabilities), np.float32)
    return FaceReading(
        track, np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0, 1.0, yaw, 0.0, 0.0,
        UnreadReason.BLURRED if read is None else None, read, None, None,
    )  # fmt: skip


def showing(emotion: str, strength: float = 1.0) -> list[float]:
    rest = (1 - strength) / 7
    return [strength if e == emotion else rest for e in EMOTIONS]


def step_of(faces: Sequence[FaceReading], *, zone: str = "left", camera: int = 0, **options: float) -> AudienceStep:
    """A step of one frame."""
    gate = Aggregator(
        "s", MODEL, FERPLUS8, AudienceSettings(**{"step_seconds": 0.5, **options}),
        source=f"camera-{camera + 1}", zone=zone, camera=camera,
    )  # fmt: skip
    return [*gate.add(FrameReading(0, 0.0, tuple(faces), 0.0, 0.0)), *gate.finish()][0]


def people(count: int, emotion: str, first: int = 0) -> list[FaceReading]:
    return [face(first + k, showing(emotion)) for k in range(count)]


def fear(step: AudienceStep) -> float:
    assert step.snapshot.emotions is not None
    return step.snapshot.emotions.fear


random_faces = st.lists(
    st.tuples(st.lists(st.floats(0.01, 1), min_size=8, max_size=8), st.booleans(), st.floats(-90, 90)), max_size=8
)


def _faces(told: list[tuple[list[float], bool, float]], first: int) -> list[FaceReading]:
    return [face(first + k, (np.array(p) / sum(p)) if read else None, yaw) for k, (p, read, yaw) in enumerate(told)]


@settings(max_examples=60, deadline=None)
@given(random_faces, random_faces)
def test_zones_that_part_one_picture_sum_to_what_the_picture_told(
    left: list[tuple[list[float], bool, float]], right: list[tuple[list[float], bool, float]]
) -> None:
    a, b = _faces(left, 0), _faces(right, 100)
    whole = step_of([*a, *b], zone="all").snapshot
    told = sum_of([step_of(a, zone="left"), step_of(b, zone="right")]).snapshot
    for name in ("present", "readable", "tracks", "frames", "unread", "suppressed"):
        assert getattr(told, name) == getattr(whole, name), name
    assert told.coverage == pytest.approx(whole.coverage)
    if whole.facing_share is not None:
        assert told.facing_share == pytest.approx(whole.facing_share)
    if whole.emotions is None:
        assert told.emotions is None
        return
    assert told.emotions is not None
    assert told.emotions.values() == pytest.approx(whole.emotions.values(), abs=1e-3)
    assert told.shares is not None
    assert whole.shares is not None
    for emotion in EMOTIONS:
        assert getattr(told.shares, emotion) == pytest.approx(getattr(whole.shares, emotion))
    if whole.covariance is not None:
        assert told.covariance == pytest.approx(whole.covariance, abs=1e-2)


def test_a_zone_weighs_the_people_read_in_it() -> None:
    together = sum_of([step_of(people(6, "fear")), step_of(people(2, "neutral"), zone="right")])
    assert fear(together) == pytest.approx(75.0)
    assert together.snapshot.readable == 8


def test_coverage_weighs_the_people_present() -> None:
    seen_well = step_of(people(2, "fear"))
    seen_badly = step_of([*people(2, "fear"), *(face(50 + k, None) for k in range(6))], zone="right")
    assert sum_of([seen_well, seen_badly]).snapshot.coverage == pytest.approx((2 * 1.0 + 8 * 0.25) / 10)


def test_the_interval_is_over_people_of_all_zones() -> None:
    rng = np.random.default_rng(5)
    faces = [face(k, showing("fear", float(s))) for k, s in enumerate(rng.uniform(0.1, 0.9, 40))]
    whole = step_of(faces, zone="all").snapshot
    parts = sum_of([step_of(faces[:20], zone="left"), step_of(faces[20:], zone="right", camera=1)]).snapshot
    assert whole.intervals is not None
    assert parts.intervals is not None
    width = [one.intervals.fear.high - one.intervals.fear.low for one in (whole, parts) if one.intervals]
    assert width[1] == pytest.approx(width[0], rel=0.25)
    assert parts.intervals.fear.low < fear(AudienceStep(parts, None)) < parts.intervals.fear.high


def test_a_zone_of_one_person_leaves_the_hall_without_an_interval() -> None:
    together = sum_of([step_of(people(6, "fear")), step_of(people(1, "neutral"), zone="right")])
    assert together.replicates is None
    assert together.snapshot.intervals is None


def test_replicates_of_two_cameras_are_drawn_apart() -> None:
    faces = [face(k, showing("fear", 0.1 * (k + 1))) for k in range(8)]
    one, other = step_of(faces, camera=0), step_of(faces, camera=1)
    assert one.replicates is not None
    assert other.replicates is not None
    assert one.snapshot.emotions == other.snapshot.emotions
    assert np.corrcoef(one.replicates.means[:, 6], other.replicates.means[:, 6])[0, 1] < 0.3


def test_a_suppressed_zone_is_in_no_figure_of_the_hall() -> None:
    """Otherwise its faces could be had by subtracting the other zones from the hall."""
    large, small = step_of(people(7, "fear"), min_group=5), step_of(people(3, "happiness"), zone="right", min_group=5)
    assert small.snapshot.suppressed
    together = sum_of([large, small]).snapshot
    alone = sum_of([large]).snapshot
    assert together == alone


def test_a_hall_of_suppressed_zones_is_suppressed() -> None:
    small = step_of(people(3, "happiness"), min_group=5)
    empty = step_of([], zone="right", min_group=1)
    assert sum_of([small, small]).snapshot.suppressed
    assert sum_of([small, empty]).snapshot.suppressed


def test_nothing_seen_is_told_as_such() -> None:
    assert sum_of([step_of([]), step_of([], zone="right")]).snapshot.present == 0


def at(step: AudienceStep, media_time: float) -> AudienceStep:
    moved = step.snapshot.model_copy(update={"media_time": media_time})
    return AudienceStep(AudienceSnapshot.model_validate(moved.model_dump()), step.replicates)


def test_a_zone_that_two_cameras_show_is_counted_once() -> None:
    hall = Hall(["left"])
    told = hall.add({"left": [step_of(people(6, "fear")), step_of(people(5, "fear"), camera=1)]})
    assert told.whole.snapshot.readable == 6
    assert told.zones["left"].snapshot.source == "camera-1"


def test_the_camera_that_reads_most_people_tells_a_zone() -> None:
    hall = Hall(["left"])
    told = hall.add({"left": [step_of(people(3, "fear")), step_of(people(8, "neutral"), camera=1)]})
    assert told.zones["left"].snapshot.source == "camera-2"
    assert told.whole.snapshot.source == "camera-2"


def test_a_camera_that_is_better_for_a_moment_does_not_take_over() -> None:
    hall = Hall(["left"])
    many, few = step_of(people(8, "fear"), camera=1), step_of(people(4, "fear"), camera=1)
    mine = step_of(people(6, "neutral"))
    sources = set()
    for k in range(60):
        moment = k * 0.5
        other = many if k % 10 else few
        sources.add(hall.add({"left": [at(mine, moment), at(other, moment)]}).zones["left"].snapshot.source)
    assert sources == {"camera-1"}


def test_a_camera_that_stays_better_takes_over() -> None:
    hall = Hall(["left"])
    mine, other = step_of(people(6, "neutral")), step_of(people(8, "fear"), camera=1)
    hall.add({"left": [at(mine, 0.0), at(step_of(people(5, "fear"), camera=1), 0.0)]})
    sources = []
    for k in range(1, 60):
        told = hall.add({"left": [at(mine, k * 0.5), at(other, k * 0.5)]})
        sources.append(told.zones["left"].snapshot.source)
    changed = sources.index("camera-2")
    assert (changed + 1) * 0.5 == pytest.approx(0.5 + CHANGE_AFTER_SECONDS)
    assert set(sources[changed:]) == {"camera-2"}


def test_a_camera_that_reads_nobody_is_replaced_at_once() -> None:
    hall = Hall(["left"])
    hall.add({"left": [at(step_of(people(6, "fear")), 0.0), at(step_of(people(5, "fear"), camera=1), 0.0)]})
    told = hall.add({"left": [at(step_of([]), 0.5), at(step_of(people(5, "fear"), camera=1), 0.5)]})
    assert told.zones["left"].snapshot.source == "camera-2"


def test_a_camera_that_is_suppressed_gives_way_to_one_that_may_tell() -> None:
    hall = Hall(["left"])
    small = step_of(people(3, "fear"), min_group=5)
    told = hall.add({"left": [small, step_of(people(6, "fear"), camera=1, min_group=5)]})
    assert told.whole.snapshot.readable == 6


def test_a_zone_that_no_camera_shows_any_more_is_a_gap() -> None:
    hall = Hall(["left", "right"])
    told = hall.add({"left": [step_of(people(6, "fear")), None], "right": [None, None]})
    assert told.zones["right"].snapshot.frames == 0
    assert told.zones["right"].snapshot.zone == "right"
    assert told.whole.snapshot.readable == 6


def test_cameras_that_tell_of_different_times_are_a_mistake() -> None:
    step = step_of(people(2, "fear"))
    with pytest.raises(ValueError, match="different times"):
        Hall(["left"]).add({"left": [step, at(step, 0.5)]})

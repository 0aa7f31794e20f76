"""A hall by its zones: cameras in step with each other, late ones and early ones, and how a run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mien.core.audience import AudienceSnapshot
from mien.core.errors import SettingsError
from mien.core.faces import Frame, SourceInfo
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.pipeline import Pipeline
from mien.runtime.hall import Camera, analyze_hall
from mien.zones import CameraZones, ZoneFinder
from tests.runtime.doubles import EvenClassifier, EverywhereDetector

FRAME_RATE = 10.0
WHOLE = ((0.0, 0.0), (1.0, 1.0))


class Stills:
    """Noise whose brightness follows media time, ten frames a second; it can end early."""

    def __init__(self, seconds: float, name: str = "a.mp4", brightness: Callable[[float], float] | None = None) -> None:
        count = round(seconds * FRAME_RATE)
        self.info = SourceInfo(name, "file", 64, 64, seconds, FRAME_RATE, count, "ab" * 32)
        self.complete = True
        self.closed = False
        self.decoded = 0
        self._brightness = brightness or (lambda at: 0.5)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.info.frame_count or 0):
            at = index / FRAME_RATE
            noise = np.random.default_rng(index).integers(0, 256, (64, 64, 3)).astype(np.float64)
            self.decoded += 1
            yield Frame((noise * self._brightness(at)).astype(np.uint8), index, at)

    def close(self) -> None:
        self.closed = True


class Told:
    """A sink that keeps what it is told and notes how it ended."""

    def __init__(self) -> None:
        self.snapshots: list[AudienceSnapshot] = []
        self.ends: list[bool] = []

    def write(self, snapshot: AudienceSnapshot) -> None:
        self.snapshots.append(snapshot)

    def close(self, *, complete: bool) -> None:
        self.ends.append(complete)


def camera(source: Stills, *zones: str, start_seconds: float = 0.0, name: str = "camera-1") -> Camera:
    profile = PROFILES["interview"]
    grant = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), profile)
    pipeline = Pipeline(EverywhereDetector(), EvenClassifier(), profile, grant)
    finder = ZoneFinder(CameraZones(zones=dict.fromkeys(zones, WHOLE), start_seconds=start_seconds))
    return Camera(name, source, pipeline, finder)


def test_zones_of_two_cameras_are_summed_step_by_step() -> None:
    sink = Told()
    made = analyze_hall([camera(Stills(4), "left"), camera(Stills(4, "b.mp4"), "right", name="camera-2")], sinks=[sink])
    assert [s.readable for s in made.timeline.snapshots] == [2] * 8
    assert {zone: len(timeline.snapshots) for zone, timeline in made.zones.items()} == {"left": 8, "right": 8}
    assert sink.snapshots == list(made.timeline.snapshots)
    assert sink.ends == [True]
    assert made.provenance.frames_read == 80
    assert [c.zones for c in made.provenance.cameras] == [("left",), ("right",)]
    assert made.timeline.series.keys() == made.zones["left"].series.keys()


def test_a_zone_that_both_show_is_one_zone() -> None:
    made = analyze_hall([camera(Stills(4), "left"), camera(Stills(4, "b.mp4"), "left", name="camera-2")])
    assert [s.readable for s in made.timeline.snapshots] == [1] * 8
    assert list(made.zones) == ["left"]


def test_recordings_that_began_at_other_times_land_on_the_same_second() -> None:
    """A flash at second 6 of the film, in a recording that began 2 s early and in one that began 3 s late."""

    def flash(at: float) -> Callable[[float], float]:
        return lambda moment: 1.0 if at - 1e-6 <= moment < at + 0.5 - 1e-6 else 0.1

    early, late = Stills(12, "a.mp4", flash(8.0)), Stills(7, "b.mp4", flash(3.0))
    made = analyze_hall(
        [camera(early, "left", start_seconds=-2.0), camera(late, "right", start_seconds=3.0, name="camera-2")]
    )
    for timeline in (made.timeline, *made.zones.values()):
        happy = [s.emotions.happiness if s.emotions else 0.0 for s in timeline.snapshots]
        assert int(np.argmax(happy)) * 0.5 == 6.0
    assert [s.readable for s in made.timeline.snapshots] == [1] * 6 + [2] * 14
    assert made.provenance.frames_read == 100 + 70
    assert made.provenance.duration_seconds == 10.0


def test_a_camera_that_ends_first_leaves_its_zone_a_gap() -> None:
    made = analyze_hall([camera(Stills(4), "left"), camera(Stills(2, "b.mp4"), "right", name="camera-2")])
    assert [s.frames for s in made.zones["right"].snapshots] == [5, 5, 5, 5, 0, 0, 0, 0]
    assert [s.readable for s in made.timeline.snapshots] == [2] * 4 + [1] * 4


def test_cameras_are_read_in_step_with_each_other() -> None:
    """Or the steps of one, replicates and all, would have to be kept until the others have caught up."""
    sources = [Stills(30), Stills(30, "b.mp4")]
    ahead: list[int] = []
    analyze_hall(
        [camera(sources[0], "left"), camera(sources[1], "right", name="camera-2")],
        on_progress=lambda progress: ahead.append(abs(sources[0].decoded - sources[1].decoded)),
    )
    assert max(ahead) <= 8 * 5


def test_an_interrupted_run_tells_whole_steps_only() -> None:
    done: list[float] = []
    sources, sink = [Stills(20), Stills(20, "b.mp4")], Told()
    made = analyze_hall(
        [camera(sources[0], "left"), camera(sources[1], "right", name="camera-2")],
        sinks=[sink],
        on_progress=lambda progress: done.append(progress.media_time),
        should_stop=lambda: len(done) >= 5,
    )
    assert made.provenance.stopped_because == "interrupted"
    assert not made.timeline.complete
    assert [s.readable for s in made.timeline.snapshots] == [2] * 5
    assert sink.ends == [False]
    assert all(source.closed for source in sources)


def test_a_truncated_recording_is_told() -> None:
    source = Stills(4)
    source.complete = False
    assert analyze_hall([camera(source, "left")]).provenance.stopped_because == "truncated"


def test_the_same_cameras_and_zones_are_the_same_session() -> None:
    runs = [analyze_hall([camera(Stills(2), "left")]), analyze_hall([camera(Stills(2), "left")])]
    other = analyze_hall([camera(Stills(2), "right")])
    assert runs[0].timeline.session.session_id == runs[1].timeline.session.session_id
    assert other.timeline.session.session_id != runs[0].timeline.session.session_id


def test_steps_of_single_frames_are_refused() -> None:
    made = camera(Stills(2), "left")
    made.pipeline.profile = made.pipeline.profile.model_copy(
        update={"audience": made.pipeline.profile.audience.model_copy(update={"step_seconds": 0.0})}
    )
    with pytest.raises(SettingsError, match="--step"):
        analyze_hall([made])

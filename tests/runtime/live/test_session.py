"""A live session: a timeline as any other, and nothing lost to a sink that fails."""

from __future__ import annotations

import time

import pytest

from mien.core.audience import AudienceSnapshot
from mien.core.errors import DeviceError, OutputError, SettingsError
from mien.core.faces import Frame, FrameReading
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Watched
from mien.zones import CameraZones, ZoneFinder
from tests.runtime.live.parts import PERMITTED, camera, even_networks, film, hasty

OPTIONS = hasty(workers="thread", fixed=Cadence(1, None))
WHOLE = ((0.0, 0.0), (1.0, 1.0))


class Told:
    """A sink and an observer that note what they are told; it can fail for a while."""

    def __init__(self, fails: range = range(0)) -> None:
        self.snapshots: list[AudienceSnapshot] = []
        self.observed = 0
        self.ends: list[str] = []
        self._fails, self._count = fails, 0

    def write(self, snapshot: AudienceSnapshot) -> None:
        self._count += 1
        if self._count in self._fails:
            raise OutputError("the disk is full")
        self.snapshots.append(snapshot)

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        self.observed += 1

    def close(self, *, complete: bool) -> None:
        self.ends.append("complete" if complete else "incomplete")

    def discard(self) -> None:
        self.ends.append("discarded")


def finder(zone: str) -> ZoneFinder:
    return ZoneFinder(CameraZones(zones={zone: WHOLE}))


def test_a_film_becomes_a_timeline() -> None:
    sink, observer = Told(), Told()
    session = LiveSession([Watched(film(seconds=3.0))], PERMITTED, even_networks,
                          sinks=[sink], observers=[observer], options=OPTIONS)  # fmt: skip
    analysis = session.run()
    assert [s.media_time for s in analysis.timeline.snapshots] == [k * 0.5 for k in range(6)]
    assert all(s.readable == 1 and s.frames == 10 for s in analysis.timeline.snapshots)
    assert sink.snapshots == list(analysis.timeline.snapshots)
    assert observer.observed == analysis.provenance.frames_read == 60
    assert (sink.ends, observer.ends) == (["complete"], ["complete"])
    assert analysis.timeline.complete
    assert "engagement_30s" in analysis.timeline.series
    assert (analysis.provenance.width, analysis.provenance.detector.name) == (128, "everywhere")


def test_the_timeline_can_be_had_while_it_runs() -> None:
    session = LiveSession([Watched(film(seconds=60.0))], PERMITTED, even_networks, options=OPTIONS)
    lengths: list[int] = []
    session.run(lambda status: lengths.append(len(session.timeline().snapshots)), lambda: len(lengths) > 5)
    assert lengths[0] < lengths[-1]


def test_a_sink_that_fails_is_told_of_once_and_given_again_what_it_refused() -> None:
    sink, notes = Told(fails=range(2, 5)), list[str]()
    session = LiveSession([Watched(film(seconds=8.0))], PERMITTED, even_networks, sinks=[sink], options=OPTIONS)
    analysis = session.run(lambda status: notes.extend(status.notes))
    assert len(analysis.timeline.snapshots) == 16
    assert sink.snapshots == list(analysis.timeline.snapshots)
    assert notes.count("the disk is full") == 1
    assert len([note for note in notes if "is written again" in note]) == 1


class Away:
    """A sink that keeps what it takes while the other end is away."""

    def __init__(self) -> None:
        self.snapshots: list[AudienceSnapshot] = []

    def write(self, snapshot: AudienceSnapshot) -> None:
        self.snapshots.append(snapshot)

    def trouble(self) -> str | None:
        return "example.org does not answer" if 2 <= len(self.snapshots) < 6 else None

    def close(self, *, complete: bool) -> None:
        raise OutputError("example.org did not take 1 of the snapshots")


def test_a_sink_whose_other_end_is_away_is_told_of_once_and_given_nothing_twice() -> None:
    sink, notes = Away(), list[str]()
    session = LiveSession([Watched(film(seconds=8.0))], PERMITTED, even_networks, sinks=[sink], options=OPTIONS)
    analysis = session.run(lambda status: notes.extend(status.notes))
    assert sink.snapshots == list(analysis.timeline.snapshots)
    assert notes.count("example.org does not answer") == 1


def test_a_live_session_that_is_ended_is_complete() -> None:
    ends = time.monotonic() + 2.5
    session = LiveSession([Watched(camera(seconds=60.0))], PERMITTED, even_networks, options=OPTIONS)
    analysis = session.run(should_stop=lambda: time.monotonic() > ends)
    assert analysis.timeline.complete
    assert len(analysis.timeline.snapshots) >= 3


def test_a_film_that_is_stopped_is_not() -> None:
    session = LiveSession([Watched(film(seconds=500.0))], PERMITTED, even_networks, options=OPTIONS)
    count = iter(range(10_000))
    analysis = session.run(should_stop=lambda: next(count) > 20)
    assert analysis.provenance.stopped_because == "interrupted"
    assert not analysis.timeline.complete


def test_a_hall_by_zones_from_two_cameras() -> None:
    watched = [Watched(film(), finder("left")), Watched(film(seconds=1.0), finder("right"))]
    analysis = LiveSession(watched, PERMITTED, even_networks, options=OPTIONS).run()
    assert [s.readable for s in analysis.timeline.snapshots] == [2, 2, 1, 1]
    assert list(analysis.zones) == ["left", "right"]
    assert [c.zones for c in analysis.provenance.cameras] == [("left",), ("right",)]


def test_several_cameras_need_zones() -> None:
    with pytest.raises(SettingsError, match="--zones"):
        LiveSession([Watched(film()), Watched(film())], PERMITTED, even_networks)


def test_what_cannot_start_ends_its_sinks_and_observers() -> None:
    sink, observer = Told(), Told()
    session = LiveSession([Watched(film(refuses=True))], PERMITTED, even_networks,
                          sinks=[sink], observers=[observer], options=OPTIONS)  # fmt: skip
    with pytest.raises(DeviceError):
        session.run()
    assert (sink.ends, observer.ends) == (["incomplete"], ["discarded"])

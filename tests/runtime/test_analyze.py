"""The executor: what it delivers, and how a run ends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mien.core.audience import AudienceSnapshot
from mien.core.errors import OutputError
from mien.core.faces import Frame, FrameReading, SourceInfo
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES, AudienceSettings, Profile, SamplingSettings
from mien.pipeline import Pipeline
from mien.runtime.analyze import Progress, RunOptions, analyze, fit_step, frame_by_frame_if_short
from tests.runtime.doubles import EvenClassifier, EverywhereDetector

FRAME_RATE = 10.0


class Stills:
    """Frames of noise, ten a second, that notes when it is closed; it can fail at a frame."""

    def __init__(self, count: int = 40, fails_at: int | None = None) -> None:
        self.info = SourceInfo("stills", "images", 64, 64, count / FRAME_RATE, FRAME_RATE, count, "ab" * 32)
        self.complete = True
        self.closed = False
        self._count, self._fails_at = count, fails_at

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            if index == self._fails_at:
                raise OSError("the cable fell out")
            noise = np.random.default_rng(index).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            yield Frame(noise, index, index / FRAME_RATE)

    def close(self) -> None:
        self.closed = True


class Ended:
    """A sink and an observer at once, that notes how it ended; it can refuse what it is told."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.told: list[object] = []
        self.ends: list[str] = []
        self._refuses = refuses

    def observe(self, frame: Frame, reading: FrameReading) -> None:
        self.write(reading)

    def write(self, what: FrameReading | AudienceSnapshot) -> None:
        if self._refuses:
            raise OutputError("the disk is full")
        self.told.append(what)

    def close(self, *, complete: bool) -> None:
        self.ends.append("complete" if complete else "incomplete")

    def discard(self) -> None:
        self.ends.append("discarded")


def fresh() -> Pipeline:
    profile = PROFILES["interview"]
    grant = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), profile)
    return Pipeline(EverywhereDetector(), EvenClassifier(), profile, grant)


def test_every_frame_is_observed_and_every_step_is_written() -> None:
    source, sink, observer = Stills(40), Ended(), Ended()
    analysis = analyze(source, fresh(), sinks=[sink], observers=[observer])
    assert len(observer.told) == analysis.provenance.frames_read == 40
    assert sink.told == list(analysis.timeline.snapshots)
    assert len(sink.told) == 8
    assert (sink.ends, observer.ends, source.closed) == (["complete"], ["complete"], True)
    assert analysis.timeline.complete


@pytest.mark.parametrize("options", [RunOptions(1, 0), RunOptions(3, 0), RunOptions(8, 2), RunOptions(64, 1)])
def test_how_it_is_executed_changes_no_number(options: RunOptions) -> None:
    plain = analyze(Stills(), fresh())
    assert list(analyze(Stills(), fresh(), options=options).timeline.snapshots) == list(plain.timeline.snapshots)


def test_a_run_that_is_stopped_keeps_what_it_has_and_says_so() -> None:
    asked = iter([False, False, True])
    sink, observer = Ended(), Ended()
    analysis = analyze(Stills(), fresh(), sinks=[sink], observers=[observer], should_stop=lambda: next(asked))
    assert analysis.provenance.stopped_because == "interrupted"
    assert analysis.provenance.frames_read == 16
    assert not analysis.timeline.complete
    assert (sink.ends, observer.ends) == (["incomplete"], ["incomplete"])


def test_a_truncated_source_is_told() -> None:
    source = Stills()
    source.complete = False
    assert analyze(source, fresh()).provenance.stopped_because == "truncated"


def test_when_the_source_fails_nothing_of_an_observer_stays() -> None:
    source, sink, observer = Stills(fails_at=20), Ended(), Ended()
    with pytest.raises(OSError, match="the cable fell out"):
        analyze(source, fresh(), sinks=[sink], observers=[observer])
    assert (sink.ends, observer.ends, source.closed) == (["incomplete"], ["discarded"], True)


def test_when_one_observer_fails_the_others_are_discarded_and_its_error_is_told() -> None:
    good = Ended()
    with pytest.raises(OutputError, match="the disk is full"):
        analyze(Stills(), fresh(), observers=[good, Ended(refuses=True)])
    assert good.ends == ["discarded"]


def test_progress_counts_frames() -> None:
    told: list[Progress] = []
    analyze(Stills(20), fresh(), on_progress=told.append)
    assert [p.frames_read for p in told] == [8, 16, 20]
    assert told[-1].sightings_read == 20
    assert told[-1].media_time == pytest.approx(1.9)


def _with_step(seconds: float, **sampling: float) -> Profile:
    audience = AudienceSettings(step_seconds=seconds)
    changed = {"audience": audience, "sampling": SamplingSettings(**sampling)}
    return PROFILES["interview"].model_copy(update=changed)


@pytest.mark.parametrize(
    ("profile", "step"),
    [
        (_with_step(0.5), 0.5),
        (_with_step(0.5, every_nth=5), 0.5),
        (_with_step(0.5, every_nth=10), 1.0),
        (_with_step(0.5, sample_hz=1), 1.0),
        (_with_step(0.5, sample_hz=100), 0.5),
        (_with_step(0.0, every_nth=10), 0.0),
    ],
)
def test_a_step_is_never_shorter_than_the_time_between_frames(profile: Profile, step: float) -> None:
    assert fit_step(profile, Stills().info).audience.step_seconds == pytest.approx(step)


@pytest.mark.parametrize(("frames", "step"), [(40, 0.0), (49, 0.0), (50, 0.5), (500, 0.5)])
def test_a_short_recording_is_told_frame_by_frame(frames: int, step: float) -> None:
    assert frame_by_frame_if_short(_with_step(0.5), Stills(frames).info).audience.step_seconds == step

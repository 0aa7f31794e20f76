"""What goes wrong in a hall at night: garbage from a camera, a clock set back, two hundred faces at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from mien.core.faces import FaceDetector, Faces, Frame, SourceInfo, UInt8Array
from mien.core.status import Status
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import Engine
from mien.runtime.live.networks import Networks
from mien.runtime.live.pace import Cadence
from mien.runtime.live.session import LiveSession, Permitted, Watched
from mien.runtime.live.supervision import Patience
from tests.runtime.doubles import EvenClassifier
from tests.runtime.live.parts import GRANT, PERMITTED, PROFILE, RATE, camera, even_networks, film, hasty, pipeline
from tests.runtime.live.test_engine import Kept

OPTIONS = hasty(workers="thread", fixed=Cadence(1, None))
SHAPES = ((96, 128), (1, 1), (2, 900), (700, 1), (96, 128), (33, 31), (720, 1280), (96, 128))


@dataclass
class Garbage:
    """A camera whose every picture has another size, and shows noise, nothing, or everything; some are no pictures."""

    seconds: float = 2.0
    lies: bool = False

    def __post_init__(self) -> None:
        self.complete = True

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("garbage", "test", frame_rate=RATE)

    def __iter__(self) -> Iterator[Frame]:
        noise = np.random.default_rng(5)
        for index in range(round(self.seconds * RATE)):
            shape = (*SHAPES[index % len(SHAPES)], 3)
            if self.lies and index == 10:
                yield "no frame at all"  # type: ignore[misc]
            if index % 3 == 0:
                picture = noise.integers(0, 256, shape, dtype=np.uint8)
            else:
                picture = np.full(shape, 255 * (index % 3 - 1), np.uint8)
            yield Frame(picture, index, index / RATE)

    def close(self) -> None:
        pass


def garbage(**options: object) -> LiveCamera:
    opened = partial(Garbage, **options)  # type: ignore[arg-type]
    return LiveCamera("garbage", opened, CaptureOptions(keeps_latest=False), is_live=False)


@dataclass
class Fragile(FaceDetector):
    """Dies over every picture of one height, as a library that runs into its own bug."""

    height: int
    name, sha256 = "fragile", "33" * 32

    def _detect(self, image: UInt8Array) -> Faces:
        if image.shape[0] == self.height:
            os._exit(139)
        return Faces.none()


def fragile_networks(height: int) -> Networks:
    return Networks(Fragile(height), EvenClassifier(), None, ("CPUExecutionProvider",))


class Rows(FaceDetector):
    """Two hundred faces, in ten rows."""

    name, sha256 = "rows", "44" * 32

    def _detect(self, image: UInt8Array) -> Faces:
        height, width = image.shape[:2]
        x, y = np.meshgrid((np.arange(20) + 0.1) / 20 * width, (np.arange(10) + 0.1) / 10 * height)
        low = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        size = np.array([0.8 * width / 20, 0.8 * height / 10], np.float32)
        points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
        return Faces(np.hstack([low, low + size]), np.full(200, 0.9, np.float32), low[:, None] + points * size)


def two_hundred() -> Networks:
    return Networks(Rows(), EvenClassifier(), None, ("CPUExecutionProvider",))


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_garbage_is_read_as_what_it_is(workers: str) -> None:
    kept = Kept()
    engine = Engine([garbage()], even_networks, pipeline, kept.reading, hasty(workers=workers, fixed=Cadence(1, None)))
    engine.run(kept.status)
    assert engine.complete
    # A picture that is larger than all before it begins a new ring, and those under way in the old one are let go.
    assert len(kept.frames) >= 40 - 2 * 4
    assert {frame.image.shape[:2] for _, frame, _ in kept.frames} >= {(1, 1), (2, 900), (700, 1), (720, 1280)}


def test_what_is_no_picture_ends_a_recording_with_what_was_read() -> None:
    notes: list[str] = []
    session = LiveSession([Watched(garbage(lies=True))], PERMITTED, even_networks, options=OPTIONS)
    analysis = session.run(lambda status: notes.extend(status.notes))
    assert analysis.provenance.stopped_because == "truncated"
    assert analysis.provenance.frames_read
    assert any("AttributeError" in note for note in notes)


def test_a_picture_over_which_the_networks_die_again_and_again_is_passed_over() -> None:
    kept = Kept()
    engine = Engine(
        [film(sizes=((0.0, 96, 128), (1.0, 90, 128), (1.05, 96, 128)))],
        partial(fragile_networks, 90), pipeline, kept.reading, hasty(fixed=Cadence(1, None)),
    )  # fmt: skip
    engine.run(kept.status)
    assert kept.indices() == list(range(40))
    assert kept.notes.count("a picture that the networks failed on again and again is passed over") == 1
    assert kept.statuses[-1].network_restarts == 3


def test_a_clock_that_is_set_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, offset = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + offset[0])
    monkeypatch.setattr(time, "time_ns", lambda: int((real() + offset[0]) * 1e9))
    ends = time.monotonic() + 4.0
    statuses: list[Status] = []

    def on_status(status: Status) -> None:
        statuses.append(status)
        # An hour back, a day on, and back again.
        offset[0] = (-3600.0, 86_400.0, 0.0)[len(statuses) % 3]

    # Less than the clock is set by, and more than a busy machine stalls.
    patient = replace(OPTIONS, patience=Patience())
    session = LiveSession([Watched(camera(seconds=60.0))], PERMITTED, even_networks, options=patient)
    analysis = session.run(on_status, lambda: time.monotonic() > ends)
    times = [snapshot.media_time for snapshot in analysis.timeline.snapshots]
    assert times == [0.5 * k for k in range(len(times))]
    assert 3.0 <= times[-1] <= 5.0
    elapsed = [status.elapsed_seconds for status in statuses]
    assert elapsed == sorted(elapsed)
    assert not any(note for status in statuses for note in status.notes)


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_two_hundred_faces_at_once(workers: str) -> None:
    crowd = PROFILE.model_copy(
        update={
            "detection": PROFILE.detection.model_copy(update={"max_faces": 250}),
            "quality": PROFILE.quality.model_copy(update={"min_face_px": 10.0, "min_sharpness": 0.0}),
        }
    )
    options = hasty(workers=workers, fixed=Cadence(1, None))
    source = film(seconds=2.0, sizes=((0.0, 720, 1280),))
    analysis = LiveSession([Watched(source)], Permitted(crowd, GRANT), two_hundred, options=options).run()
    assert [snapshot.present for snapshot in analysis.timeline.snapshots] == [200] * 4
    assert [snapshot.readable for snapshot in analysis.timeline.snapshots] == [200] * 4
    assert analysis.provenance.frames_read == 40

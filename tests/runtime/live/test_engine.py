"""The engine: every frame of a file is read, workers that die are replaced, and a live source is never late."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import DeviceError, WeightsError
from mien.core.faces import EmotionClassifier, FaceDetector, Frame, FrameReading, SourceInfo
from mien.core.settings import SamplingSettings
from mien.core.status import Status
from mien.pipeline import Pipeline
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import Engine, LiveOptions, is_blank
from mien.runtime.live.networks import Networks
from mien.runtime.live.pace import Cadence
from mien.sources import open_source
from tests.runtime.doubles import EverywhereDetector, ParticularClassifier
from tests.runtime.live.parts import (
    GRANT,
    PROFILE,
    RATE,
    Film,
    camera,
    even_networks,
    film,
    hasty,
    networks_with_fallback,
    no_networks,
    pipeline,
)

EVERY = Cadence(1, None)


class Kept:
    """What an engine told."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, Frame, FrameReading]] = []
        self.notes: list[str] = []
        self.statuses: list[Status] = []
        self._noted: int | None = None

    def went_on(self) -> bool:
        """Whether frames were read after something had happened."""
        return self._noted is not None and len(self.frames) > self._noted + 5

    def reading(self, number: int, frame: Frame, reading: FrameReading) -> None:
        self.frames.append((number, frame, reading))

    def status(self, status: Status) -> None:
        self.statuses.append(status)
        self.notes += status.notes
        if status.notes and self._noted is None:
            self._noted = len(self.frames)

    def indices(self, number: int = 0) -> list[int]:
        return [frame.index for camera_number, frame, _ in self.frames if camera_number == number]


def run(
    *cameras: LiveCamera,
    options: LiveOptions | None = None,
    meanwhile: Callable[[Engine], None] | None = None,
    until: Callable[[Kept], bool] = lambda kept: False,
    seconds: float = 40.0,
) -> tuple[Engine, Kept]:
    """An engine to its end, until something holds, or for so long; ``meanwhile`` runs beside it."""
    kept = Kept()
    engine = Engine(cameras, even_networks, pipeline, kept.reading, options or hasty(workers="thread", fixed=EVERY))
    if meanwhile is not None:
        threading.Thread(target=meanwhile, args=(engine,), daemon=True).start()
    ends = time.monotonic() + seconds
    engine.run(kept.status, lambda: until(kept) or time.monotonic() > ends)
    return engine, kept


def after(seconds: float, name: str, how: int = signal.SIGKILL) -> Callable[[Engine], None]:
    """Send a worker a signal, so long after the first frame was read."""

    def send(engine: Engine) -> None:
        while not engine.runs:
            time.sleep(0.01)
        time.sleep(seconds)
        pid = engine.pids()[name]
        assert pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)

    return send


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_every_frame_of_a_file_is_read_in_order(workers: str) -> None:
    engine, kept = run(film(), options=hasty(workers=workers, fixed=EVERY))
    assert kept.indices() == list(range(40))
    assert all(len(reading.faces) == 1 for _, _, reading in kept.frames)
    assert [reading.media_time for _, _, reading in kept.frames] == [k / RATE for k in range(40)]
    assert engine.complete
    assert engine.pipelines[0].counts.frames_detected == 40


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_crops_come_in_the_colour_that_the_classifier_sees(colour: Literal["grey", "rgb"]) -> None:
    def particular() -> Networks:
        return Networks(EverywhereDetector(), ParticularClassifier(colour), None, ("CPUExecutionProvider",))

    kept = Kept()
    Engine([film(seconds=0.5)], particular, pipeline, kept.reading, hasty(workers="thread", fixed=EVERY)).run(
        kept.status
    )
    assert kept.indices()
    assert all(face.probabilities is not None for _, _, reading in kept.frames for face in reading.faces)
    assert not kept.notes


def test_faces_are_followed_between_detections() -> None:
    engine, kept = run(film(), options=hasty(workers="thread", fixed=Cadence(4, 5.0)))
    assert engine.pipelines[0].counts.frames_detected == 10
    assert all(len(reading.faces) == 1 for _, _, reading in kept.frames)
    assert engine.pipelines[0].counts.faces_classified == pytest.approx(10, abs=1)
    assert {face.track for _, _, reading in kept.frames for face in reading.faces} == {0}


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_the_fallback_is_asked_as_a_pipeline_in_line_asks_it(workers: str) -> None:
    at_once = PROFILE.model_copy(
        update={"detection": PROFILE.detection.model_copy(update={"fallback_after_seconds": 0.1})}
    )

    def soon(number: int, info: SourceInfo, detector: FaceDetector, classifier: EmotionClassifier) -> Pipeline:
        return Pipeline(detector, classifier, at_once, GRANT)

    kept = Kept()
    engine = Engine([film()], networks_with_fallback, soon, kept.reading, hasty(workers=workers, fixed=EVERY))
    engine.run(kept.status)
    made = networks_with_fallback()
    inline = Pipeline(made.detector, made.classifier, at_once, GRANT, fallback=made.fallback)
    expected = [inline.process([frame])[0] for frame in Film()]
    assert [len(reading.faces) for _, _, reading in kept.frames] == [len(reading.faces) for reading in expected]
    counts = engine.pipelines[0].counts
    assert counts.frames_searched_again == inline.counts.frames_searched_again > 0
    assert counts.frames_found_again == counts.frames_searched_again
    assert counts.frames_detected == 40


def test_a_dark_camera_is_brightened_before_the_detector_looks() -> None:
    _, kept = run(film(levels=8), options=hasty(workers="process", fixed=EVERY, wants_picture=lambda camera: True))
    assert all(np.median(frame.image) > 50 for _, frame, _ in kept.frames)


def test_every_picture_of_a_folder_is_searched(tmp_path: Path) -> None:
    """They come one a second: nobody can be followed from one to the next, however the pace is."""
    noise = np.random.default_rng(3)
    for number in range(7):
        Image.fromarray(noise.integers(0, 256, (96, 128, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    folder = LiveCamera(
        "folder", partial(open_source, str(tmp_path), SamplingSettings()), CaptureOptions(False), is_live=False
    )
    engine, kept = run(folder, options=hasty(workers="thread"))
    assert kept.indices() == list(range(7))
    assert engine.pipelines[0].counts.frames_detected == 7


def test_two_cameras_share_the_networks() -> None:
    _, kept = run(film(), film(seconds=1.0))
    assert kept.indices(0) == list(range(40))
    assert kept.indices(1) == list(range(20))


def test_pictures_come_with_readings_where_they_are_wanted() -> None:
    _, kept = run(film(), options=hasty(workers="thread", fixed=EVERY, wants_picture=lambda camera: True))
    assert all(frame.image.std() > 50 for _, frame, _ in kept.frames)
    _, blank = run(film())
    assert all(frame.image.max() == 0 and frame.image.shape == (96, 128, 3) for _, frame, _ in blank.frames)
    assert [is_blank(frame) for frame in (kept.frames[0][1], blank.frames[0][1])] == [False, True]


def test_a_picture_that_changes_its_size_is_read_on() -> None:
    _, kept = run(film(sizes=((0.0, 96, 128), (1.0, 192, 256), (1.5, 48, 64))))
    shapes = [frame.image.shape[:2] for _, frame, _ in kept.frames]
    assert shapes[-1] == (48, 64)
    assert (192, 256) in shapes
    assert len(shapes) >= 40 - 4


def test_a_live_source_is_never_late() -> None:
    _, kept = run(camera(seconds=60.0), seconds=3.0)
    late = [s.latency_p95_ms for s in kept.statuses if s.latency_p95_ms]
    assert sorted(late)[len(late) // 2] < 250
    assert len(kept.frames) > 20


def test_media_time_of_a_camera_is_the_time_since_the_start() -> None:
    _, kept = run(camera(seconds=0.5), options=hasty(workers="thread", fixed=EVERY), seconds=3.0)
    times = [reading.media_time for _, _, reading in kept.frames]
    assert times == sorted(times)
    assert times[-1] > 2.0
    assert any("it was lost" in note for note in kept.notes)


def test_a_camera_that_gives_nothing_is_opened_again() -> None:
    _, kept = run(camera(seconds=60.0, stalls_at=0.5), until=Kept.went_on)
    assert any("gave no frame for 1 seconds" in note for note in kept.notes)
    assert kept.statuses[-1].cameras[0].restarts >= 1
    assert kept.went_on()


def test_a_file_that_breaks_ends_incomplete_with_what_was_read() -> None:
    engine, kept = run(film(breaks_at=1.0))
    assert kept.indices() == list(range(20))
    assert not engine.complete
    assert any("the cable fell out" in note for note in kept.notes)


def test_killed_networks_are_replaced_and_no_frame_is_lost() -> None:
    _, kept = run(
        film(seconds=100.0),
        options=hasty(fixed=EVERY),
        meanwhile=after(0.2, "mien-networks"),
        until=Kept.went_on,
    )
    assert kept.indices() == list(range(len(kept.frames)))
    assert kept.went_on()
    assert any("the networks' worker ended and is started again" in note for note in kept.notes)
    assert kept.statuses[-1].network_restarts == 1


def test_networks_that_hang_are_replaced() -> None:
    _, kept = run(
        film(seconds=200.0),
        options=hasty(fixed=EVERY),
        meanwhile=after(0.5, "mien-networks", signal.SIGSTOP),
        until=Kept.went_on,
    )
    assert any("gave no sign of life for 1.5 seconds" in note for note in kept.notes)
    assert kept.indices() == list(range(len(kept.frames)))


def test_a_killed_camera_of_a_file_goes_on_where_it_was() -> None:
    _, kept = run(
        film(seconds=100.0),
        options=hasty(fixed=EVERY),
        meanwhile=after(0.2, "mien-camera-1"),
        until=Kept.went_on,
    )
    assert kept.indices() == list(range(len(kept.frames)))
    assert kept.went_on()


def test_a_stopped_camera_is_replaced() -> None:
    _, kept = run(
        camera(seconds=60.0),
        options=hasty(fixed=EVERY),
        meanwhile=after(0.5, "mien-camera-1", signal.SIGSTOP),
        until=Kept.went_on,
    )
    assert any("gave no" in note for note in kept.notes)
    assert kept.went_on()


def test_what_is_asked_to_stop_finishes_what_is_under_way() -> None:
    _, kept = run(film(seconds=500.0), seconds=1.0)
    assert kept.indices() == list(range(len(kept.frames)))
    assert kept.frames


@pytest.mark.parametrize("workers", ["thread", "process"])
def test_networks_that_cannot_be_opened_are_an_error_at_the_start(workers: str) -> None:
    engine = Engine([film()], no_networks, pipeline, Kept().reading, hasty(workers=workers))
    with pytest.raises(WeightsError, match="yunet-s could not be had"):
        engine.run()


def test_a_source_that_cannot_be_opened_is_an_error_at_the_start() -> None:
    engine = Engine([film(refuses=True)], even_networks, pipeline, Kept().reading, hasty(workers="thread"))
    with pytest.raises(DeviceError, match="camera 7 cannot be opened"):
        engine.run()

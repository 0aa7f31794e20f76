"""A live camera: the newest frames win, and a lost camera ends the source."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mien.core.errors import DeviceError
from mien.core.settings import SamplingSettings
from mien.sources.camera import CameraSource, create

ALL = SamplingSettings()


class Scripted:
    """A capture device whose frames a test hands out one by one, at times of its own."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.now = 0.0
        self.released = threading.Event()
        self._pictures = pictures
        self._next = threading.Semaphore(0)
        self._asked = threading.Semaphore(0)

    def advance(self, frames: int) -> None:
        """Let the camera see ``frames`` more, and wait until the last of them has been taken."""
        for _ in range(frames):
            assert self._asked.acquire(timeout=5)
            self._next.release()
        assert self._asked.acquire(timeout=5)
        self._asked.release()

    def unplug(self) -> None:
        """The next frame does not come."""
        assert self._asked.acquire(timeout=5)
        self._pictures.clear()
        self._next.release()

    def read(self) -> tuple[bool, np.ndarray | None]:
        self._asked.release()
        assert self._next.acquire(timeout=5)
        self.now += 0.1
        picture = self._pictures.pop(0) if self._pictures else None
        return picture is not None, picture

    def release(self) -> None:
        self.released.set()


def colour(blue: int) -> np.ndarray:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0] = blue
    return picture


def open_scripted(pictures: list[np.ndarray]) -> tuple[Scripted, CameraSource]:
    device = Scripted(pictures)
    return device, CameraSource("0", ALL, opener=lambda name: device, clock=lambda: device.now, silence_seconds=5)


def script(device: Scripted, frames: int) -> None:
    """Hand out ``frames``, then unplug, while the test reads."""

    def act() -> None:
        device.advance(frames)
        device.unplug()

    threading.Thread(target=act, daemon=True).start()


def test_frames_are_rgb_and_timed_from_the_first() -> None:
    device, source = open_scripted([colour(200), colour(100)])
    script(device, 2)
    first, second = source
    assert first.image[0, 0].tolist() == [0, 0, 200]
    assert [first.media_time, second.media_time] == pytest.approx([0.0, 0.1])
    assert device.released.wait(5)


def test_when_nobody_reads_the_oldest_are_dropped_and_counted() -> None:
    device, source = open_scripted([colour(10 * k) for k in range(1, 7)])
    frames = iter(source)
    starter = threading.Thread(target=device.advance, args=(1,), daemon=True)
    starter.start()
    assert next(frames).image[0, 0, 2] == 10
    starter.join(5)
    device.advance(5)
    device.unplug()
    assert [int(f.image[0, 0, 2]) for f in frames] == [50, 60]
    assert source.dropped == 3


def test_infrared_frames_become_rgb() -> None:
    device, source = open_scripted([np.full((4, 6), 77, np.uint8)])
    script(device, 1)
    (frame,) = source
    assert frame.image.shape == (4, 6, 3)
    assert (frame.image == 77).all()


def test_a_camera_that_stops_leaves_the_source_incomplete() -> None:
    device, source = open_scripted([colour(1)])
    script(device, 1)
    assert len(list(source)) == 1
    assert not source.complete


def test_an_absent_camera_is_named() -> None:
    with pytest.raises(DeviceError, match="camera 99"):
        create("camera:99", ALL)

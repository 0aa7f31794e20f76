"""Cameras through OpenCV: webcams, and infrared cameras that show up as one.

A thread reads the camera and keeps the two latest frames; when reading is slower than the camera, the oldest is
dropped and counted, so that what is read is never old.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.errors import DeviceError
from mien.core.faces import Frame, SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.sources._sampling import Sampler

SCHEME: Final = "camera:"
WIDTH: Final = 640
HEIGHT: Final = 480
WAITING_FRAMES: Final = 2
SILENCE_SECONDS: Final = 10.0
"""A camera that gives no frame for this long is taken for lost."""


class Capture(Protocol):
    """What is needed of ``cv2.VideoCapture``."""

    def read(self) -> tuple[bool, Any]:
        """Whether a frame came, and the frame: H×W×3 BGR, or H×W grey."""
        ...

    def release(self) -> None:
        """Give the camera back."""
        ...


def accepts(locator: str) -> bool:
    """``camera:0``, or ``camera:`` and a device's path."""
    return locator.startswith(SCHEME)


def create(locator: str, sampling: SamplingSettings) -> CameraSource:
    """The camera behind ``camera:N`` or ``camera:PATH``."""
    return CameraSource(locator.removeprefix(SCHEME), sampling)


def list_cameras() -> list[str]:
    """Locators of the cameras that this system shows, without opening any (Linux only; elsewhere empty)."""
    devices = sorted(Path("/dev").glob("video*"), key=lambda p: (len(p.name), p.name))
    return [f"{SCHEME}{device.name.removeprefix('video')}" for device in devices]


def open_capture(device: str) -> Capture:
    """A camera by number or device path, asked for 640×480.

    Raises:
        DeviceError: there is none, or another program holds it.
    """
    capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
    if not capture.isOpened():
        capture.release()
        raise DeviceError(
            f"camera {device} cannot be opened: there is none, or another program uses it. 'mien doctor' lists cameras."
        )
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
    return capture


class CameraSource:
    """Live frames of one camera; iterating ends when the camera is lost or the source is closed.

    Args:
        device: number or device path.
        sampling: which frames to read.
        opener: opens the camera.
        clock: seconds, monotonic.
        silence_seconds: how long a camera may give nothing before it is taken for lost.

    Raises:
        DeviceError: the camera cannot be opened.
    """

    def __init__(
        self,
        device: str,
        sampling: SamplingSettings,
        *,
        opener: Callable[[str], Capture] = open_capture,
        clock: Callable[[], float] = time.monotonic,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._device = device
        self._sampling = sampling
        self._clock = clock
        self._silence = silence_seconds
        self._capture = opener(device)
        self._waiting: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self.complete = True
        self.dropped = 0

    @property
    def info(self) -> SourceInfo:
        """A live source: no length and no hash."""
        return SourceInfo(name=f"camera {self._device}", kind="camera")

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, timed from the first one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._produce, name="mien-camera", daemon=True)
            self._thread.start()
        while True:
            with self._changed:
                came = self._changed.wait_for(lambda: bool(self._waiting) or self._ended, self._silence)
                if not came:
                    self.complete = False
                    return
                if not self._waiting:
                    return
                frame = self._waiting.popleft()
            yield frame

    def close(self) -> None:
        """Stop reading and give the camera back; frames that wait are dropped."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(self._silence)
        else:
            self._capture.release()

    def _produce(self) -> None:
        sampler = Sampler(self._sampling)
        index, start = -1, None
        while not self._ended:
            came, picture = self._capture.read()
            if not came or picture is None:
                with self._changed:
                    self.complete = self.complete and self._ended
                break
            now = self._clock()
            start = now if start is None else start
            index += 1
            if sampler.wants(index, now - start):
                self._offer(Frame(_rgb(picture), index, now - start))
        self._capture.release()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._ended:
                return
            if len(self._waiting) == WAITING_FRAMES:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(frame)
            self._changed.notify_all()


def _rgb(picture: npt.NDArray[np.uint8]) -> UInt8Array:
    """BGR or grey (infrared) to RGB."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

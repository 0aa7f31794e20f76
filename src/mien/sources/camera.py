"""Cameras through OpenCV: webcams, and infrared cameras that show up as one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.errors import DeviceError
from mien.core.faces import SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.sources._live import SILENCE_SECONDS, LiveSource

SCHEME: Final = "camera:"
WIDTH: Final = 640
HEIGHT: Final = 480
_OPENING: Final = threading.Lock()
"""The level of OpenCV's log is one for the process."""


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
    logging = cv2.utils.logging
    with _OPENING:
        before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # What it warns of is told below.
        try:
            capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
        finally:
            logging.setLogLevel(before)
    if not capture.isOpened():
        capture.release()
        raise DeviceError(
            f"camera {device} cannot be opened: there is none, or another program uses it. 'mien doctor' lists cameras."
        )
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
    return capture


class CameraSource(LiveSource):
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
        info = SourceInfo(name=f"camera {device}", kind="camera")
        super().__init__(info, _Opened(opener(device)), sampling, clock=clock, silence_seconds=silence_seconds)


class _Opened:
    """A capture, one picture at a time."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def read(self) -> UInt8Array | None:
        came, picture = self._capture.read()
        return _rgb(picture) if came and picture is not None else None

    def release(self) -> None:
        self._capture.release()


def _rgb(picture: npt.NDArray[np.uint8]) -> UInt8Array:
    """BGR or grey (infrared) to RGB."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

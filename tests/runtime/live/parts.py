"""Cameras and networks for tests of the engine; everything here can be pickled into a worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mien.core.errors import DeviceError, WeightsError
from mien.core.faces import EmotionClassifier, FaceDetector, Frame, SourceInfo
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.pipeline import Pipeline
from mien.runtime.live.cameras import LiveCamera
from mien.runtime.live.capture import CaptureOptions
from mien.runtime.live.engine import LiveOptions
from mien.runtime.live.networks import Networks
from mien.runtime.live.session import Permitted
from mien.runtime.live.supervision import Patience
from tests.runtime.doubles import BrightDetector, EvenClassifier, EverywhereDetector

RATE = 20.0
PROFILE = PROFILES["interview"]
GRANT = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), PROFILE)
PERMITTED = Permitted(PROFILE, GRANT)
HASTY = Patience(stuck_seconds=1.5, silent_seconds=1.0, first_wait_seconds=0.1)


@dataclass
class Film:
    """Noise, twenty frames a second of media time.

    Attributes:
        seconds: how long.
        sizes: height and width of frames, by the second from which they have it.
        stalls_at: media time after which nothing comes any more, without an end.
        breaks_at: media time at which it fails.
        refuses: it cannot be opened.
        live: it takes as long as it lasts.
        levels: of grey that there are; few are dark.
    """

    seconds: float = 2.0
    sizes: tuple[tuple[float, int, int], ...] = ((0.0, 96, 128),)
    stalls_at: float | None = None
    breaks_at: float | None = None
    refuses: bool = False
    live: bool = False
    levels: int = 256

    def __post_init__(self) -> None:
        if self.refuses:
            raise DeviceError("camera 7 cannot be opened: there is none.")
        self.complete = True
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("film.mp4", "file", 128, 96, self.seconds, RATE, round(self.seconds * RATE), "ab" * 32)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(round(self.seconds * RATE)):
            at = index / RATE
            if self._closed:
                return
            while self.stalls_at is not None and at > self.stalls_at and not self._closed:
                time.sleep(0.05)
            if self.breaks_at is not None and at >= self.breaks_at:
                raise OSError("the cable fell out")
            if self.live:
                time.sleep(1 / RATE)
            height, width = [(h, w) for begin, h, w in self.sizes if at >= begin][-1]
            noise = np.random.default_rng(index).integers(0, self.levels, (height, width, 3), dtype=np.uint8)
            yield Frame(noise, index, at)

    def close(self) -> None:
        self._closed = True


def film(**options: object) -> LiveCamera:
    """A recording that is read as fast as it can be."""
    return LiveCamera("film", partial(Film, **options), CaptureOptions(keeps_latest=False), is_live=False)  # type: ignore[arg-type]


def camera(**options: object) -> LiveCamera:
    """A camera that films as long as the film lasts, and is opened again when it has ended."""
    opened = partial(Film, **{**options, "live": True})  # type: ignore[arg-type]
    return LiveCamera("camera", opened, CaptureOptions(keeps_latest=True), is_live=True)


def even_networks() -> Networks:
    """Networks that find one face everywhere."""
    return Networks(EverywhereDetector(), EvenClassifier(), None, ("CPUExecutionProvider",))


def networks_with_fallback() -> Networks:
    """Networks of which the first finds a face in half of all frames of noise, and the fallback one everywhere."""
    return Networks(BrightDetector(), EvenClassifier(), None, ("CPUExecutionProvider",), EverywhereDetector())


def no_networks() -> Networks:
    """Networks whose weights are missing."""
    raise WeightsError("yunet-s could not be had.")


def pipeline(number: int, info: SourceInfo, detector: FaceDetector, classifier: EmotionClassifier) -> Pipeline:
    """A pipeline around the stand-ins."""
    return Pipeline(detector, classifier, PROFILE, GRANT)


def hasty(**changes: object) -> LiveOptions:
    """Options with little patience."""
    return replace(LiveOptions(patience=HASTY, status_seconds=0.1), **changes)  # type: ignore[arg-type]

"""Which frames of a source are read, by their number or by media time."""

from __future__ import annotations

import math

from mien.core.errors import MediaTooLargeError
from mien.core.settings import SamplingSettings


class Sampler:
    """Chooses frames as they come; one for each pass over a source.

    Args:
        sampling: every Nth frame, or so many a second: the first frame at or after each tick of media time.
    """

    def __init__(self, sampling: SamplingSettings) -> None:
        self._sampling = sampling
        self._tick = -1

    def wants(self, index: int, media_time: float) -> bool:
        """Is the frame at this index (from 0) and time (seconds) to be read? Ask once a frame, in order."""
        if self._sampling.sample_hz is None:
            return index % self._sampling.every_nth == 0
        tick = math.floor(media_time * self._sampling.sample_hz + 1e-6)
        if tick <= self._tick:
            return False
        self._tick = tick
        return True


def expected_frames(frames: int | None, duration: float | None, sampling: SamplingSettings) -> int | None:
    """How many frames a pass will read, as far as it can be told."""
    if sampling.sample_hz is not None:
        if duration is None:
            return None
        by_time = math.ceil(duration * sampling.sample_hz)
        return by_time if frames is None else min(by_time, frames)
    return None if frames is None else -(-frames // sampling.every_nth)


def refuse_too_large(name: str, width: int, height: int, frames: int | None, sampling: SamplingSettings) -> None:
    """Refuse pictures that declare too many pixels, before any is decoded.

    Raises:
        MediaTooLargeError: naming the input and the limit.
    """
    if width * height > sampling.max_pixels:
        raise MediaTooLargeError(
            f"{name} declares pictures of {width}×{height}, more than the limit of {sampling.max_pixels / 1e6:.0f} "
            "million pixels. Scale it down first."
        )
    if frames is not None and width * height * frames > sampling.max_total_pixels:
        raise MediaTooLargeError(
            f"{name} declares {frames} pictures of {width}×{height}, more in all than the limit of "
            f"{sampling.max_total_pixels:.0e} pixels. Cut or scale it first."
        )

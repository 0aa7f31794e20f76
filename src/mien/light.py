"""Dark pictures made readable: by their own measured brightness, and left as they are wherever there is light.

A camera in a dark hall gives a few grey levels and much noise. Detectors were trained on neither. A dark picture loses
its colours, which hold noise only, is stretched to the levels of a lit one, and is smoothed: the more, the more it is
stretched. ``python -m benchmarks.dark`` tells what that is worth: at 3 % of the light YuNet finds none of fifty faces
without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mien.core.faces import UInt8Array
from mien.core.settings import LightSettings

BRIGHT_SHARE: Final = 0.99
"""Share of the pixels that are no brighter than what counts as the brightness of a picture: a lamp or a sign is not."""
_COARSE: Final = 8
_FINE: Final = 4
_LOW_SHARE: Final = 0.01
_HIGH_SHARE: Final = 0.995
_TARGET: Final = 200.0
_MOST_GAIN: Final = 64.0
_GAIN_PER_PX: Final = 11.0
"""Gain that a smoothing of one pixel's deviation is for. Fitted on composed halls at 1.5 to 20 % of the light, with a
sensor's noise of 2 levels: of the smoothings tried it is near the one after which most faces are found. Noise is not
measured: a codec hides it from such a measure, and leaves its blotches in the picture."""
_LEAST_BLUR_PX: Final = 0.5


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to a dark picture.

    Attributes:
        low: level that becomes black, 0–255.
        gain: factor on what lies above it.
        blur_px: deviation of the smoothing, pixels; 0 does not smooth.
    """

    low: float
    gain: float
    blur_px: float


class LightWatch:
    """Tells, frame by frame of one camera, whether it is dark, and prepares the frames for which it is.

    Between the two limits of the settings it stays as it was, so that it does not go to and fro.

    Args:
        settings: when it is dark.
    """

    def __init__(self, settings: LightSettings) -> None:
        self._settings = settings
        self.dark = False
        self.prepared = 0
        """Frames so far."""

    def look(self, image: UInt8Array) -> UInt8Array:
        """The picture as it is to be searched and read: itself where there is light.

        Args:
            image: uint8 H×W×3 RGB; left alone.
        """
        if not self._settings.prepare:
            return image
        brightness = measure_brightness(image)
        if brightness < self._settings.dark_below:
            self.dark = True
        elif brightness > self._settings.lit_above:
            self.dark = False
        if not self.dark:
            return image
        self.prepared += 1
        return brighten(image, self._settings.most_blur_px)


def measure_brightness(image: UInt8Array) -> float:
    """The luma that all but the brightest hundredth of a picture stays under, 0–255."""
    coarse = np.ascontiguousarray(image[::_COARSE, ::_COARSE])
    return _levels(np.asarray(cv2.cvtColor(coarse, cv2.COLOR_RGB2GRAY), np.uint8), BRIGHT_SHARE)[0]


def brighten(image: UInt8Array, most_blur_px: float) -> UInt8Array:
    """A dark picture, grey, stretched and smoothed.

    Args:
        image: uint8 H×W×3 RGB; left alone.
        most_blur_px: most that it may be smoothed, pixels.

    Returns:
        uint8 H×W×3, three equal planes.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    done = preparation_of(grey, most_blur_px)
    table = np.clip((np.arange(256) - done.low) * done.gain, 0, 255).astype(np.uint8)
    # Smoothing after stretching keeps what lies between two levels of the camera.
    bright = cv2.LUT(grey, table)
    if done.blur_px:
        bright = cv2.GaussianBlur(bright, (0, 0), done.blur_px)
    return np.asarray(cv2.cvtColor(bright, cv2.COLOR_GRAY2RGB), np.uint8)


def preparation_of(grey: UInt8Array, most_blur_px: float) -> Preparation:
    """What a picture asks for.

    Args:
        grey: uint8 H×W.
        most_blur_px: most that it may be smoothed, pixels.
    """
    low, high = _levels(np.ascontiguousarray(grey[::_FINE, ::_FINE]), _LOW_SHARE, _HIGH_SHARE)
    gain = min(max(_TARGET / max(high - low, 1.0), 1.0), _MOST_GAIN)
    blur = min(gain / _GAIN_PER_PX, most_blur_px)
    return Preparation(low, gain, blur if blur >= _LEAST_BLUR_PX else 0.0)


def _levels(grey: UInt8Array, *shares: float) -> list[float]:
    """Levels that so many shares of the pixels do not exceed."""
    below = np.cumsum(np.bincount(grey.reshape(-1), minlength=256))
    return [float(np.searchsorted(below, share * below[-1])) for share in shares]

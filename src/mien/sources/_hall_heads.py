"""Draws a face picture as a head on shoulders, ready to be laid into a hall.

Face pictures of data sets are cut tight. A detector expects more: so each stands in a soft oval on a head that goes on
as the picture's own edge does, on neck and shoulders. With hair and jaw of other shades, or a rounder oval, it would
look like a hood: YuNet does not mind, CenterFace misses many faces for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import FloatArray, UInt8Array

ABOVE: Final = 0.36
BELOW: Final = 0.74
BESIDE: Final = 0.44
"""How far a head's drawing reaches past its face picture, in sides of the picture."""
FACE_BOX: Final = (0.07, -0.02, 0.94, 1.07)
"""``x1, y1, x2, y2`` of the face inside its picture, in sides: where YuNet sees FER+'s faces on average."""
_OVAL_POWER: Final = 6.0
_OVAL_EDGE: Final = 0.16
_EDGE_BLUR: Final = 0.06


@dataclass(frozen=True, slots=True)
class Look:
    """What surrounds the face of one seat.

    Attributes:
        clothes: their RGB shade, 0–255.
        head: width of the head, in sides of the face picture.
    """

    clothes: tuple[float, float, float]
    head: float

    @classmethod
    def draw(cls, generator: np.random.Generator) -> Look:
        """One at random."""
        red, green, blue = generator.uniform(18.0, 60.0, 3)
        return cls((float(red), float(green), float(blue)), float(generator.uniform(1.06, 1.16)))


@dataclass(frozen=True, slots=True)
class Head:
    """A drawn head.

    Attributes:
        colour: uint8 h×w×3 RGB.
        cover: float32 h×w, how much of the hall it hides, 0–1.
        left, top: where the face picture's corner lies in it, pixels.
    """

    colour: UInt8Array
    cover: FloatArray
    left: int
    top: int


def draw_head(picture: UInt8Array, side: int, look: Look) -> Head:
    """A face picture as a head.

    Args:
        picture: uint8 S×S or S×S×3.
        side: of the face picture in the hall, pixels.
        look: what surrounds it.
    """
    left, top = math.ceil(BESIDE * side) + 1, math.ceil(ABOVE * side) + 1
    width, height = 2 * left + side, top + math.ceil((1 + BELOW) * side) + 1
    middle_x, middle_y = left + side / 2, top + side / 2
    face = _scaled(picture, side)

    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = look.clothes
    shoulders = _ellipse(width, height, middle_x, middle_y + 1.42 * side, 0.92 * side, 0.78 * side, 0.02 * side)
    neck = _ellipse(width, height, middle_x, middle_y + 0.52 * side, 0.27 * side, 0.34 * side, 0.03 * side)
    skull = _ellipse(width, height, middle_x, middle_y - 0.12 * side, 0.55 * look.head * side, 0.66 * side, 0.03 * side)
    jaw = _ellipse(width, height, middle_x, middle_y + 0.04 * side, 0.48 * look.head * side, 0.60 * side, 0.04 * side)
    _lay(canvas, _skin(picture) * 0.72, neck)
    edge = cv2.copyMakeBorder(face, top, height - top - side, left, left, cv2.BORDER_REPLICATE)
    _lay(canvas, np.asarray(cv2.GaussianBlur(edge, (0, 0), _EDGE_BLUR * side), np.float32), np.maximum(skull, jaw))
    oval = _oval(len(face))[..., None]
    place = canvas[top : top + len(face), left : left + len(face)]
    place += (face - place) * oval

    cover = np.maximum.reduce([shoulders, neck, skull, jaw])
    inside = cover[top : top + len(face), left : left + len(face)]
    np.maximum(inside, oval[..., 0], out=inside)
    # Nothing may end abruptly at the drawing's border: a head that moves by a part of a pixel would flicker there.
    cover[[0, -1]] = 0.0
    cover[:, [0, -1]] = 0.0
    return Head(np.clip(np.rint(canvas), 0, 255).astype(np.uint8), cover, left, top)


def _scaled(picture: UInt8Array, side: int) -> FloatArray:
    method = cv2.INTER_AREA if side < len(picture) else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(picture, (side, side), interpolation=method), np.float32)
    return np.repeat(scaled[..., None], 3, axis=2) if scaled.ndim == 2 else scaled


def _skin(picture: UInt8Array) -> FloatArray:
    """Colour of a face's skin, float32 3."""
    colour = picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2)
    n = len(colour)
    middle = colour[int(0.3 * n) : int(0.85 * n), int(0.2 * n) : int(0.8 * n)]
    return np.asarray(np.median(middle.reshape(-1, 3), axis=0), np.float32)


def _lay(canvas: FloatArray, shade: npt.NDArray[np.float32], cover: FloatArray) -> None:
    canvas += (np.asarray(shade, np.float32) - canvas) * cover[..., None]


def _ellipse(width: int, height: int, x: float, y: float, across: float, down: float, soft: float) -> FloatArray:
    """float32 h×w: 1 inside the ellipse, 0 outside, its edge ``soft`` pixels to each side."""
    columns = (np.arange(width, dtype=np.float32) + 0.5 - x) / across
    lines = (np.arange(height, dtype=np.float32) + 0.5 - y) / down
    distance = (np.sqrt(columns[None] ** 2 + lines[:, None] ** 2) - 1.0) * min(across, down)
    return np.asarray(np.clip(0.5 - distance / (2 * max(soft, 0.7)), 0.0, 1.0), np.float32)


@lru_cache(maxsize=64)
def _oval(side: int) -> FloatArray:
    """float32 side×side: 1 in the middle, falling to 0 in the corners."""
    place = np.abs((np.arange(side, dtype=np.float32) + 0.5) / (side / 2) - 1.0) ** _OVAL_POWER
    radius = (place[None] + place[:, None]) ** (1 / _OVAL_POWER)
    return np.asarray(np.clip((1 + _OVAL_EDGE / 2 - radius) / _OVAL_EDGE, 0.0, 1.0), np.float32)

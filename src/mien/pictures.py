"""One picture from its bytes, wherever they lie: its size from the header, and its pixels upright.

What is learned from and measured is decoded here, as is what is played: a network learns what it will be shown.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final, Literal

import numpy as np
from PIL import Image, ImageOps

from mien.core.errors import UnsupportedMediaError
from mien.core.faces import UInt8Array

_ORIENTATION: Final = 0x0112
_FIRST_TURNED: Final = 5
"""Exif orientations from this one on swap width and height."""
_DEEP: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
"""Pillow's modes of more than eight bits; converting one to eight clips it instead of scaling it."""
_DAMAGE: Final = (OSError, ValueError, SyntaxError, EOFError, struct.error)
"""What Pillow raises on bytes that are no picture; a broken PNG is a SyntaxError."""


def opened(file: Path | BinaryIO, place: str, formats: tuple[str, ...] | None = None) -> Image.Image:
    """A picture whose header was read, and no pixel yet.

    Args:
        file: where its bytes lie.
        place: what messages call it.
        formats: what it may be, in Pillow's names; None for anything.

    Raises:
        UnsupportedMediaError: it is none.
    """
    # Sizes are checked against the session's own limit, whatever Pillow's is.
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(file, formats=formats)
    except _DAMAGE as error:
        raise UnsupportedMediaError(f"{place} is not a picture that can be read. Export it as PNG or JPEG.") from error


def upright(picture: Image.Image, place: str, colour: Literal["grey", "rgb"] = "rgb") -> UInt8Array:
    """Its pixels, turned as the camera says; those of more than eight bits from its darkest to its brightest.

    Args:
        picture: from :func:`opened`.
        place: what messages call it.
        colour: ``grey`` is ITU-R BT.601 luma.

    Returns:
        uint8 H×W×3 RGB, or H×W for grey.

    Raises:
        UnsupportedMediaError: it is damaged.
    """
    try:
        turned = ImageOps.exif_transpose(picture)
        if turned.mode in _DEEP:
            grey = _stretched(np.asarray(turned, np.float32))
            return grey if colour == "grey" else np.repeat(grey[..., None], 3, axis=2)
        return np.array(turned.convert("L" if colour == "grey" else "RGB"), np.uint8)
    except _DAMAGE as error:
        raise UnsupportedMediaError(f"the picture {place} is damaged: {error}. Export it again.") from error


def is_turned(picture: Image.Image) -> bool:
    """Whether the camera's orientation swaps width and height; damaged metadata turns nothing."""
    try:
        return bool(picture.getexif().get(_ORIENTATION, 1) >= _FIRST_TURNED)
    except (*_DAMAGE, TypeError):
        return False


def _stretched(deep: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> UInt8Array:
    """A picture of more than eight bits (infrared cameras) from its darkest to its brightest value, uint8 H×W."""
    low, high = float(deep.min()), float(deep.max())
    return np.asarray(np.rint((deep - low) * (255.0 / max(high - low, 1.0))), np.uint8)

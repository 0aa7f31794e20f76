"""What stands between a face and a good crop, one thing at a time, at stated strengths.

Each disturbance changes the picture of a face, or where its landmarks are thought to be, before the serving path cuts
its crop: what is measured is what serving would see. Pictures are squares with one face as a data set frames it;
strengths are relative to the picture's side, so that sets of different sizes compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from mien.core.faces import CropGeometry, FloatArray, UInt8Array
from mien.preprocess import crop_faces, to_grey

_SENSOR_LEVELS: Final = 1.5
"""Deviation of a dark picture's noise, 8-bit levels."""

Disturb = Callable[[UInt8Array, FloatArray, float, np.random.Generator], tuple[UInt8Array, FloatArray]]
"""Picture uint8 S×S×3, its landmarks float32 5×2 in pixels, a strength, and a generator, to both disturbed."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One kind of trouble.

    Attributes:
        about: what it does, and the unit of its strength.
        unit: short unit for an axis.
        levels: strengths, mildest first; the undisturbed picture is level ``none``.
        none: the strength that changes nothing.
        apply: see :data:`Disturb`.
    """

    about: str
    unit: str
    none: float
    levels: tuple[float, ...]
    apply: Disturb


def whole_picture(geometry: CropGeometry, side_px: float) -> FloatArray:
    """Landmarks whose crop is exactly the picture.

    Args:
        geometry: the model's crop.
        side_px: the picture's side.

    Returns:
        float32 5×2, pixels.
    """
    scale = side_px / (geometry.side * (1 + 2 * geometry.margin))
    middle = (side_px - 1) / 2
    half = scale / (2 * math.sqrt(2))
    low = middle + geometry.raise_centre * scale
    points = [(-half, -half), (half, -half), (0.0, 0.0), (-half, half), (half, half)]
    return np.array([(middle + x, low + y) for x, y in points], np.float32)


def disturbed_crops(
    pictures: UInt8Array,
    geometry: CropGeometry,
    disturbance: Disturbance | None,
    level: float,
    generator: np.random.Generator,
    colour: Literal["grey", "rgb"] = "rgb",
) -> UInt8Array:
    """Crops of disturbed pictures, cut by the serving path.

    Args:
        pictures: uint8 N×S×S grey or N×S×S×3 RGB.
        geometry: the model's crop.
        disturbance: None cuts them undisturbed.
        level: its strength.
        generator: of whatever is random in it.
        colour: what the model sees.

    Returns:
        uint8 N×C×C×3, or N×C×C where the model sees grey; C the crop's size.
    """
    form = (len(pictures), geometry.size, geometry.size, *((3,) if colour == "rgb" else ()))
    crops = np.empty(form, np.uint8)
    for row, picture in enumerate(pictures):
        image = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
        landmarks = whole_picture(geometry, image.shape[0])
        if disturbance is not None:
            image, landmarks = disturbance.apply(image, landmarks, level, generator)
        crops[row] = crop_faces(image, landmarks[None], geometry, colour)[0]
    return crops


def _size(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    side = max(2, round(level))
    if side >= image.shape[0]:
        return image, landmarks
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    ratio = side / image.shape[0]
    return np.asarray(small, np.uint8), np.asarray((landmarks + 0.5) * ratio - 0.5, np.float32)


def _blur(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), level / 100 * image.shape[0]), np.uint8), landmarks


def _dark(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    return _sensor(image * (level / 100), _SENSOR_LEVELS, generator), landmarks


def _noise(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    return _sensor(image.astype(np.float64), level, generator), landmarks


def _sensor(light: np.ndarray, deviation: float, generator: np.random.Generator) -> UInt8Array:
    """Noise that is the same in all three channels where the picture is grey, as a grey sensor's is."""
    grey = bool((light[..., 0] == light[..., 1]).all() and (light[..., 1] == light[..., 2]).all())
    noise = generator.normal(0, deviation, (*light.shape[:2], 1 if grey else 3))
    return np.asarray(np.clip(np.rint(light + noise), 0, 255), np.uint8)


def _rotation(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    middle = (image.shape[0] - 1) / 2
    sign = 1 if generator.random() < 0.5 else -1
    turn = cv2.getRotationMatrix2D((middle, middle), sign * level, 1.0)
    turned = cv2.warpAffine(image, turn, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), landmarks


def _shift(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    angle = generator.random() * 2 * math.pi
    step = level / 100 * image.shape[0]
    return image, np.asarray(landmarks + step * np.array([math.cos(angle), math.sin(angle)]), np.float32)


def _framing(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    middle = (image.shape[0] - 1) / 2
    return image, np.asarray((landmarks - middle) * (level / 100) + middle, np.float32)


def _occlusion(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    side = image.shape[0]
    cover = round(side * math.sqrt(level / 100))
    left, top = (int(generator.integers(0, side - cover + 1)) for _ in range(2))
    out = image.copy()
    out[top : top + cover, left : left + cover] = generator.integers(0, 256)
    return out, landmarks


def _grey(
    image: UInt8Array, landmarks: FloatArray, level: float, generator: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    grey = to_grey(image[None])[0][..., None]
    return np.asarray(np.rint(image + level / 100 * (grey.astype(np.float64) - image)), np.uint8), landmarks


DISTURBANCES: Final = {
    "size": Disturbance(
        "The face as far away as that many pixels across, enlarged again by the crop.",
        "px",
        math.inf,
        (40.0, 32.0, 24.0, 18.0, 14.0, 12.0),
        _size,
    ),
    "blur": Disturbance(
        "Out of focus: a Gaussian of that deviation, percent of the picture's side.",
        "% of side",
        0.0,
        (1.0, 2.0, 3.0, 4.0, 6.0),
        _blur,
    ),
    "darkness": Disturbance(
        "Exposure in percent of the picture's, with sensor noise of 1.5 of 255 levels.",
        "% exposure",
        100.0,
        (50.0, 25.0, 12.0, 6.0, 3.0),
        _dark,
    ),
    "noise": Disturbance(
        "Sensor noise of that deviation, levels of 255.", "of 255", 0.0, (5.0, 10.0, 20.0, 30.0, 45.0), _noise
    ),
    "rotation": Disturbance(
        "Tilt that the alignment did not take out, either way, degrees.",
        "°",
        0.0,
        (5.0, 10.0, 15.0, 20.0, 30.0),
        _rotation,
    ),
    "shift": Disturbance(
        "Landmarks off by that much in a random direction, percent of the picture's side.",
        "% of side",
        0.0,
        (2.0, 5.0, 8.0, 12.0, 16.0),
        _shift,
    ),
    "framing": Disturbance(
        "Crop that wide, percent of the right width: under 100 it cuts into the face, above it shows more around it. "
        "Beyond the picture its edge is repeated.",
        "% of width",
        100.0,
        (80.0, 90.0, 110.0, 120.0, 140.0),
        _framing,
    ),
    "occlusion": Disturbance(
        "A plain square over that share of the picture, percent of its area, at a random place and of random shade.",
        "% of area",
        0.0,
        (4.0, 8.0, 15.0, 25.0, 40.0),
        _occlusion,
    ),
    "grey": Disturbance(
        "Colour taken out, percent. Grey pictures have none to lose.", "% of colour", 0.0, (50.0, 100.0), _grey
    ),
}
"""Every disturbance by name."""

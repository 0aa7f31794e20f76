"""From a face in a frame to a classifier's input: the one path that serving, training and evaluation share.

A crop's geometry belongs to a model and lives in its ``preprocess.json``: a square, upright in the face's own
frame, whose side and centre follow from the eyes and the mouth. It was fitted so that a detector's crop shows what a
training picture shows; nothing here is a free parameter at serving time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import CropGeometry, FloatArray, UInt8Array

_LEAST_SPREAD: Final = 0.01
"""Variance of a Gaussian, pixels², below which it changes next to nothing."""
_SPREAD_OF_THREE_TAPS: Final = 0.25
"""Variance, pixels², up to which the pixels beside one hold all of a Gaussian but a thousandth."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How pixels become a network's input.

    Attributes:
        colour: ``grey`` (one channel, ITU-R BT.601 luma) or ``rgb`` (three).
        equalise: scale each crop to zero mean and unit deviation, so that a dark face reads like a bright one.
        mean, deviation: per channel, on 0–1 pixels; applied after ``equalise`` is False only.
    """

    colour: Literal["grey", "rgb"] = "grey"
    equalise: bool = True
    mean: tuple[float, ...] = (0.5,)
    deviation: tuple[float, ...] = (0.25,)


def crop_transforms(landmarks: FloatArray, geometry: CropGeometry) -> npt.NDArray[np.float64]:
    """The affine map of each face from crop pixels to frame pixels.

    Args:
        landmarks: float32 N×5×2, frame pixels, in the order of ``core.faces.LANDMARK_NAMES``.
        geometry: the model's crop.

    Returns:
        float64 N×2×3; pixel centres lie at integer coordinates on both sides.
    """
    points = landmarks.astype(np.float64)
    across = points[:, 1] - points[:, 0]
    eyes = (points[:, 0] + points[:, 1]) / 2
    mouth = (points[:, 3] + points[:, 4]) / 2
    scale = _face_scale(points)
    angle = np.arctan2(across[:, 1], across[:, 0]) if geometry.align else np.zeros(len(points))
    cosine, sine = np.cos(angle), np.sin(angle)
    up = np.stack([sine, -cosine], axis=1)
    centre = (eyes + mouth) / 2 + up * (geometry.raise_centre * scale)[:, None]
    step = geometry.side * (1 + 2 * geometry.margin) * scale / geometry.size
    maps = np.empty((len(points), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = step * cosine
    maps[:, 0, 1] = -step * sine
    maps[:, 1, 0] = step * sine
    half = (geometry.size - 1) / 2
    maps[:, 0, 2] = centre[:, 0] - half * (maps[:, 0, 0] + maps[:, 0, 1])
    maps[:, 1, 2] = centre[:, 1] - half * (maps[:, 1, 0] + maps[:, 1, 1])
    return maps


def crop_side_px(landmarks: FloatArray, geometry: CropGeometry) -> npt.NDArray[np.float64]:
    """Side of each face's square in the frame: float64 N, pixels."""
    return np.asarray(_face_scale(landmarks.astype(np.float64)) * geometry.side * (1 + 2 * geometry.margin), np.float64)


def _face_scale(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The *scale* of :class:`mien.core.faces.CropGeometry`: float64 N, pixels."""
    across = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    height = np.linalg.norm((points[:, 3] + points[:, 4] - points[:, 0] - points[:, 1]) / 2, axis=1)
    return np.asarray(np.maximum(np.hypot(across, height), 1e-3), np.float64)


def crop_faces(
    image: UInt8Array, landmarks: FloatArray, geometry: CropGeometry, colour: Literal["grey", "rgb"] = "rgb"
) -> UInt8Array:
    """Cut the faces out of a frame.

    A face larger than its crop is smoothed by as much as it shrinks before it is sampled, so that detail does not
    alias, and by filters that stand still in the frame: a face that moves by less than a pixel looks nearly as it did.
    Outside the frame the nearest pixel is repeated.

    Args:
        image: uint8 H×W×3 RGB.
        landmarks: float32 N×5×2, pixels.
        geometry: the model's crop.
        colour: ``grey`` gives luma (BT.601), in less time.

    Returns:
        uint8 N×S×S×3, or N×S×S where it is grey.
    """
    size = geometry.size
    crops = np.empty((len(landmarks), size, size, *(image.shape[2:] if colour == "rgb" else ())), np.uint8)
    transforms = crop_transforms(landmarks, geometry)
    steps = np.hypot(transforms[:, 0, 0], transforms[:, 1, 0])
    # The blocks that pixels are averaged in are the frame's own, or a still face would change with its window.
    blocks = np.maximum(1, steps / 2).astype(np.int64)
    windows = _windows(transforms, steps, blocks, size, image.shape[1], image.shape[0])
    transforms[:, :, 2] -= windows[:, :2]
    for crop, transform, step, block, (left, top, right, bottom) in zip(
        crops, transforms, steps.tolist(), blocks.tolist(), windows.tolist(), strict=True
    ):
        patch = image[top:bottom, left:right]
        if colour == "grey":
            patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.uint8)
        _sample(patch, transform, step, block, crop)
    return crops


def _windows(
    transforms: npt.NDArray[np.float64],
    steps: npt.NDArray[np.float64],
    blocks: npt.NDArray[np.int64],
    size: int,
    width: int,
    height: int,
) -> npt.NDArray[np.int64]:
    """The part of the frame that each crop looks at: int64 N×4, left, top, right, bottom; never empty.

    It begins and ends where a block of the frame does, or with the frame.
    """
    ends = np.array([[0, size - 1, 0, size - 1], [0, 0, size - 1, size - 1], [1, 1, 1, 1]], np.float64)
    corners = transforms @ ends
    room = steps[:, None] + 1
    low = np.floor(corners.min(axis=2) - room).astype(np.int64)
    high = np.ceil(corners.max(axis=2) + room + 1).astype(np.int64)
    block = blocks[:, None]
    low = np.clip(low, 0, (width - 1, height - 1)) // block * block
    high = -(-np.maximum(high, low + 1) // block) * block
    return np.concatenate([low, np.minimum(high, (width, height))], axis=1)


def _sample(
    patch: UInt8Array, local: npt.NDArray[np.float64], step: float, block: int, crop: npt.NDArray[np.uint8]
) -> None:
    """Fill a crop from its part of the frame.

    A pixel of the frame is a box of variance 1/12 in its own pixels, and one of the crop of ``step² / 12``; what lacks
    is made up by a Gaussian of the difference before samples are taken. Nothing changes where a pixel is a pixel, and
    a crop depends on where its window begins in nothing. A large face is averaged in blocks first, for speed.

    Args:
        patch: uint8 H×W×3 or H×W.
        local: maps crop pixels to the part's.
        step: pixels of the part in one of the crop.
        block: side of the blocks, pixels.
        crop: uint8 S×S×3 or S×S, filled.
    """
    if block > 1:
        # Whole multiples let the area filter take its fast path; the picture's own edge may lose a few pixels.
        width, height = max(1, patch.shape[1] // block), max(1, patch.shape[0] // block)
        whole = patch[: height * block, : width * block]
        patch = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        ratio = np.array([width / whole.shape[1], height / whole.shape[0]])
        local = local * ratio[:, None]
        local[:, 2] += (ratio - 1) / 2
    spread = ((step / block) ** 2 - 1) / 12
    if spread > _LEAST_SPREAD:
        taps = 3 if spread <= _SPREAD_OF_THREE_TAPS else 5
        softened = cv2.GaussianBlur(patch, (taps, taps), math.sqrt(spread), borderType=cv2.BORDER_REPLICATE)
        patch = np.asarray(softened, np.uint8)
    cv2.warpAffine(
        patch,
        local,
        crop.shape[:2],
        dst=crop,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def normalise(crops: UInt8Array, form: InputFormat) -> FloatArray:
    """Crops as a network's input.

    Args:
        crops: uint8 N×S×S×3 RGB, or N×S×S grey.
        form: what the model expects.

    Returns:
        float32 N×C×S×S, C = 1 for grey and 3 for RGB.
    """
    pixels = to_grey(crops)[:, None] if form.colour == "grey" else _planes(crops)
    x = pixels.astype(np.float32) / 255.0
    if form.equalise:
        flat = x.reshape(len(x), -1)
        mean = flat.mean(axis=1).reshape(-1, 1, 1, 1)
        spread = flat.std(axis=1).reshape(-1, 1, 1, 1)
        return np.asarray((x - mean) / (spread + 1e-2), dtype=np.float32)
    return np.asarray((x - _channels(form.mean)) / _channels(form.deviation), dtype=np.float32)


def to_grey(crops: UInt8Array) -> UInt8Array:
    """uint8 N×S×S×3 RGB to N×S×S luma (BT.601); grey input passes through."""
    if crops.ndim == 3:
        return crops
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.rint(crops.astype(np.float32) @ weights), dtype=np.uint8)


def _planes(crops: UInt8Array) -> UInt8Array:
    if crops.ndim == 3:
        crops = np.repeat(crops[..., None], 3, axis=3)
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2))


def _channels(values: Sequence[float]) -> FloatArray:
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)

"""Training data as arrays in memory: vote distributions, and the crop a detector would cut."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import CropGeometry, FaceDetector, FloatArray, Frame, UInt8Array
from mien.evaluation.faces import VotedFaces
from mien.evaluation.protocols import vote_distribution
from mien.preprocess import crop_transforms


def soft_targets(votes: UInt8Array, *, drop_single_votes: bool) -> FloatArray:
    """float32 N×8 vote shares; rows without a vote for an emotion are all zero and weigh nothing."""
    return vote_distribution(votes, drop_single_votes=drop_single_votes)


def detect_landmarks(
    faces: VotedFaces,
    detector: FaceDetector,
    progress: Callable[[int], None] = lambda done: None,
    *,
    magnification: float = 2.5,
    canvas_px: int = 224,
) -> FloatArray:
    """The landmarks a detector finds on each picture, in the picture's pixels.

    Each picture is enlarged onto the middle of a plain canvas, because a face that fills its picture to the edge
    is no longer what a detector was trained to find.

    Returns:
        float32 N×5×2; NaN where no face was found.
    """
    side = faces.images.shape[1]
    large = round(side * magnification)
    offset = (canvas_px - large) // 2
    out = np.full((len(faces), 5, 2), np.nan, np.float32)
    for row, image in enumerate(faces.images):
        canvas = np.full((canvas_px, canvas_px), int(image.mean()), np.uint8)
        canvas[offset : offset + large, offset : offset + large] = cv2.resize(
            image, (large, large), interpolation=cv2.INTER_CUBIC
        )
        found = detector.detect([Frame(np.repeat(canvas[..., None], 3, axis=2), row, 0.0)])[0]
        if len(found):
            out[row] = (found.landmarks[0] - offset) / magnification
        if row % 500 == 499:
            progress(row + 1)
    return out


def crop_maps(landmarks: FloatArray, geometry: CropGeometry, picture_px: int) -> npt.NDArray[np.float32]:
    """The serving crop of each picture as a map in units of half a side, as ``augment`` wants it.

    Args:
        landmarks: float32 N×5×2 in picture pixels, NaN where unknown.
        geometry: the model's crop.
        picture_px: the pictures' side.

    Returns:
        float32 N×2×3; the identity where landmarks are unknown or the crop would leave most of the picture.
    """
    identity = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    maps = np.repeat(identity[None], len(landmarks), axis=0)
    known = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
    pixel = crop_transforms(landmarks[known], geometry)
    linear = pixel[:, :, :2] * (geometry.size / picture_px)
    middle = pixel[:, :, :2].sum(axis=2) * ((geometry.size - 1) / 2) + pixel[:, :, 2]
    shift = (middle + 0.5) * 2 / picture_px - 1
    zoom = np.hypot(linear[:, 0, 0], linear[:, 1, 0])
    usable = (np.abs(shift).max(axis=1) < 0.4) & (zoom > 0.5) & (zoom < 1.6)
    maps[known[usable], :, :2] = linear[usable]
    maps[known[usable], :, 2] = shift[usable]
    return maps

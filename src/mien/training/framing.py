"""The crops a detector would cut of training pictures, as maps that augmentation samples with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import CropGeometry, FaceDetector, FloatArray, Frame, UInt8Array
from mien.preprocess import crop_transforms
from mien.report.partial import written_whole
from mien.training.recipe import Recipe

CANVAS_MARGIN = 1.85
"""Side of the canvas that a picture is shown on, in sides of the enlarged picture."""
IDENTITY: Final = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
"""The map that shows a picture as it is."""
FEW_ALIGNED = 0.5
"""Share of the faces under which most of what was to be cut as in serving is not."""


def detect_landmarks(
    images: UInt8Array,
    detector: FaceDetector,
    magnification: float = 2.5,
    progress: Callable[[int], None] = lambda done: None,
) -> FloatArray:
    """The landmarks a detector finds on each picture, in the picture's pixels.

    Each picture is enlarged onto the middle of a plain canvas, because a face that fills its picture to the edge
    is no longer what a detector was trained to find.

    Args:
        images: uint8 N×S×S grey or N×S×S×3 RGB.
        detector: finds them.
        magnification: of pictures of 48 pixels; others are brought to the same size on the canvas.
        progress: told how many are done, every 500.

    Returns:
        float32 N×5×2; NaN where no face was found.
    """
    side = images.shape[1]
    large = round(48 * magnification)
    canvas_px = round(large * CANVAS_MARGIN / 32 + 0.25) * 32
    offset = (canvas_px - large) // 2
    out = np.full((len(images), 5, 2), np.nan, np.float32)
    for row, image in enumerate(images):
        colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        canvas = np.full((canvas_px, canvas_px, 3), int(image.mean()), np.uint8)
        canvas[offset : offset + large, offset : offset + large] = cv2.resize(
            colour, (large, large), interpolation=cv2.INTER_CUBIC
        )
        found = detector.detect([Frame(canvas, row, 0.0)])[0]
        if len(found):
            out[row] = (found.landmarks[0] - offset) * (side / large)
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
    maps = np.repeat(IDENTITY[None], len(landmarks), axis=0)
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


def framings(
    recipe: Recipe, images: UInt8Array, detector: FaceDetector | None, out: Path, progress: Callable[[str], None]
) -> npt.NDArray[np.float32]:
    """The maps of every picture at each of the recipe's magnifications, float32 F×N×2×3.

    What the detector found is kept in ``out``, under a name that says which pictures it was found on. How many faces
    can be cut is told, with a warning under half of them: the others are learned from as they are, however framed.

    Args:
        recipe: says the crop and the magnifications.
        images: uint8 N×S×S or N×S×S×3.
        detector: finds landmarks; None only when no crop is aligned.
        out: the run's folder.
        progress: told what is being done.

    Raises:
        OutputError: ``out`` cannot be written.
    """
    geometry = CropGeometry(recipe.crop.size, recipe.crop.side, recipe.crop.raise_centre, recipe.crop.align)
    side = images.shape[1]
    if recipe.data.aligned_share == 0 or detector is None:
        return crop_maps(np.full((len(images), 5, 2), np.nan, np.float32), geometry, side)[None]
    digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()[:12]
    maps, seen = [], []
    for magnification in recipe.data.framings:
        cache = out / f"landmarks-{recipe.data.detector}-{magnification:g}-{digest}.npy"
        if cache.exists():
            landmarks = np.load(cache, allow_pickle=False)
        else:
            landmarks = detect_landmarks(
                images,
                detector,
                magnification,
                lambda done: progress(f"landmarks of {done} of {len(images)} faces"),
            )
            with written_whole(cache) as temporary, temporary.open("wb") as stream:
                np.save(stream, landmarks)
        maps.append(crop_maps(landmarks, geometry, side))
        seen.append(np.isfinite(landmarks).all(axis=(1, 2)))
    framed = np.stack(maps)
    for text in _told(framed, np.stack(seen), recipe.data.detector):
        progress(text)
    return framed


def _told(maps: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_], detector: str) -> Iterator[str]:
    """What a run says of float32 F×N×2×3 maps of faces that were found or not, bool F×N; a second sentence warns."""
    aligned, unseen = float((maps != IDENTITY).any(axis=(2, 3)).mean()), 1 - float(seen.mean())
    yield f"{100 * aligned:.1f} % of the faces can be cut as serving cuts them; the others are shown as they are"
    if aligned < FEW_ALIGNED:
        yield (
            f"warning: that is under half of what data.aligned_share is about: {detector} finds no face on "
            f"{100 * unseen:.1f} % of the pictures, and one too small, too large or too far from the middle on "
            f"{100 * max(0.0, 1 - aligned - unseen):.1f} %. Cut the pictures so that the eyes lie two fifths down and "
            "two fifths of the side apart"
        )

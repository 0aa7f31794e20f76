"""What anchor-free detectors share: overlap suppression and padding to a network's stride."""

from __future__ import annotations

import numpy as np

from mien.core.faces import FloatArray, UInt8Array


def suppress_overlaps(boxes: FloatArray, scores: FloatArray, iou: float) -> list[int]:
    """Greedy non-maximum suppression.

    Args:
        boxes: float32 N×4, ``x1, y1, x2, y2``.
        scores: float32 N.
        iou: a box that overlaps a stronger one by more than this is the same face, 0–1.

    Returns:
        Positions of the boxes to keep, strongest first.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        corner = np.maximum(boxes[best, :2], boxes[rest, :2])
        side = np.maximum(np.minimum(boxes[best, 2:], boxes[rest, 2:]) - corner, 0)
        shared = side[:, 0] * side[:, 1]
        order = rest[shared <= iou * np.maximum(area[best] + area[rest] - shared, 1e-9)]
    return keep


class Canvas:
    """A black picture whose sides are multiples of a network's stride, kept between frames of one size."""

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self._pixels = np.zeros((0, 0, 3), np.uint8)

    def pad(self, image: UInt8Array) -> UInt8Array:
        """``image`` in the top left corner; the image itself when its sides fit already.

        The result is valid until the next call.
        """
        height, width = image.shape[:2]
        rows, columns = -(-height // self._stride) * self._stride, -(-width // self._stride) * self._stride
        if (rows, columns) == (height, width):
            return image
        if self._pixels.shape[:2] != (rows, columns):
            self._pixels = np.zeros((rows, columns, 3), np.uint8)
        self._pixels[height:] = 0
        self._pixels[:, width:] = 0
        self._pixels[:height, :width] = image
        return self._pixels

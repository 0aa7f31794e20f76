"""What anchor-free detectors share: overlap suppression and padding to a network's stride."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mien.core.faces import FloatArray, UInt8Array


def suppress_overlaps(boxes: FloatArray, scores: FloatArray, iou: float, *, of_smaller: bool = False) -> list[int]:
    """Greedy non-maximum suppression.

    Args:
        boxes: float32 N×4, ``x1, y1, x2, y2``.
        scores: float32 N.
        iou: a box that overlaps a stronger one by more than this is the same face, 0–1.
        of_smaller: what two boxes share is taken as a share of the smaller one, in place of both together: a box
            inside another is the same face then.

    Returns:
        Positions of the boxes to keep, strongest first.
    """
    order = np.argsort(-scores, kind="stable")
    low, high = boxes[order, :2], boxes[order, 2:]
    sides = np.maximum(high - low, 0)
    area = sides[:, 0] * sides[:, 1]
    free = np.ones(len(order), np.bool_)
    keep: list[int] = []
    for best, position in enumerate(order.tolist()):
        if not free[best]:
            continue
        keep.append(position)
        rest = slice(best + 1, None)
        side = np.maximum(np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest]), 0)
        shared = side[:, 0] * side[:, 1]
        whole = np.minimum(area[best], area[rest]) if of_smaller else area[best] + area[rest] - shared
        free[rest] &= shared <= iou * np.maximum(whole, 1e-9)
    return keep


MAX_TRIM_SHARE: Final = 0.025
"""Largest share of a picture's side that may be left out, half of it at each edge, to save a row of padding; nor may
it be more than a quarter of the stride, so that no tiny face is lost with it."""


class NetworkInput:
    """A network's input, kept between frames of one size: planes of float32, sides made multiples of the stride.

    A side that is slightly too long loses its edges (4 of 360 lines at the top and at the bottom save a twelfth of the
    computation); any other is padded with black.

    Args:
        stride: sides become multiples of this, pixels.
        blue_first: order of the planes; False is red, green, blue.

    Attributes:
        origin: float32 2, where the input's corner lies in the latest picture: pixels right and down.
    """

    def __init__(self, stride: int, *, blue_first: bool) -> None:
        self._stride = stride
        self._order = (2, 1, 0) if blue_first else (0, 1, 2)
        self._filled = (0, 0)
        self._buffer = np.zeros((1, 3, 0, 0), np.float32)
        self._part = (slice(0, 0), slice(0, 0))
        self.origin = np.zeros(2, np.float32)

    def fill(self, image: UInt8Array) -> FloatArray:
        """uint8 H×W×3 RGB to float32 1×3×rows×columns on 0–255; valid until the next call."""
        height, width = image.shape[:2]
        if (height, width) != self._filled:
            top, bottom, rows = self._fit(height)
            left, right, columns = self._fit(width)
            self._buffer = np.zeros((1, 3, rows, columns), np.float32)
            self._part = (slice(top, bottom), slice(left, right))
            self.origin = np.array([left, top], np.float32)
            self._filled = (height, width)
        planes = cv2.split(image[self._part])
        high, wide = planes[0].shape
        for plane, channel in enumerate(self._order):
            self._buffer[0, plane, :high, :wide] = planes[channel]
        return self._buffer

    def _fit(self, length: int) -> tuple[int, int, int]:
        """Begin and end of what is kept of one side, and the side of the network's input, pixels."""
        over = length % self._stride
        if over <= min(self._stride / 4, MAX_TRIM_SHARE * length):
            return over // 2, length - (over - over // 2), length - over
        return 0, length, length + self._stride - over

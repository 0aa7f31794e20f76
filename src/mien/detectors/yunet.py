"""YuNet (Wu, Peng, Yu, 2023, *YuNet: A Tiny Millisecond-level Face Detector*), at any input size.

The graph predicts, for each cell of three grids (strides 8, 16, 32), a class and an object score, a box as
centre offset and log size in strides, and five landmark offsets in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mien.core.faces import FaceDetector, Faces, FloatArray, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.inference import open_session

STRIDES = (8, 16, 32)
NMS_IOU = 0.3
WEIGHTS = ("yunet-s",)
"""Names in the weights registry of the files that :func:`create` needs, in order."""


def create(weights: Sequence[Weights], detection: DetectionSettings, inference: InferenceSettings) -> FaceDetector:
    """The detector, from the weights that :data:`WEIGHTS` names."""
    return YuNet(weights[0], threshold=detection.threshold, inference=inference)


class YuNet(FaceDetector):
    """Finds faces with YuNet.

    Args:
        weights: the verified ONNX graph.
        threshold: least confidence (geometric mean of class and object score) that counts as a face, 0–1.
        inference: how the graph is run.
    """

    name = "yunet"

    def __init__(self, weights: Weights, *, threshold: float, inference: InferenceSettings) -> None:
        self.sha256 = weights.sha256
        self.threshold = threshold
        self._session = open_session(weights.content, weights.name, inference)
        self._outputs = [f"{kind}_{s}" for s in STRIDES for kind in ("cls", "obj", "bbox", "kps")]
        self._canvas = np.zeros((0, 0, 3), np.uint8)

    def _detect(self, image: UInt8Array) -> Faces:
        height, width = image.shape[:2]
        rows, columns = -(-height // 32) * 32, -(-width // 32) * 32
        blob = cv2.dnn.blobFromImage(self._padded(image, rows, columns), swapRB=True)
        outputs = self._session.run(self._outputs, {"input": blob})
        boxes, scores, landmarks = [], [], []
        for level, stride in enumerate(STRIDES):
            cls, obj, box, kps = (array[0] for array in outputs[4 * level : 4 * level + 4])
            score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
            hit = np.flatnonzero(score >= self.threshold)
            if len(hit) == 0:
                continue
            cells = np.stack([hit % (columns // stride), hit // (columns // stride)], axis=1).astype(np.float32)
            centre = (cells + box[hit, :2]) * stride
            half = np.exp(box[hit, 2:]) * (stride / 2)
            boxes.append(np.concatenate([centre - half, centre + half], axis=1))
            scores.append(score[hit])
            landmarks.append((kps[hit].reshape(-1, 5, 2) + cells[:, None, :]) * stride)
        if not boxes:
            return Faces.none()
        faces = Faces(
            np.concatenate(boxes).astype(np.float32),
            np.concatenate(scores).astype(np.float32),
            np.concatenate(landmarks).astype(np.float32),
        )
        return faces.select(suppress_overlaps(faces.boxes, faces.scores, NMS_IOU))

    def _padded(self, image: UInt8Array, rows: int, columns: int) -> UInt8Array:
        """``image`` in the top left of a black rows×columns canvas, kept between frames of one size."""
        if image.shape[:2] == (rows, columns):
            return image
        if self._canvas.shape[:2] != (rows, columns):
            self._canvas = np.zeros((rows, columns, 3), np.uint8)
        else:
            self._canvas[image.shape[0] :] = 0
            self._canvas[:, image.shape[1] :] = 0
        self._canvas[: image.shape[0], : image.shape[1]] = image
        return self._canvas


def suppress_overlaps(boxes: FloatArray, scores: FloatArray, iou: float) -> list[int]:
    """Greedy non-maximum suppression: positions of the boxes to keep, strongest first."""
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

"""YuNet (Wu, Peng, Yu, 2023, *YuNet: A Tiny Millisecond-level Face Detector*), at any input size.

The graph predicts, for each cell of three grids (strides 8, 16, 32), a class and an object score, a box as
centre offset and log size in strides, and five landmark offsets in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mien.core.faces import FaceDetector, Faces, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.detectors._boxes import NetworkInput, suppress_overlaps
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
        self._network_input = NetworkInput(STRIDES[-1], blue_first=True)

    def _detect(self, image: UInt8Array) -> Faces:
        blob = self._network_input.fill(image)
        columns = blob.shape[3]
        outputs = self._session.run(self._outputs, {"input": blob})
        boxes, scores, landmarks = [], [], []
        for level, stride in enumerate(STRIDES):
            cls, obj, box, kps = (array[0] for array in outputs[4 * level : 4 * level + 4])
            # Both scores leave the graph through a sigmoid.
            product = cls[:, 0] * obj[:, 0]
            hit = np.flatnonzero(product >= self.threshold**2)
            if len(hit) == 0:
                continue
            cells = np.stack([hit % (columns // stride), hit // (columns // stride)], axis=1).astype(np.float32)
            centre = (cells + box[hit, :2]) * stride
            half = np.exp(box[hit, 2:]) * (stride / 2)
            boxes.append(np.concatenate([centre - half, centre + half], axis=1))
            scores.append(np.sqrt(product[hit]))
            landmarks.append((kps[hit].reshape(-1, 5, 2) + cells[:, None, :]) * stride)
        if not boxes:
            return Faces.none()
        faces = Faces(
            np.concatenate(boxes).astype(np.float32) + np.tile(self._network_input.origin, 2),
            np.concatenate(scores).astype(np.float32),
            np.concatenate(landmarks).astype(np.float32) + self._network_input.origin,
        )
        return faces.select(suppress_overlaps(faces.boxes, faces.scores, NMS_IOU))

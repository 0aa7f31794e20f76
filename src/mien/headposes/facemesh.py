"""Head pose from 478 landmarks (Google's Face Landmarker; Kartynnik et al., 2019, *Real-time Facial Surface Geometry
from Monocular Video on Mobile GPUs*).

The network sees each face upright and alone and gives its landmarks in three dimensions. The mean face is laid onto
them, rotated and scaled to the least weighted squares (Kabsch, 1976; the landmarks and weights are the bundle's own),
and the rotation is the pose. Depth is what five points lack: pitch is read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.errors import WeightsError
from mien.core.faces import CropGeometry, FloatArray, HeadPoseEstimator, HeadPoses, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import InferenceSettings
from mien.headposes._face_bundle import read_bundle
from mien.inference import open_session
from mien.preprocess import crop_faces, crop_transforms
from mien.tflite import to_onnx

WEIGHTS: Final = ("face-landmarker",)
"""Names in the weights registry of the files that :func:`create` needs, in order."""
INPUT_PX: Final = 256
CROP: Final = CropGeometry(INPUT_PX, side=2.85, raise_centre=0.0)
"""A square half as large again as the face: what the network was trained to see."""
LEAST_PRESENCE: Final = 0.0
"""Least logit of a face being there; below it there is no pose."""
BATCH: Final = 8


def create(weights: Sequence[Weights], inference: InferenceSettings) -> HeadPoseEstimator:
    """The estimator, from the weights that :data:`WEIGHTS` names."""
    return FaceMesh(weights[0], inference)


class FaceMesh(HeadPoseEstimator):
    """Yaw, pitch and roll from a dense landmark network.

    Args:
        weights: the verified bundle, as published.
        inference: how the network is run.
    """

    name = "facemesh"
    measures_pitch = True

    def __init__(self, weights: Weights, inference: InferenceSettings) -> None:
        self.sha256 = weights.sha256
        try:
            self._bundle = read_bundle(weights.content)
            graph = to_onnx(self._bundle.network)
        except WeightsError as error:
            raise WeightsError(f"{weights.name}: {error}") from error
        self._session = open_session(graph, weights.name, inference)

    def _estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> HeadPoses:
        crops = np.concatenate([crop_faces(i, points, CROP) for i, points in zip(images, landmarks, strict=True)])
        maps = np.concatenate([crop_transforms(points, CROP) for points in landmarks])
        points, present = self._landmarks(crops)
        angles = rotation_angles(self._rotations(points, maps))
        angles[present < LEAST_PRESENCE] = np.nan
        yaw, pitch, roll = angles.astype(np.float32).T
        return HeadPoses(yaw, pitch, roll)

    def _landmarks(self, crops: UInt8Array) -> tuple[npt.NDArray[np.float64], FloatArray]:
        """N×L×3 in pixels of the crops (z away from the camera), and the logits of a face being there."""
        points, present = [], []
        for start in range(0, len(crops), BATCH):
            pictures = crops[start : start + BATCH].astype(np.float32) / 255.0
            found, logit, *_ = self._session.run(None, {"input": pictures})
            points.append(found.reshape(len(pictures), -1, 3))
            present.append(logit.reshape(-1))
        return np.concatenate(points).astype(np.float64), np.concatenate(present)

    def _rotations(self, points: npt.NDArray[np.float64], maps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """N×3×3: how the mean face is turned to lie on the landmarks, in the frame's own directions."""
        seen = points[:, self._bundle.basis]
        flat = seen[:, :, :2] @ maps[:, :, :2].transpose(0, 2, 1)
        # Depth is in pixels of the crop too; crops are scaled evenly.
        depth = -seen[:, :, 2:] * np.hypot(maps[:, 0, 0], maps[:, 1, 0])[:, None, None]
        seen = np.concatenate([flat, depth], axis=2)
        weights = self._bundle.weights
        seen = seen - np.einsum("b,nbk->nk", weights, seen)[:, None]
        mean = self._bundle.places - weights @ self._bundle.places
        u, _, vt = np.linalg.svd(np.einsum("b,nbi,bj->nij", weights, seen, mean))
        u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
        return np.asarray(u @ vt, np.float64)


def rotation_angles(rotations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Yaw, pitch and roll of rotations that turn, then nod, then tilt.

    Args:
        rotations: float64 N×3×3; x to the picture's right, y down, z to the camera.

    Returns:
        float64 N×3, degrees.
    """
    yaw = np.arctan2(-rotations[:, 2, 0], rotations[:, 2, 2])
    pitch = np.arcsin(np.clip(-rotations[:, 2, 1], -1.0, 1.0))
    roll = np.arctan2(-rotations[:, 0, 1], rotations[:, 1, 1])
    return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)), np.float64)

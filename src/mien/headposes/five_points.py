"""Head pose from five landmarks: yaw, pitch and roll, in degrees.

Five points carry little: yaw follows from how far the nose lies off the axis of eyes and mouth, pitch from where
along that axis it lies. Both use a mean head's nose depth; pitch also depends on the length of a person's nose and
is weak. Positive yaw turns towards the picture's right, positive pitch looks down, positive roll tilts clockwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.core.faces import FloatArray, HeadPoseEstimator, HeadPoses, UInt8Array
from mien.core.plugins import Weights
from mien.core.settings import InferenceSettings

WEIGHTS: Final[tuple[str, ...]] = ()
"""It needs no file."""

NOSE_DEPTH = 0.5
"""How far the nose's tip stands out from the plane of eyes and mouth corners, in distances between the eyes: 0.42 on
average over the heads of ``benchmarks.headpose``, 0.54 on the mean face of Google's Face Landmarker."""
EYES_TO_MOUTH = 1.0
"""Distance from the eyes' to the mouth's midpoint, in distances between the eyes, on a frontal face."""
NEUTRAL_NOSE = 0.525
"""Where along the axis from eyes (0) to mouth (1) the nose's tip lies on a frontal face: medians of 27,000 FER+ faces
as YuNet sees them."""


def create(weights: Sequence[Weights], inference: InferenceSettings) -> HeadPoseEstimator:
    """The estimator; it needs neither weights nor a runtime."""
    return FivePoints()


class FivePoints(HeadPoseEstimator):
    """Yaw, pitch and roll from the detector's landmarks alone."""

    name = "five_points"

    def _estimate(self, images: Sequence[UInt8Array], landmarks: Sequence[FloatArray]) -> HeadPoses:
        return head_poses(np.concatenate(landmarks))


def head_poses(landmarks: FloatArray) -> HeadPoses:
    """Head pose of each face.

    Args:
        landmarks: float32 N×5×2, pixels, in the order of ``core.faces.LANDMARK_NAMES``.

    Returns:
        Angles in degrees; yaw and pitch within ±90, roll within ±180.
    """
    points = landmarks.astype(np.float64)
    across = points[:, 1] - points[:, 0]
    eyes = (points[:, 0] + points[:, 1]) / 2
    mouth = (points[:, 3] + points[:, 4]) / 2
    down = mouth - eyes
    height = np.maximum(np.linalg.norm(down, axis=1), 1e-6)
    axis = down / height[:, None]
    side = np.stack([axis[:, 1], -axis[:, 0]], axis=1)
    nose = points[:, 2] - eyes
    off_axis = np.einsum("ij,ij->i", nose, side)
    along = np.einsum("ij,ij->i", nose, axis)
    # The nose leaves the axis as the sine of yaw, and the eyes draw together as its cosine.
    width = np.einsum("ij,ij->i", across, side)
    yaw = np.degrees(np.arctan2(off_axis / NOSE_DEPTH, np.maximum(width, 1e-6)))
    # The axis from eyes to mouth is shortened by pitch only, the line between the eyes by yaw only: whichever is
    # longer, in frontal units, gives the size of the head.
    unit = np.maximum(np.maximum(np.linalg.norm(across, axis=1), height / EYES_TO_MOUTH), 1e-6)
    sine = (along - NEUTRAL_NOSE * height) / (unit * NOSE_DEPTH)
    pitch = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    roll = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    return HeadPoses(yaw.astype(np.float32), pitch.astype(np.float32), roll.astype(np.float32))

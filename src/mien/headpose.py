"""Head pose from five landmarks: yaw, pitch and roll, in degrees.

Five points carry little: yaw follows from how far the nose lies off the axis of eyes and mouth, pitch from where
along that axis it lies. Both use a mean head's nose depth; pitch also depends on the length of a person's nose and
is weak. Positive yaw turns towards the picture's right, positive pitch looks down, positive roll tilts clockwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mien.core.faces import FloatArray, HeadPoses

NOSE_DEPTH = 0.55
"""How far the nose's tip stands out from the plane of eyes and mouth corners, in distances between the eyes
(mean adult head: about 35 mm of 63 mm)."""
EYES_TO_MOUTH = 1.0
"""Distance from the eyes' to the mouth's midpoint, in distances between the eyes, on a frontal face."""
NEUTRAL_NOSE = 0.525
"""Where along the axis from eyes (0) to mouth (1) the nose's tip lies on a frontal face: medians of 27,000 FER+ faces
as YuNet sees them."""


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
    # The axis from eyes to mouth is shortened by pitch only, the line between the eyes by yaw only: whichever is
    # longer, in frontal units, gives the size of the head.
    unit = np.maximum(np.maximum(np.linalg.norm(across, axis=1), height / EYES_TO_MOUTH), 1e-6)
    axis = down / height[:, None]
    side = np.stack([axis[:, 1], -axis[:, 0]], axis=1)
    nose = points[:, 2] - eyes
    off_axis = np.einsum("ij,ij->i", nose, side) / unit
    along = np.einsum("ij,ij->i", nose, axis) / unit
    yaw = _angle(off_axis / NOSE_DEPTH)
    pitch = _angle((along - NEUTRAL_NOSE * height / unit) / NOSE_DEPTH)
    roll = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    return HeadPoses(yaw.astype(np.float32), pitch.astype(np.float32), roll.astype(np.float32))


def _angle(sine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), np.float64)

"""Is this face readable? What is not is *unread*, with its reason, never guessed as neutral."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mien.core.faces import Faces, FloatArray, HeadPoses, UInt8Array, UnreadReason
from mien.core.settings import QualitySettings

_MIN_NATIVE_PX = 8


def unreadable_by_shape(
    faces: Faces, poses: HeadPoses, width: int, height: int, settings: QualitySettings
) -> list[UnreadReason | None]:
    """What box and pose alone say of each face.

    Args:
        faces: N faces of one frame.
        poses: their head poses.
        width, height: of the frame, pixels.
        settings: the limits.

    Returns:
        A reason, or None for a face that may be readable; the first that applies of too small, cut off, turned away.
    """
    boxes = faces.boxes
    sides = boxes[:, 2:] - boxes[:, :2]
    inside = np.minimum(boxes[:, 2:], (width, height)) - np.maximum(boxes[:, :2], 0)
    area = np.maximum(sides[:, 0] * sides[:, 1], 1e-6)
    visible = np.maximum(inside[:, 0], 0) * np.maximum(inside[:, 1], 0) / area
    small = sides.min(axis=1, initial=np.inf) < settings.min_face_px
    cut = 1 - visible > settings.max_cut_off
    turned = (np.abs(poses.yaw) > settings.max_yaw_degrees) | (np.abs(poses.pitch) > settings.max_pitch_degrees)
    return [
        UnreadReason.TOO_SMALL
        if small[i]
        else UnreadReason.CUT_OFF
        if cut[i]
        else UnreadReason.TURNED_AWAY
        if turned[i]
        else None
        for i in range(len(faces))
    ]


def sharpness(crops: UInt8Array, native_px: npt.NDArray[np.floating]) -> FloatArray:
    """How sharp each face is for its size.

    The deviation of the Laplacian over the deviation of the picture itself, at the size the face was seen at or the
    crop's, whichever is smaller: light and contrast cancel, and a small sharp face is not punished for being
    enlarged. On 48-pixel FER+ pictures its median is 0.82; after a Gaussian blur of deviation 1 pixel 0.25, of
    1.5 pixels 0.15, of 2 pixels 0.10.

    Args:
        crops: uint8 N×S×S×3 RGB, or N×S×S grey.
        native_px: side of each crop's square in the frame, pixels.

    Returns:
        float32 N, clipped to 0–1.
    """
    out = np.empty(len(crops), np.float32)
    for position, crop in enumerate(crops):
        grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        side = max(_MIN_NATIVE_PX, round(float(native_px[position])))
        if side < len(crop):
            grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
        detail = cv2.Laplacian(grey, cv2.CV_32F, ksize=1)
        out[position] = _deviation(detail) / (_deviation(grey) + 2.0)
    return np.clip(out, 0.0, 1.0)


def _deviation(values: npt.NDArray[np.integer | np.floating]) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])

"""Where the screen is, as one camera sees the faces that look at it: estimated from a stretch where all look there.

Screens are not where cameras are. What leaves is one direction for the whole audience, with how far its people spread
about it and how many they were; of fewer people than the minimum group, nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError
from mien.core.faces import FrameReading, HeadPoseEstimator
from mien.core.settings import CALIBRATION_GROUP, CameraSettings

NORMAL_CONSISTENCY: Final = 1.4826
"""Turns the median distance from the median into the standard deviation of a normal distribution."""


class Calibration:
    """Collects the head poses of faces that are read, and tells the direction they share.

    Args:
        head_pose: what tells the poses; its pitch is used where it measures pitch.
        min_group: fewest faces read at once that a direction is told of; never below :data:`CALIBRATION_GROUP`.
    """

    def __init__(self, head_pose: HeadPoseEstimator, min_group: int) -> None:
        self._head_pose = head_pose
        self._min_group = max(min_group, CALIBRATION_GROUP)
        self._angles: dict[int, list[tuple[float, float]]] = {}
        self._read: list[int] = []

    def add(self, reading: FrameReading) -> None:
        """Take one frame's reading; faces that were not read are left out."""
        read = [face for face in reading.faces if face.unread is None]
        if self._head_pose.measures_pitch:
            read = [face for face in read if face.pitch_known]
        self._read.append(len(read))
        for face in read:
            self._angles.setdefault(face.track, []).append((face.yaw_degrees, face.pitch_degrees))

    def result(self) -> CameraSettings:
        """The direction: each face's median over time, and the median of these, each counted as long as it was seen.

        Raises:
            InputError: fewer faces than the minimum group were read at once, over half of the frames.
        """
        together = sorted(self._read)[(len(self._read) - 1) // 2] if self._read else 0
        if together < self._min_group:
            raise InputError(
                f"a camera is calibrated by {self._min_group} faces or more, and fewer were read at once. Choose a "
                "stretch that shows more of the audience, or write the camera's file by hand."
            )
        each = [np.median(seen, axis=0) for seen in self._angles.values()]
        weights = np.array([len(seen) for seen in self._angles.values()], np.float64)
        yaw, yaw_spread = _middle([float(angles[0]) for angles in each], weights)
        pitch, pitch_spread = _middle([float(angles[1]) for angles in each], weights)
        known = self._head_pose.measures_pitch
        return CameraSettings(
            screen_yaw_degrees=yaw,
            screen_pitch_degrees=pitch if known else None,
            head_pose=self._head_pose.name,
            faces=together,
            yaw_spread_degrees=yaw_spread,
            pitch_spread_degrees=pitch_spread if known else None,
        )


def _middle(values: Sequence[float], weights: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Weighted median and spread (scaled median distance from it), to a tenth of a degree."""
    array = np.asarray(values, np.float64)
    middle = weighted_median(array, weights)
    spread = NORMAL_CONSISTENCY * weighted_median(np.abs(array - middle), weights)
    return round(middle, 1), round(spread, 1)


def weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float:
    """The least value that, with all below it, carries half of the weight.

    Args:
        values: float64 N, at least one.
        weights: float64 N, positive.
    """
    order = np.argsort(values, kind="stable")
    carried = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(carried, carried[-1] / 2)])

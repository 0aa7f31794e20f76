"""Yaw, pitch and roll of a rigid head, projected."""

from __future__ import annotations

import numpy as np
import pytest

from mien.headposes.five_points import EYES_TO_MOUTH, NEUTRAL_NOSE, NOSE_DEPTH, head_poses

HEAD = np.array(
    [
        [-0.5, 0.0, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, NEUTRAL_NOSE * EYES_TO_MOUTH, NOSE_DEPTH],
        [-0.4, EYES_TO_MOUTH, 0.0],
        [0.4, EYES_TO_MOUTH, 0.0],
    ]
)
"""A head in distances between its eyes: x to the picture's right, y down, z towards the camera."""


def project(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    y, p, r = np.deg2rad([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray((HEAD @ (tilt @ nod @ turn).T)[None, :, :2] * 60 + 200, np.float32)


@pytest.mark.parametrize("yaw", [-60, -30, -10, 0, 10, 30, 60])
def test_yaw(yaw: float) -> None:
    assert head_poses(project(yaw=yaw)).yaw[0] == pytest.approx(yaw, abs=8)


@pytest.mark.parametrize("pitch", [-25, -10, 0, 10, 25])
def test_pitch_has_the_right_sign_and_order(pitch: float) -> None:
    found = head_poses(project(pitch=pitch)).pitch[0]
    assert found == pytest.approx(pitch, abs=12)


@pytest.mark.parametrize("roll", [-40, 0, 25])
def test_roll_leaves_yaw_and_pitch_alone(roll: float) -> None:
    poses = head_poses(project(roll=roll))
    assert poses.roll[0] == pytest.approx(roll, abs=0.5)
    assert poses.yaw[0] == pytest.approx(0, abs=0.5)
    assert poses.pitch[0] == pytest.approx(0, abs=0.5)


def test_no_face() -> None:
    assert len(head_poses(np.zeros((0, 5, 2), np.float32)).yaw) == 0

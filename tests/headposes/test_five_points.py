"""Yaw, pitch and roll of a rigid head, projected."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.heads import Pose, meshes
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
    return np.asarray((HEAD @ Pose(yaw, pitch, roll).rotation().T)[None, :, :2] * 60 + 200, np.float32)


@pytest.mark.parametrize("yaw", [-60, -30, -10, 0, 10, 30, 60])
def test_yaw(yaw: float) -> None:
    assert head_poses(project(yaw=yaw)).yaw[0] == pytest.approx(yaw, abs=0.5)


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


def told(yaw: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    """What is told of every head of the benchmark, with its landmarks exactly where they are: 2×12, yaw and pitch."""
    rotation = Pose(yaw, pitch).rotation()
    points = np.stack([(mesh.landmarks @ rotation.T)[:, :2] for mesh in meshes()]).astype(np.float32) * 60
    poses = head_poses(points)
    return np.stack([poses.yaw, poses.pitch])


@pytest.mark.parametrize("yaw", [-60, -40, -20, 20, 40, 60])
def test_yaw_of_people_with_noses_of_their_own(yaw: float) -> None:
    """Noses differ by more than half: so do the sines of what is told."""
    found = told(yaw=yaw)[0]
    assert np.median(found) == pytest.approx(yaw, abs=0.2 * abs(yaw))
    assert np.abs(found - yaw).max() < 0.6 * abs(yaw)


def test_more_yaw_is_told_as_more() -> None:
    steps = np.stack([told(yaw=angle)[0] for angle in range(-80, 81, 10)])
    assert (np.diff(steps, axis=0) > 0).all()


def test_pitch_tells_nodding_from_looking_up_but_differs_between_people() -> None:
    down, ahead, up = (told(pitch=angle)[1] for angle in (25, 0, -25))
    assert (down > ahead).all()
    assert (ahead > up).all()
    assert np.ptp(ahead) > 10

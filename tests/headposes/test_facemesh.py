"""Rotations and their angles, and what is no bundle."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.heads import Pose
from mien import weights
from mien.core.errors import WeightsError
from mien.core.plugins import Weights
from mien.core.settings import InferenceSettings
from mien.headposes._face_bundle import GEOMETRY, NETWORK, read_bundle
from mien.headposes.facemesh import FaceMesh, rotation_angles


@given(st.floats(-179, 179), st.floats(-89, 89), st.floats(-179, 179))
def test_angles_of_a_rotation_are_those_it_was_made_of(yaw: float, pitch: float, roll: float) -> None:
    found = rotation_angles(Pose(yaw, pitch, roll).rotation()[None])[0]
    assert found == pytest.approx([yaw, pitch, roll], abs=1e-3)


def test_the_bundle_holds_a_face_as_wide_as_a_face() -> None:
    try:
        bundle = read_bundle(weights.load("face-landmarker").content)
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")
    assert bundle.places.shape == (len(bundle.basis), 3)
    assert bundle.weights.sum() == pytest.approx(1)
    left, right = (bundle.places[list(bundle.basis).index(corner)] for corner in (33, 263))
    assert right[0] - left[0] == pytest.approx(8.9, abs=0.3)
    forehead, tip = (bundle.places[list(bundle.basis).index(mark)] for mark in (10, 4))
    assert forehead[1] < left[1] < tip[1]
    assert tip[2] > left[2] + 2


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr({"network": NETWORK, "geometry": GEOMETRY}[name], member)
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"no zip", zipped(), zipped(network=b"", geometry=b"\xff" * 20)])
def test_what_is_no_bundle_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(WeightsError, match="pretender"):
        FaceMesh(Weights("pretender", content, "00" * 32), InferenceSettings())

"""A hall whose screen lies 20° beside the camera: found from the audience, and used to tell who faces it.

The hall's people are rendered heads of known pose. Neutral ones look at the screen; happy ones look past the camera, to
its other side.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from benchmarks.headpose import faces
from benchmarks.heads import Head, Pose, meshes
from mien.assembly import load_detector
from mien.cli import main
from mien.core.errors import WeightsError
from mien.core.settings import DetectionSettings, InferenceSettings

SCREEN, ELSEWHERE = 20.0, -25.0
CHANGE = 4.0
PEOPLE = 8
OWN = ("--purpose", "personal", "--basis", "own_recording")


@pytest.fixture(scope="module")
def hall(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A composed hall's specification: twelve people who look at the screen, and after four seconds past it."""
    folder = tmp_path_factory.mktemp("hall")
    detector, _ = load_detector(None, DetectionSettings(), InferenceSettings())
    background = np.full((160, 160, 3), 28, np.uint8)
    people = list(zip(meshes(), faces(shared / "data", detector), strict=False))[:PEOPLE]
    for number, (mesh, (picture, landmarks)) in enumerate(people):
        head = Head(mesh, picture, landmarks, finest_px=80)
        for emotion, yaw in (("neutral", SCREEN), ("happiness", ELSEWHERE)):
            drawn = head.draw(Pose(yaw), 80, background)
            middle = head.landmarks(Pose(yaw), 80, (79.5, 79.5)).mean(axis=0)
            left, top = np.rint((79.5 + middle[0]) / 2 - 46).astype(int), np.rint(middle[1] - 46).astype(int)
            target = folder / "faces" / emotion / f"{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), np.ascontiguousarray(drawn[top : top + 92, left : left + 92, ::-1]))
    spec = {
        "faces": "faces", "rows": 2, "columns": 4, "width": 960, "height": 480, "face_px": [84, 92],
        "frame_rate": 5, "duration_seconds": 2 * CHANGE,
        "moods": [{"emotion": "neutral"}, {"at_seconds": CHANGE, "emotion": "happiness"}],
    }  # fmt: skip
    (folder / "hall.yaml").write_text(yaml.safe_dump(spec))
    return folder / "hall.yaml"


def mien(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def facing(folder: Path) -> tuple[float, float]:
    """Share that faces the screen before and after the change."""
    rows = json.loads((folder / "report.json").read_text())["timeline"]
    shares = [
        [r["facing_share"] for r in rows if (r["media_time_seconds"] < CHANGE) == first] for first in (True, False)
    ]
    return float(np.mean(shares[0])), float(np.mean(shares[1]))


def test_the_screen_is_found_and_tells_who_faces_it(hall: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    mien("calibrate", f"synthetic:{hall}", "--to", CHANGE, "--out", camera, *OWN)
    told = yaml.safe_load(camera.read_text())
    assert told["screen_yaw_degrees"] == pytest.approx(SCREEN, abs=10)
    assert told["faces"] >= 5
    assert "screen_pitch_degrees" not in told

    mien("analyze", f"synthetic:{hall}", "--profile", "cinema", "--out", tmp_path / "with", "--camera", camera, *OWN)
    before, after = facing(tmp_path / "with")
    assert before > 0.85
    assert after < 0.35

    mien("analyze", f"synthetic:{hall}", "--profile", "cinema", "--out", tmp_path / "without", *OWN)
    assert facing(tmp_path / "without")[1] > after + 0.3, "from the camera they are turned less than 25°"


def test_a_dense_estimator_finds_it_too_and_its_pitch(hall: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    try:
        mien("calibrate", f"synthetic:{hall}", "--to", CHANGE, "--out", camera, "--head-pose", "facemesh", *OWN)
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")
    told = yaml.safe_load(camera.read_text())
    assert told["head_pose"] == "facemesh"
    assert told["screen_yaw_degrees"] == pytest.approx(SCREEN, abs=10)
    assert told["screen_pitch_degrees"] == pytest.approx(0, abs=8)


def test_a_file_of_another_estimator_is_refused(hall: Path, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text("screen_yaw_degrees: 20\nhead_pose: facemesh\n")
    for command in ("analyze", "live"):
        done = CliRunner().invoke(main, [command, f"synthetic:{hall}", "--camera", str(camera)])
        assert done.exit_code == 2
        assert "calibrate again" in done.output


def test_one_person_is_no_audience(tmp_path: Path) -> None:
    from mien import weights

    clip = weights.resolve("demo-clip")
    arguments = ["calibrate", str(clip), "--to", "1", "--profile", "interview", "--out", str(tmp_path / "camera.yaml")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 3
    assert not (tmp_path / "camera.yaml").exists()


@pytest.mark.parametrize("text", ["", "[]", "screen_yaw: 20", "screen_yaw_degrees: 90", "{", "screen_yaw_degrees: x"])
def test_what_is_no_camera_file_is_refused(text: str, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text(text)
    done = CliRunner().invoke(main, ["analyze", "clip.mp4", "--camera", str(camera)])
    assert done.exit_code == 2
    assert "camera.yaml" in done.output


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"screen_yaw_degrees: 5\nscreen_yaw_degrees: 25\n", "line 2: screen_yaw_degrees is given in line 1 already"),
        ("screen_yaw_degrees: 5\n# für\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b"screen_yaw_degrees: 2026-13-45\n", "makes no sense at screen_yaw_degrees"),
    ],
)
def test_what_a_camera_file_cannot_mean_is_told_with_its_place(content: bytes, told: str, tmp_path: Path) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_bytes(content)
    done = CliRunner().invoke(main, ["analyze", "clip.mp4", "--camera", str(camera)])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())

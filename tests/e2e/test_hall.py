"""A composed hall through the whole command: the report follows the schedule, below the group nothing is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from mien import weights
from mien.assembly import load_detector
from mien.core.faces import CropGeometry
from mien.core.settings import DetectionSettings, InferenceSettings
from mien.preprocess import crop_transforms
from tests.e2e.support import decode, mien

TIGHT = CropGeometry(96, side=1.876, raise_centre=0.153)

HALL = """
faces: faces
rows: 2
columns: 4
width: 640
height: 360
frame_rate: 10
duration_seconds: 9
face_px: [56, 64]
sway_px: 2
moods:
  - {at_seconds: 0, emotion: sadness}
  - {at_seconds: 3, emotion: happiness}
absences:
  - {seats: [0, 1, 5, 6], from_seconds: 6}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of eight seats with the face of the demonstration clip: sad, smiling from 3 s on, from 6 s on four."""
    folder = tmp_path_factory.mktemp("hall")
    frames = decode(weights.resolve("demo-clip"))
    detector, _ = load_detector(None, DetectionSettings(), InferenceSettings())
    for emotion, moments in {"sadness": (30, 40, 50, 60), "happiness": (380, 390, 400, 410)}.items():
        (folder / "faces" / emotion).mkdir(parents=True)
        for moment in moments:
            landmarks = detector.detect([frames[moment]])[0].landmarks[:1]
            transform = crop_transforms(landmarks, TIGHT)[0]
            crop = cv2.warpAffine(
                frames[moment].image, transform, (96, 96), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
            )
            cv2.imwrite(str(folder / "faces" / emotion / f"{moment}.png"), crop[..., ::-1])
    (folder / "hall.yaml").write_text(HALL)
    ran = mien(
        "analyze", f"synthetic:{folder / 'hall.yaml'}", "--profile", "cinema", "--basis", "notice",
        "--purpose", "audience_research", "--out", folder / "out", "--quiet",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def test_the_report_says_that_it_is_a_demonstration(told: Path) -> None:
    report = json.loads((told / "report.json").read_text(encoding="utf-8"))
    assert report["demo"]
    assert report["provenance"]["input"]["kind"] == "synthetic"
    assert not report["personal_data"]
    assert "DEMO" in (told / "report.html").read_text(encoding="utf-8")


def test_the_timeline_follows_the_schedule(told: Path) -> None:
    with (told / "timeline.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    for row in rows[1:12]:
        assert int(row["readable_faces"]) == 8
        sad, happy = float(row["sadness_percent"]), float(row["happiness_percent"])
        if float(row["media_time_seconds"]) < 3:
            assert sad > happy
        elif float(row["media_time_seconds"]) >= 4:
            assert happy > 60 > sad


def test_when_four_have_left_nothing_is_told_of_the_others(told: Path) -> None:
    with (told / "timeline.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row["media_time_seconds"]) >= 7]
    assert {row["state"] for row in rows} == {"suppressed"}
    for row in rows:
        assert {name for name, value in row.items() if value} <= {
            "media_time_seconds", "media_time_mmss", "duration_seconds", "state",
        }  # fmt: skip

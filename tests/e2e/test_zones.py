"""One hall filmed by two cameras that overlap, through the whole command: nobody is counted twice."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien.core.settings import SamplingSettings
from mien.sources import open_source
from tests.e2e.support import mien

HALL = """
faces: {faces}
min_agreement: 0.8
rows: 3
columns: 10
width: {width}
height: {height}
frame_rate: 8
duration_seconds: 8
face_px: [56, 60]
jitter: 0.1
seed: 4
moods:
  - {{at_seconds: 0, emotion: neutral}}
seat_moods:
  - seats: [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    moods:
      - {{at_seconds: 0, emotion: neutral}}
      - {{at_seconds: 5, emotion: happiness}}
"""
ZONES = """
cameras:
  left.mp4:
    zones:
      left: [[0, 0], [0.6667, 1]]
      middle: [[0.6667, 0], [1, 1]]
  right.mp4:
    start_seconds: 2
    zones:
      middle: [[0, 0], [0.3333, 1]]
      right: [[0.3333, 0], [1, 1]]
"""
RATE, WIDTH, HEIGHT = 8, 1040, 400
POLICY = ("--profile", "cinema", "--basis", "notice", "--purpose", "audience_research")


def film(spec: Path, path: Path, left: float, right: float, from_seconds: float) -> None:
    """What a camera records that shows part of the hall's width (shares) from a moment on."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = round((right - left) * WIDTH), HEIGHT, "yuv420p"
        for frame in open_source(f"synthetic:{spec}", SamplingSettings()):
            if frame.media_time < from_seconds - 1e-6:
                continue
            part = np.ascontiguousarray(frame.image[:, round(left * frame.width) : round(right * frame.width)])
            picture = av.VideoFrame.from_ndarray(part, format="rgb24")
            picture.pts, picture.time_base = round((frame.media_time - from_seconds) * RATE), Fraction(1, RATE)
            output.mux(stream.encode(picture))
        output.mux(stream.encode())


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seats in ten columns; both cameras show the two columns in the middle, the left four smile from 5 s on."""
    folder = tmp_path_factory.mktemp("zones")
    spec, faces = folder / "hall.yaml", (shared / "data" / "ferplus" / "valid.npz").resolve()
    spec.write_text(HALL.format(faces=faces, width=WIDTH, height=HEIGHT))
    film(spec, folder / "left.mp4", 0.0, 0.6, 0.0)
    film(spec, folder / "right.mp4", 0.4, 1.0, 2.0)
    (folder / "zones.yaml").write_text(ZONES)
    ran = mien(
        "analyze", folder / "left.mp4", folder / "right.mp4", "--zones", folder / "zones.yaml", *POLICY,
        "--out", folder / "out", "--quiet",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    return told


def test_every_seat_is_counted_once(report: dict[str, Any]) -> None:
    alone = [row["readable_faces"] for row in report["timeline"] if row["media_time_seconds"] < 1.9]
    together = [row["readable_faces"] for row in report["timeline"] if row["media_time_seconds"] >= 2]
    assert all(16 <= count <= 18 for count in alone), alone
    assert all(28 <= count <= 30 for count in together), together


def test_the_hall_tells_what_one_camera_would_that_sees_it_all(folder: Path, report: dict[str, Any]) -> None:
    ran = mien("analyze", f"synthetic:{folder / 'hall.yaml'}", *POLICY, "--out", folder / "whole", "--quiet")
    assert ran.returncode == 0, ran.stderr
    whole = json.loads((folder / "whole" / "report.json").read_text(encoding="utf-8"))
    pairs = [
        (one["emotions_percent"]["happiness"], other["emotions_percent"]["happiness"])
        for one, other in zip(report["timeline"], whole["timeline"], strict=True)
        if one["media_time_seconds"] >= 2
    ]
    assert max(abs(a - b) for a, b in pairs) < 5


def test_the_zone_that_smiled_is_found(report: dict[str, Any]) -> None:
    highest = {
        zone["zone"]: next(level["highest_percent"] for level in zone["distribution"] if level["label"] == "happiness")
        for zone in report["zones"]
    }
    assert list(highest) == ["left", "middle", "right"]
    assert highest["left"] > 60
    assert max(highest["middle"], highest["right"]) < 25


def test_each_zone_has_its_own_rows(folder: Path) -> None:
    with (folder / "out" / "zones.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 16
    late = [row for row in rows if row["zone"] == "right"]
    assert [row["state"] for row in late[:4]] == ["gap"] * 4
    assert {row["state"] for row in late[4:]} == {"read"}


def test_the_report_names_the_cameras(report: dict[str, Any]) -> None:
    cameras = report["provenance"]["cameras"]
    assert [(c["name"], c["start_seconds"], c["zones"]) for c in cameras] == [
        ("left.mp4", 0, ["left", "middle"]),
        ("right.mp4", 2, ["middle", "right"]),
    ]
    assert report["provenance"]["input"]["name"] == "left.mp4 + right.mp4"


def test_a_zone_below_the_group_is_withheld_and_in_no_figure(folder: Path) -> None:
    (folder / "small.yaml").write_text(
        "cameras: {left.mp4: {zones: {corner: [[0, 0], [0.17, 0.4]], rest: [[0.17, 0], [1, 1]]}}}"
    )
    ran = mien(
        "analyze", folder / "left.mp4", "--zones", folder / "small.yaml", *POLICY, "--out", folder / "small", "--quiet"
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads((folder / "small" / "report.json").read_text(encoding="utf-8"))
    corner, rest = told["zones"]
    assert corner["coverage"]["steps_suppressed"] == corner["coverage"]["steps"]
    assert corner["coverage"]["readable_most"] is None
    assert told["coverage"]["readable_most"] == rest["coverage"]["readable_most"]
    assert told["provenance"]["sightings"] is None


def test_an_input_without_zones_stops_before_anything_is_read(folder: Path, tmp_path: Path) -> None:
    ran = mien(
        "analyze", folder / "left.mp4", folder / "hall.mp4", "--zones", folder / "zones.yaml", *POLICY,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr
    assert "not hall.mp4" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_pictures_of_single_people_are_not_offered_for_zones(folder: Path, tmp_path: Path) -> None:
    ran = mien(
        "analyze", folder / "left.mp4", "--zones", folder / "zones.yaml", "--annotate", "--profile", "cinema",
        "--purpose", "personal", "--basis", "own_recording", "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.returncode == 2
    assert "leave out '--zones'" in ran.stderr

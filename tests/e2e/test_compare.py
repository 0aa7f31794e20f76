"""Two audiences of composed halls through the whole command: the planted scare is found at its second, nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import mien

SESSIONS = 5
FADES_SECONDS = 1.0
"""The profile's smoothing lets a reading fade for this long."""
SCARE = (12.0, 15.0)
HALL = """
faces: {faces}
min_agreement: 0.8
rows: 2
columns: 3
width: 360
height: 240
frame_rate: 4
duration_seconds: 20
face_px: [52, 56]
jitter: 0.2
sway_px: 1
seed: {seed}
moods:
  - {{at_seconds: 0, weights: {{neutral: 3, happiness: 1}}}}
"""
PLANTED = """
  - {{at_seconds: {0}, weights: {{fear: 2, surprise: 1, neutral: 1}}}}
  - {{at_seconds: {1}, weights: {{neutral: 3, happiness: 1}}}}
"""


def screenings(folder: Path, faces: Path, first_seed: int, *, planted: bool) -> Path:
    """Reports of several screenings of one version, each before other people."""
    specs = []
    folder.mkdir()
    for seed in range(first_seed, first_seed + SESSIONS):
        spec = folder / f"hall-{seed}.yaml"
        spec.write_text(HALL.format(faces=faces, seed=seed) + (PLANTED.format(*SCARE) if planted else ""))
        specs.append(f"synthetic:{spec}")
    ran = mien(
        "analyze", *specs, "--profile", "cinema", "--basis", "notice", "--purpose", "audience_research",
        "--out", folder / "reports", "--quiet",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder / "reports"


@pytest.fixture(scope="module")
def versions(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compare")
    faces = (shared / "data" / "ferplus" / "valid.npz").resolve()
    return {
        "first-cut": screenings(folder / "a", faces, 100, planted=False),
        "second-cut": screenings(folder / "b", faces, 200, planted=True),
        "first-cut-again": screenings(folder / "c", faces, 300, planted=False),
    }


def compared(versions: dict[str, Path], names: tuple[str, str], out: Path) -> tuple[dict[str, Any], str]:
    named = [part for name in names for part in ("--name", name)]
    ran = mien(
        "compare", *(versions[name] for name in names), *named, "--series", "fear", "--title", "The House",
        "--out", out, "--seed", 1,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return told["comparisons"][0], ran.stdout


def test_the_planted_scare_is_found_at_its_second_and_nothing_else(versions: dict[str, Path], tmp_path: Path) -> None:
    told, said = compared(versions, ("first-cut", "second-cut"), tmp_path / "out")
    assert told["verdict"]["shown"] is True
    assert "second-cut" in said
    assert "DEMO" in said
    with (tmp_path / "out" / "comparison.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = [float(row["media_time_seconds"]) for row in rows if float(row["family_p"] or 1) <= 0.05]
    assert shown, "nothing was found"
    assert min(shown) >= SCARE[0]
    assert max(shown) < SCARE[1] + FADES_SECONDS
    assert {12.5, 13.0, 13.5, 14.0} <= set(shown)
    inside = [float(row["difference"]) for row in rows if 12.5 <= float(row["media_time_seconds"]) < 14.5]
    assert min(inside) > 15


def test_two_audiences_of_one_cut_show_no_difference(versions: dict[str, Path], tmp_path: Path) -> None:
    told, said = compared(versions, ("first-cut", "first-cut-again"), tmp_path / "out")
    assert told["verdict"]["shown"] is False
    assert "No difference shown" in said

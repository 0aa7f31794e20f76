"""A planted scare, through the whole command: found at its second, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.support import mien

HALL = """
faces: {faces}
min_agreement: 0.8
rows: 3
columns: 6
width: 768
height: 432
frame_rate: 4
duration_seconds: 50
face_px: [48, 60]
sway_px: 1
seed: 3
moods:
  - {{at_seconds: 0, emotion: neutral}}
  - {{at_seconds: 38, weights: {{fear: 2, surprise: 1, neutral: 1}}}}
  - {{at_seconds: 41, emotion: neutral}}
"""


@pytest.fixture(scope="module")
def out(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen faces that are calm but for three seconds, in which half are afraid and a quarter surprised."""
    folder = tmp_path_factory.mktemp("scare")
    (folder / "hall.yaml").write_text(HALL.format(faces=(shared / "data" / "ferplus" / "valid.npz").resolve()))
    ran = mien(
        "analyze", f"synthetic:{folder / 'hall.yaml'}", "--profile", "cinema", "--basis", "notice",
        "--purpose", "audience_research", "--shock-report", "--out", folder / "out", "--quiet",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return folder / "out"


def test_the_scare_is_found_at_its_second_and_no_other(out: Path) -> None:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    [scare] = [event for event in report["events"] if event["kind"] == "scare"]
    assert scare["start_seconds"] == pytest.approx(38.0, abs=0.5)
    assert 38.0 <= scare["peak_seconds"] <= 41.0
    assert scare["low_points"] < scare["value_points"] <= scare["high_points"]
    assert scare["rise_points"] > 50


def test_the_score_is_withheld_while_the_baseline_is_taken(out: Path) -> None:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    shock = {row["media_time_seconds"]: row["measures"]["shock"] for row in report["timeline"]}
    assert {measure["withheld"] for at, measure in shock.items() if at < 30} == {"the baseline is not established yet"}
    assert all(measure["value"] is not None for at, measure in shock.items() if at >= 30)
    calm = [measure["value"] for at, measure in shock.items() if 30 <= at < 38]
    assert max(calm) < 15


def test_the_compatible_report_tells_the_same(out: Path) -> None:
    told = json.loads((out / "shock_report.json").read_text(encoding="utf-8"))
    assert told["overall_metrics"]["total_scare_events"] == 1
    assert told["overall_metrics"]["average_audience_size"] == 18
    assert [event["timestamp"] for event in told["scare_events"]] == ["00:38"]

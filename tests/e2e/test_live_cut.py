"""A power cut in the middle of ``mien live --record``: what it loses, and the reports that are made of what is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien import weights
from mien.report.unfinished import FILE
from tests.e2e.support import mien

ZONES = "cameras: {CLIP: {zones: {left: [[0, 0], [0.5, 1]], right: [[0.5, 0], [1, 1]]}}}"
WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def clip() -> Path:
    return weights.resolve("demo-clip")


def children(pid: int) -> list[int]:
    """Processes that a process started and that run, and theirs."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [further for child in found for further in children(child)]


def cut_off(folder: Path, *arguments: object, after_seconds: float) -> tuple[float, list[int]]:
    """A session that is killed outright so long after it said what it measures, which its first step makes it say.

    Returns:
        How long the recording had been played since then, seconds; and its workers.
    """
    running = subprocess.Popen(
        [sys.executable, "-m", "mien", "live", *map(str, arguments), "--record", str(folder), "--quiet"],
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (folder / FILE).exists() and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.02)
    began = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(after_seconds)
    workers = children(running.pid)
    running.send_signal(signal.SIGKILL)
    played = time.monotonic() - began
    running.wait(10)
    return played, workers


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def told(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def gone(pids: Sequence[int]) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def test_five_seconds_at_most_are_lost_and_reports_are_made_of_the_rest(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tonight"
    played, workers = cut_off(folder, clip, after_seconds=WITHIN_SECONDS + 1.7)
    assert workers, "a camera and the networks were at work"
    assert gone(workers), "they end with the session, and let the camera go"
    written = lines_of(folder / "timeline.jsonl")
    assert written[-1]["media_time"] + written[-1]["duration_seconds"] > played - WITHIN_SECONDS > 1.0
    assert not (folder / "report.json").exists()

    ran = mien("recover", folder)
    assert ran.returncode == 0, ran.stderr
    assert "INCOMPLETE  The power or the program was cut off" in " ".join(ran.stdout.split("\n"))
    report = told(folder)
    assert (report["complete"], report["stopped_because"]) == (False, "cut_off")
    assert [row["media_time_seconds"] for row in report["timeline"]] == [line["media_time"] for line in written]
    assert report["provenance"]["input"]["name"] == clip.name
    assert report["provenance"]["classifier"]["name"] == "mien-m"
    assert report["provenance"]["frames_read"] == sum(line["frames"] for line in written)
    assert report["provenance"]["sightings"] is report["provenance"]["frames_detected"] is None
    assert "was cut off" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "timeline.csv").exists()

    assert not (folder / FILE).exists()
    again = mien("recover", folder)
    assert again.returncode == 3
    assert "the reports of the one in it are there" in again.stderr


def test_what_it_was_cut_off_at_is_told_when_the_box_starts_again(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tonight"
    zones = tmp_path / "zones.yaml"
    zones.write_text(ZONES.replace("CLIP", clip.name), encoding="utf-8")
    cut_off(folder, clip, "--zones", zones, after_seconds=1.0)
    ran = mien("live", clip, "--fast", "--seconds", "1", "--record", folder, "--quiet")
    assert ran.returncode == 0, ran.stderr
    assert f"mien recover {folder}" in ran.stderr
    assert (tmp_path / "tonight-2" / "report.json").exists()

    assert mien("recover", folder, "--quiet").returncode == 0
    report, parts = told(folder), lines_of(folder / "zones.jsonl")
    assert [zone["zone"] for zone in report["zones"]] == ["left", "right"]
    for zone in report["zones"]:
        assert zone["coverage"]["steps"] == sum(line["zone"] == zone["zone"] for line in parts) > 0
    assert (folder / "zones.csv").exists()


def test_a_session_that_lasts_as_long_as_it_was_to_is_complete(clip: Path, tmp_path: Path) -> None:
    ran = mien("live", clip, "--seconds", "1.5", "--record", tmp_path / "short")
    assert ran.returncode == 0, ran.stderr
    assert "INCOMPLETE" not in ran.stdout
    report = told(tmp_path / "short")
    assert (report["complete"], report["stopped_because"]) == (True, None)
    assert 0 < len(report["timeline"]) < 8
    assert not (tmp_path / "short" / FILE).exists()


def test_a_session_that_runs_is_left_alone(clip: Path, tmp_path: Path) -> None:
    folder, pictures = tmp_path / "tonight", tmp_path / "pictures"
    pictures.mkdir()
    for number in range(300):
        Image.new("RGB", (96, 72), (number % 256, 90, 90)).save(pictures / f"{number}.png")
    running = subprocess.Popen(
        [sys.executable, "-m", "mien", "live", str(pictures), "--record", str(folder), "--quiet"],
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (folder / FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    refused = mien("recover", folder)
    assert refused.returncode == 3
    assert "still runs" in refused.stderr
    beside = mien("live", clip, "--fast", "--seconds", "0.5", "--record", folder, "--quiet")
    assert "holds a session that still runs" in beside.stderr
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    assert told(folder)["stopped_because"] == "interrupted"
    assert not (folder / FILE).exists()


def test_a_start_that_fails_takes_no_folder(tmp_path: Path) -> None:
    for _ in range(2):
        ran = mien("live", "camera:97", "--record", tmp_path / "tonight", "--quiet")
        assert ran.returncode == 9
        assert "holds a session" not in ran.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["tonight"]

"""The tour of the service, as a stranger runs it: a process, an empty folder, nothing but its output to go by."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


TOUR = ROOT / "examples" / "service_tour.py"


def environment(folder: Path, **environ: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "MIEN_MODELS", "MIEN_CACHE")}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**kept, "PYTHONPATH": path, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8", **environ}


def tour(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(TOUR), *arguments],
        cwd=folder,
        env=environment(folder, **environ),
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.slow
def test_the_tour_goes_from_an_empty_machine_to_a_comparison(tmp_path: Path, shared: Path) -> None:
    told = tour(tmp_path, str(shared / "data" / "clips" / "single_face.mp4"), "--out", "found")
    assert (told.returncode, told.stderr) == (0, "")

    assert "    208428 of 208428 bytes\n" in told.stdout
    assert re.search(r"^    done, 100%", told.stdout, re.MULTILINE)
    found = tmp_path / "found"
    report = json.loads((found / "report.json").read_text())
    assert f"    {report['headline']}\n" in told.stdout
    assert "happiness" in report["headline"]
    assert (found / "report.html").read_text().startswith("<!doctype html>")
    assert len((found / "timeline.csv").read_text().splitlines()) == len(report["timeline"]) + 1
    assert (found / "markers.edl").read_text().startswith("TITLE:")

    comparison = json.loads((found / "comparison.json").read_text())
    assert comparison["demo"]
    assert [version["sessions"] for version in comparison["versions"]] == [10, 10]
    assert "strongest at 00:40: Cut B is" in told.stdout
    assert re.search(r"^    21 × job\.done, such as .*\"analysis\"", told.stdout, re.MULTILINE)
    assert "    21 × session.ended, such as " in told.stdout
    assert re.search(r"^    10 × scare\.detected, such as .*\"at_seconds\": 40\.0", told.stdout, re.MULTILINE)

    assert "    ended with exit code 0\n" in told.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["found"], "the service's folder is left behind"


@pytest.mark.slow
def test_what_goes_wrong_is_told_in_words_and_the_service_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no recording at all")
    told = tour(tmp_path, "notes.mp4")
    assert told.returncode == 1
    assert re.fullmatch(r"The tour ended early: PATCH \S+ was answered 422: the upload is .*\n", told.stderr)
    assert "    ended with exit code 0\n" in told.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["notes.mp4"]


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    told = tour(tmp_path, "notes.mp4", MIEN_WORKERS="many")
    assert told.returncode == 1
    assert "The tour ended early: no new service started" in told.stderr
    assert "MIEN_WORKERS" in told.stderr
    assert "Traceback" not in told.stderr


def test_where_nobody_reads_on_the_service_is_stopped_too(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no recording at all")
    command = [sys.executable, str(TOUR), "notes.mp4"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        while "listening on" not in process.stdout.readline():
            pass
        process.stdout.close()
        assert process.wait(60) != 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes.mp4"]

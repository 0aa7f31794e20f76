"""A recording, the film that was watched and its scenes, through the whole command: page, report and PDF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.analysis.test_scene_detection import film
from tests.browser import CHROMIUM
from tests.e2e.support import mien


@pytest.fixture(scope="module")
def clip(shared: Path) -> Path:
    return shared / "data" / "clips" / "single_face.mp4"


def test_the_report_has_the_film_beside_it_and_its_scenes_in_it(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    night = film(tmp_path / "films" / "night.mp4", 3)
    scenes = tmp_path / "cut.vtt"
    scenes.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nBefore\n\n00:01.000 --> 00:02.000\nAfter\n")
    out = tmp_path / "out"
    asked = ["--film", night, "--film-start", "0.25", "--scenes", scenes]
    printing = ["--pdf"] if CHROMIUM.exists() else []
    done = mien("analyze", clip, "--out", out, "--quiet", *asked, *printing)
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["film"]["name"] == "night.mp4"
    assert report["film"]["stretches"][0]["recorded_start_seconds"] == 0.25
    first, second = report["scenes"]["scenes"]
    assert (first["name"], second["name"]) == ("Before", "After")
    assert first["recorded"] == [{"start_seconds": 0.25, "end_seconds": 1.25}]
    assert sum(first["emotions_percent"].values()) == pytest.approx(100, abs=0.1)
    page = (out / "report.html").read_text(encoding="utf-8")
    [address] = re.findall(r'<video[^>]* src="([^"]+)"', page)
    assert (out / unquote(address)).resolve() == night.resolve()
    assert night.read_bytes() not in page.encode()
    assert (out / "report.pdf").exists() is bool(printing)
    again = mien("analyze", clip, "--out", out)
    assert again.returncode == 0, again.stderr
    assert not (out / "report.pdf").exists(), "a PDF of an earlier report does not stay beside a new one"
    assert "<video" not in (out / "report.html").read_text(encoding="utf-8")

"""``mien live`` as a technician runs it: a recording played as a camera, recorded as it goes, ended by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from mien import weights
from mien.core.errors import WeightsError
from mien.core.settings import SamplingSettings
from mien.sources.file import create
from tests.e2e.support import mien
from tests.sinks.receivers import HttpReceiver


@pytest.fixture(scope="module")
def clip() -> Path:
    return weights.resolve("demo-clip")


def test_a_recording_read_in_full_tells_what_analyze_tells(clip: Path, tmp_path: Path) -> None:
    ran = mien("live", clip, "--fast", "--record", tmp_path / "live", "--quiet")
    assert ran.returncode == 0, ran.stderr
    assert mien("analyze", clip, "--out", tmp_path / "file", "--quiet").returncode == 0
    live, file = (
        json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8")) for name in ("live", "file")
    )
    assert live["provenance"]["frames_read"] == file["provenance"]["frames_read"] == 472
    assert live["timeline"] == file["timeline"]
    assert live["complete"]
    lines = (tmp_path / "live" / "timeline.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["media_time"] for line in lines] == [row["media_time_seconds"] for row in live["timeline"]]


def test_a_session_overwrites_none_that_was_recorded_before(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tonight"
    short = ("live", clip, "--record", folder, "--fast", "--seconds", "2", "--tile", "320", "--quiet")
    assert mien(*short).returncode == 0
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    again = mien(*short)
    assert (again.returncode, f"written to {folder}-2" in again.stderr) == (0, True), again.stderr
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == kept
    second = tmp_path / "tonight-2"
    assert {file.name for file in second.iterdir()} == kept.keys()
    report = json.loads((second / "report.json").read_text(encoding="utf-8"))
    assert report["provenance"]["settings"]["detection"]["tile_px"] == 320


@pytest.fixture(scope="module")
def dusk(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip's first eight seconds: lit, at 3 % of the light, black, and lit again."""
    path = tmp_path_factory.mktemp("dusk") / "dusk.mkv"
    source = create(str(clip), SamplingSettings(sample_hz=10.0))
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10, options={"level": "3"})
        stream.width, stream.height, stream.pix_fmt = source.info.width or 0, source.info.height or 0, "bgr0"
        for number, frame in zip(range(80), source, strict=False):
            picture = frame.image
            if 20 <= number < 60:
                grain = noise.normal(0, 2, picture.shape)
                picture = np.clip(np.rint(picture * (0.03 if number < 40 else 0.0) + grain), 0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    source.close()
    return path


def test_in_the_dark_too_and_with_a_fallback_and_a_denser_head_pose(dusk: Path, tmp_path: Path) -> None:
    try:
        weights.resolve("yunet-s")
    except WeightsError as error:
        pytest.skip(f"without YuNet the fallback is the detector itself: {str(error).splitlines()[0]}")
    options = ("--fallback", "centerface", "--fallback-after", "1", "--head-pose", "facemesh", "--quiet")
    ran = mien("live", dusk, "--fast", "--record", tmp_path / "live", *options)
    assert ran.returncode == 0, ran.stderr
    assert mien("analyze", dusk, "--out", tmp_path / "file", "--step", "0.5", *options).returncode == 0
    live, file = (
        json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8")) for name in ("live", "file")
    )
    assert live["timeline"] == file["timeline"]
    for told in (live["provenance"], file["provenance"]):
        assert told["frames_brightened"] == 40
        assert told["head_pose"]["name"] == "facemesh"
        assert told["fallback"]["name"] == "centerface"
        assert 5 <= told["fallback"]["frames_searched"] <= 20
    seen = {row["media_time_seconds"] for row in live["timeline"] if row.get("readable_faces")}
    assert seen & {2.0, 2.5, 3.0, 3.5}, "somebody was read in the dark"
    assert not seen & {5.0, 5.5}, "and nobody in the black"


def test_a_signal_ends_the_session_with_its_report(clip: Path, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "mien", "live", str(clip), "--record", str(tmp_path / "out")],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ,
    )  # fmt: skip
    lines = tmp_path / "out" / "timeline.jsonl"
    deadline = time.monotonic() + 60
    while not (lines.exists() and lines.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    asked = time.monotonic()
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 0, said
    assert time.monotonic() - asked < 10
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["stopped_because"] == "interrupted"
    assert report["timeline"]


def test_what_cannot_be_opened_is_told_with_its_exit_code(tmp_path: Path) -> None:
    ran = mien("live", tmp_path / "no.mp4", "--quiet")
    assert ran.returncode == 3
    assert "no such file" in ran.stderr
    ran = mien("live", "camera:99", "--quiet")
    assert ran.returncode == 9, ran.stderr
    assert "camera 99 cannot be opened" in ran.stderr
    assert "WARN" not in ran.stderr, "OpenCV's own words name functions, and say no more"


def test_several_sources_need_zones(clip: Path) -> None:
    ran = mien("live", clip, "camera:0")
    assert ran.returncode == 2
    assert "--zones" in ran.stderr


def test_a_hall_needs_a_purpose(clip: Path) -> None:
    ran = mien("live", clip, "--profile", "cinema")
    assert ran.returncode != 0
    assert "--purpose" in ran.stderr
    assert "notice" in ran.stderr, "and what may permit it"


def test_what_is_measured_is_handed_on_as_it_is_made(clip: Path, tmp_path: Path) -> None:
    service = HttpReceiver()
    service.listen()
    lines = tmp_path / "lines.jsonl"
    sinks = ("--sink", f"jsonl:{lines}", "--sink", service.target, "--sink", "stream:0")
    ran = mien("live", clip, "--fast", *sinks, "--quiet", MIEN_HTTP_TOKEN="s3cret")
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(told) > 30
    assert service.bodies() == told
    assert {headers["Authorization"] for headers, _ in service.requests} == {"Bearer s3cret"}
    assert "s3cret" not in ran.stdout + ran.stderr
    service.received()


@pytest.mark.parametrize(
    ("sink", "code", "why"),
    [
        ("nothing", 2, "write jsonl:FILE"),
        ("https:", 2, "needs an address"),
        ("ftp:example.org", 2, "unknown sink 'ftp'"),
        ("http://example.org/in", 2, "unencrypted"),
        ("stream:0.0.0.0:7788", 2, "unencrypted"),
        ("jsonl:/nowhere/at/all", 8, "cannot be written"),
    ],
)
def test_a_sink_that_cannot_be_is_told_before_anything_is_measured(clip: Path, sink: str, code: int, why: str) -> None:
    ran = mien("live", clip, "--sink", sink)
    assert ran.returncode == code
    assert why in " ".join(ran.stderr.split())


def test_few_people_are_not_called_anonymous(clip: Path, tmp_path: Path) -> None:
    ran = mien("live", clip, "--sink", f"jsonl:{tmp_path / 'a'}", "--sink-shape", "anonymised")
    assert ran.returncode == 6
    assert "so few people are not anonymous" in " ".join(ran.stderr.split())

"""A whole analysis, watched by the operating system: it writes its reports and not one picture.

Python's own audit hook does not see what OpenCV or FFmpeg write, so the system calls are traced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OPENED = re.compile(r'(?:openat?|creat)\((?:AT_FDCWD, )?"([^"]+)", ([A-Z_|]*)')
MADE = re.compile(r'(?:rename(?:at2?)?|link(?:at)?|mknod(?:at)?)\(.*?"([^"]+)"[^"]*(?:"([^"]+)")?')
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT")
HARMLESS = ("/dev/", "/proc/", "/sys/")

PLANTED = """
import cv2, mien.pipeline as stage
original = stage.crop_faces
def planted(image, *rest):
    cv2.imwrite({path!r}, image)
    return original(image, *rest)
stage.crop_faces = planted
"""
RUN = "import sys; from mien.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs strace")
        pytest.skip("strace is not installed")
    return found


def written(strace: str, program: str, arguments: list[str], log: Path) -> set[Path]:
    """Every file that a run of ``program`` opened for writing or renamed into place."""
    done = subprocess.run(
        [strace, "-f", "-qq", "-e", "trace=open,openat,creat,rename,renameat,renameat2,link,linkat", "-o", str(log),
         sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "MIEN_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files: set[Path] = set()
    for line in log.read_text(errors="replace").splitlines():
        if " = -1 " in line:
            continue
        opened = OPENED.search(line)
        if opened and any(flag in opened[2] for flag in WRITING):
            files.add(Path(opened[1]))
        moved = MADE.search(line)
        if moved:
            files.update(Path(name) for name in moved.groups() if name)
    return {f for f in files if not str(f).startswith(HARMLESS)}


@pytest.fixture(scope="module")
def clip() -> Path:
    """The clip; the detector's weights are fetched too, so that nothing is while the run is watched."""
    from mien import weights
    from mien.assembly import load_detector
    from mien.core.settings import DetectionSettings, InferenceSettings

    load_detector(None, DetectionSettings(), InferenceSettings())
    return weights.resolve("demo-clip")


def arguments(clip: Path, out: Path) -> list[str]:
    return ["analyze", str(clip), "--out", str(out), "--every-nth", "24", "--quiet"]


def is_ours(path: Path, out: Path) -> bool:
    """The folder asked for, the reports, and their unfinished files beside them."""
    return path.parent == out or path == out


def test_only_reports_are_written(strace: str, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    strange = {f for f in written(strace, RUN, arguments(clip, out), tmp_path / "log") if not is_ours(f, out)}
    assert strange == set()
    assert {p.name for p in out.iterdir()} == {"report.json", "timeline.csv", "report.html"}


def test_a_planted_picture_is_caught(strace: str, clip: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "out", tmp_path / "planted" / "face.png"
    picture.parent.mkdir()
    program = PLANTED.format(path=str(picture)) + RUN
    assert picture in written(strace, program, arguments(clip, out), tmp_path / "log")

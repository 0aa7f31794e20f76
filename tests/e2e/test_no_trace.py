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

OPENED = re.compile(r'(?:openat2?|open|creat)\((?:AT_FDCWD, )?"([^"]+)", (?:\{flags=)?([A-Z_|]*)')
IN_MEMORY = re.compile(r'memfd_create\("([^"]*)"')
MADE = re.compile(r'(?:rename(?:at2?)?|link(?:at)?|mknod(?:at)?)\(.*?"([^"]+)"[^"]*(?:"([^"]+)")?')
CALLS = "open,openat,openat2,creat,memfd_create,mknod,mknodat,rename,renameat,renameat2,link,linkat"
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT")
HARMLESS = re.compile(r"/dev/(null|tty|urandom)|/proc/(self|\d+)/[a-z_/]+")
REPORTS = ("report.json", "timeline.csv", "report.html")
UNFINISHED = re.compile(
    r"\.[a-z0-9_]+\.partial(/\.?({names})(\.[a-z0-9_]+\.partial)?)?".format(names="|".join(map(re.escape, REPORTS)))
)
"""The folder in which the reports are made, and what is in it."""

PLANTED = """
import cv2, os, mien.pipeline as stage
original = stage.crop_faces
def planted(image, *rest):
    {plant}
    return original(image, *rest)
stage.crop_faces = planted
"""
PLANTS = {
    "elsewhere": "cv2.imwrite({elsewhere!r}, image)",
    "in shared memory": "cv2.imwrite('/dev/shm/mien-planted.png', image); os.unlink('/dev/shm/mien-planted.png')",
    "among the reports, for a moment": "cv2.imwrite({inside!r}, image); os.unlink({inside!r})",
    "in a file without a name": "os.write(os.memfd_create('planted'), image.tobytes())",
}
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
        [strace, "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(log),
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
        unnamed = IN_MEMORY.search(line)
        if unnamed:
            files.add(Path("memfd") / unnamed[1])
        moved = MADE.search(line)
        if moved:
            files.update(Path(name) for name in moved.groups() if name)
    return {f for f in files if not HARMLESS.fullmatch(str(f))}


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
    """The folder asked for, the reports, and what they are made in; nothing else, not even beside them."""
    if path == out:
        return True
    return path.is_relative_to(out) and (
        str(path.relative_to(out)) in REPORTS or UNFINISHED.fullmatch(str(path.relative_to(out))) is not None
    )


def test_only_reports_are_written(strace: str, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    strange = {f for f in written(strace, RUN, arguments(clip, out), tmp_path / "log") if not is_ours(f, out)}
    assert strange == set()
    assert {p.name for p in out.iterdir()} == set(REPORTS)


@pytest.mark.parametrize("where", PLANTS)
def test_a_planted_picture_is_caught(where: str, strace: str, clip: Path, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "planted" / "face.png"
    elsewhere.parent.mkdir()
    plant = PLANTS[where].format(elsewhere=str(elsewhere), inside=str(out / "report.html.png"))
    found = written(strace, PLANTED.format(plant=plant) + RUN, arguments(clip, out), tmp_path / "log")
    assert {f for f in found if not is_ours(f, out)}

"""The face log: what it says of each face, and that it appears whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mien.core.errors import OutputError
from mien.core.faces import Frame, UnreadReason
from mien.report.face_log import FaceLog
from tests.report.readings import face, picture, reading

GOLDEN = """\
media_time_seconds,frame_index,x_px,y_px,width_px,height_px,label,confidence,detector_ms,classifier_ms,unread_reason
0.040000,1,200.0,100.0,100.0,120.0,fear,0.6300,5.250,2.500,
0.040000,1,-4.5,8.0,20.5,22.0,,,5.250,2.500,too_small
0.120000,3,200.0,100.0,100.0,120.0,uncertain,0.4100,5.250,2.500,
"""


def log_some(log: FaceLog) -> None:
    frame = Frame(picture(), 1, 0.04)
    small = face(unread=UnreadReason.TOO_SMALL, box=(-4.5, 8, 16, 30), track=1)
    log.observe(frame, reading(face("fear"), small, at=0.04, index=1))
    log.observe(frame, reading(at=0.08, index=2))
    log.observe(frame, reading(face("uncertain", confidence=0.41), at=0.12, index=3))


@pytest.mark.parametrize("complete", [True, False])
def test_one_row_a_face_and_no_track(tmp_path: Path, complete: bool) -> None:
    log = FaceLog(tmp_path / "faces.csv")
    log_some(log)
    log.close(complete=complete)
    log.close(complete=complete)
    assert (tmp_path / "faces.csv").read_text() == GOLDEN


def test_nothing_is_under_its_name_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    path.write_text("earlier")
    log = FaceLog(path)
    log_some(log)
    assert path.read_text() == "earlier"
    log.close(complete=True)
    assert path.read_text() == GOLDEN
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("closed", [False, True])
def test_discarding_leaves_nothing(tmp_path: Path, closed: bool) -> None:
    log = FaceLog(tmp_path / "faces.csv")
    log_some(log)
    if closed:
        log.close(complete=False)
    log.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_before_the_analysis(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*faces\.csv: No such file or directory"):
        FaceLog(tmp_path / "absent" / "faces.csv")


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.report.readings import face, picture, reading
from mien.core.errors import OutputError
from mien.core.faces import Frame
from mien.report.face_log import FaceLog

folder = Path(sys.argv[1])
log = FaceLog(folder / "faces.csv")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    for index in range(2_000):
        log.observe(Frame(picture(8, 8), index, index / 25), reading(face(), at=index / 25, index=index))
    log.close(complete=True)
except OutputError as error:
    log.close(complete=False)
    sys.exit(f"{error}" if not list(folder.iterdir()) else "left something")
"""


def test_a_file_that_cannot_grow_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, timeout=60)
    assert "faces.csv: File too large" in ran.stderr

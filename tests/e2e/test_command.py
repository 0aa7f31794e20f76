"""The command line as a stranger uses it: results, repetition, interruption, bad input and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.e2e.support import mien
from tests.sources.media import index_first

REPORTS = {"report.json", "timeline.csv", "report.html"}


@pytest.fixture(scope="module")
def clip() -> Path:
    """The demo clip: one face, sad to smiling."""
    from mien import weights

    return weights.resolve("demo-clip")


@pytest.fixture(scope="module")
def short(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its first two seconds, re-encoded."""
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        rate = source.streams.video[0].average_rate
        stream = target.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            if number == 48:
                break
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    return path


def test_a_recording_becomes_reports_and_nothing_else(short: Path, tmp_path: Path) -> None:
    done = mien("analyze", short, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == REPORTS
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["complete"] is True
    assert "report.html" in done.stdout.replace("\n", "")


def test_the_same_file_twice_gives_the_same_bytes_but_for_the_creation_time(short: Path, tmp_path: Path) -> None:
    texts = []
    for run in ("a", "b"):
        assert mien("analyze", short, "--out", tmp_path / run, "--threads", 2).returncode == 0
        report = (tmp_path / run / "report.json").read_text()
        texts.append([
            re.sub(r'"created": ?"[^"]*"', "", report),
            (tmp_path / run / "timeline.csv").read_text(),
            re.sub(r"<time .*?</time>", "", (tmp_path / run / "report.html").read_text()),
        ])  # fmt: skip
    assert texts[0] == texts[1]


def test_video_and_face_log_only_on_request(short: Path, tmp_path: Path) -> None:
    done = mien("analyze", short, "--out", tmp_path / "out", "--annotate", "--face-log", "--fex", "--every-nth", 4)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == REPORTS | {"annotated.mp4", "faces.csv", "fex.csv"}
    for name in ("faces.csv", "fex.csv"):
        assert len((tmp_path / "out" / name).read_text().splitlines()) == 1 + 12


def test_several_inputs_get_a_folder_each(short: Path, tmp_path: Path) -> None:
    other = shutil.copy(short, tmp_path / "other.mp4")
    done = mien("analyze", short, other, "--out", tmp_path / "out", "--every-nth", 12, "--quiet")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["other", "short"]
    assert done.stdout == ""


def test_every_label_set(short: Path, tmp_path: Path) -> None:
    for name in ("cinema7", "indexed7", "studio6", "engagement5", "compound12"):
        done = mien("analyze", short, "--out", tmp_path / name, "--label-set", name, "--every-nth", 12)
        assert done.returncode == 0, done.stderr
        assert name in (tmp_path / name / "report.json").read_text()


def test_every_frame_of_the_timeline(short: Path, tmp_path: Path) -> None:
    assert mien("analyze", short, "--out", tmp_path, "--step", 0).returncode == 0
    assert len((tmp_path / "timeline.csv").read_text().splitlines()) == 1 + 48


def test_an_image(shared: Path, tmp_path: Path) -> None:
    photo = shared / "data" / "crowd" / "group-1.jpg"
    assert mien("analyze", photo, "--out", tmp_path).returncode == 0
    done = mien("predict", photo)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["seen"] > 5
    assert not {"box", "landmarks"} & set(answer["read"][0])
    assert sum(answer["read"][0]["scores"].values()) == pytest.approx(1, abs=0.01)


def test_no_face_at_all_is_a_valid_report_that_says_so(tmp_path: Path) -> None:
    grey = tmp_path / "wall.png"
    cv2.imwrite(str(grey), np.full((240, 320, 3), 120, np.uint8))
    done = mien("analyze", grey, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "face" in done.stdout.lower()
    assert "no face" in (tmp_path / "out" / "report.html").read_text().lower()


def test_interrupted_leaves_a_valid_report_marked_incomplete(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", "analyze", str(clip), "--out", str(out), "--annotate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # The annotated video's unfinished file appears once frames are being read.
    deadline = time.monotonic() + 60
    while not any(out.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    report = json.loads((out / "report.json").read_text())
    assert report["complete"] is False
    assert {p.name for p in out.iterdir()} == REPORTS | {"annotated.mp4"}
    with av.open(str(out / "annotated.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 0


@pytest.fixture
def broken(tmp_path: Path, short: Path) -> dict[str, Path]:
    """Inputs that are not what they claim."""
    files = {
        "text": tmp_path / "notes.mp4",
        "empty": tmp_path / "empty.mp4",
        "headless": tmp_path / "headless.mp4",
        "playlist": tmp_path / "playlist.mp4",
    }
    files["text"].write_text("this is not a film\n" * 50)
    files["empty"].write_bytes(b"")
    files["headless"].write_bytes(short.read_bytes()[:3000])
    files["playlist"].write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\nshort.mp4\n#EXT-X-ENDLIST\n")
    return files


@pytest.mark.parametrize("kind", ["text", "empty", "headless", "playlist"])
def test_what_is_no_video_is_refused_by_name(broken: dict[str, Path], kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = mien("analyze", broken[kind], "--out", out)
    assert done.returncode == 4, done.stderr
    assert broken[kind].name in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists() or not list(out.iterdir())


def test_no_such_file(tmp_path: Path) -> None:
    done = mien("analyze", tmp_path / "missing.mp4", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "missing.mp4" in done.stderr


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "speech.m4a"
    with av.open(str(path), "w", format="mp4") as target:
        stream = target.add_stream("aac", rate=16000)
        for _ in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    done = mien("analyze", path, "--out", tmp_path / "out")
    assert done.returncode == 4
    assert "speech.m4a" in done.stderr


def test_a_picture_too_large_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    cv2.imwrite(str(path), np.zeros((8000, 20000), np.uint8))
    done = mien("analyze", path, "--out", tmp_path / "out")
    assert done.returncode == 5, done.stderr
    assert "bomb.png" in done.stderr


def test_a_recording_of_huge_frames_is_refused_from_its_header(tmp_path: Path) -> None:
    """A few hundred kilobytes that would decode to 200 MB a frame."""
    bomb = tmp_path / "bomb.mp4"
    with av.open(str(bomb), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "40"})
        stream.width = stream.height = 8192
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame(8192, 8192, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(3):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    done = mien("analyze", bomb, "--out", tmp_path / "out")
    assert done.returncode == 5, done.stderr
    assert "bomb.mp4" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_truncated_recording_is_reported_as_far_as_it_goes(clip: Path, tmp_path: Path) -> None:
    path = index_first(clip, tmp_path / "cut.mp4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    done = mien("analyze", path, "--out", tmp_path / "out", "--every-nth", 8)
    assert done.returncode == 12, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["complete"] is False


def test_an_unwritable_folder(short: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = mien("analyze", short, "--out", blocked / "out")
    assert done.returncode == 8, done.stderr
    assert str(blocked) in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("size", ["16k", "48k", "96k"])
def test_a_full_disk_is_told_and_nothing_is_left(size: str, tmp_path: Path, short: Path) -> None:
    """A tiny file system of its own, filled to the brim by one file or another (needs root to mount)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here (not root)")
    try:
        done = mien("analyze", short, "--out", disk / "out", "--face-log")
        left = [p.name for p in (disk / "out").iterdir()] if (disk / "out").exists() else []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 8, done.stderr
    assert "full" in done.stderr.lower() or "space" in done.stderr.lower()
    assert left == []


def test_a_damaged_weight_file_is_never_loaded(short: Path, tmp_path: Path) -> None:
    models, cache = tmp_path / "models", tmp_path / "cache"
    models.mkdir()
    for name in ("yunet_s_dynamic.onnx", "centerface.onnx"):
        (models / name).write_bytes(b"not these weights")
    done = mien(
        "analyze", short, "--out", tmp_path / "out", MIEN_MODELS=str(models), MIEN_CACHE=str(cache), MIEN_OFFLINE="1"
    )
    assert done.returncode == 7, done.stderr
    assert "SHA-256" in done.stderr
    assert "yunet" in done.stderr
    assert not (tmp_path / "out" / "report.json").exists()


def test_the_law_is_asked_first(short: Path, tmp_path: Path) -> None:
    done = mien("analyze", short, "--out", tmp_path / "out", "--purpose", "education", "--jurisdiction", "DE")
    assert done.returncode == 6
    assert "5(1)(f)" in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_is_quick_and_lists_the_commands() -> None:
    done = mien("--help")
    assert done.returncode == 0
    for command in ("analyze", "demo", "doctor", "models", "predict", "train", "evaluate"):
        assert command in done.stdout


def test_doctor() -> None:
    done = mien("doctor")
    assert done.returncode == 0, done.stdout
    assert "mien-m" in done.stdout


def test_works_with_the_network_off(short: Path, tmp_path: Path) -> None:
    done = mien("analyze", short, "--out", tmp_path / "out", "--every-nth", 12, MIEN_OFFLINE="1")
    assert done.returncode == 0, done.stderr


def test_environment_is_not_needed(short: Path, tmp_path: Path) -> None:
    """No variable but the path and the cache that holds the weights."""
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "MIEN_MODELS", "MIEN_CACHE", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-m", "mien", "analyze", str(short), "--out", str(tmp_path / "out"), "--every-nth", "12"],
        env=keep,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class TestSeveralInputs:
    def test_each_has_a_folder_of_its_own_whatever_they_are_called(self, short: Path, tmp_path: Path) -> None:
        folders = ("one", "two", "three")
        for folder, name in zip(folders, ("a-2.mp4", "a.mp4", "a.mov"), strict=True):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / name).write_bytes(short.read_bytes())
        paths = [tmp_path / "one" / "a-2.mp4", tmp_path / "two" / "a.mp4", tmp_path / "three" / "a.mov"]
        done = mien("analyze", *paths, "--out", tmp_path / "out", "--quiet")
        assert done.returncode == 0, done.stderr
        told = {
            folder.name: json.loads((folder / "report.json").read_text())["provenance"]["input"]["name"]
            for folder in (tmp_path / "out").iterdir()
        }
        assert sorted(told.values()) == ["a-2.mp4", "a.mov", "a.mp4"]

    def test_no_name_leads_out_of_the_folder(self) -> None:
        from mien.cli.analyze import _folders

        inputs = ("..", "a/../..", ".hidden", "camera:0", "x.mp4", "/", "x.mov", "x-2.mp4")
        folders = _folders(inputs, Path("out"))
        assert {folder.parent for folder in folders} == {Path("out")}
        assert len(set(folders)) == len(inputs)
        assert not {"", ".", ".."} & {folder.name for folder in folders}

    def test_one_that_cannot_be_read_leaves_the_others_their_reports(self, short: Path, tmp_path: Path) -> None:
        done = mien("analyze", tmp_path / "absent.mp4", short, "--out", tmp_path / "out", "--quiet")
        assert done.returncode == 3
        assert "absent.mp4" in done.stderr
        assert "1 of 2 inputs could not be analysed" in done.stderr
        assert [folder.name for folder in (tmp_path / "out").iterdir()] == [short.stem]

    def test_pictures_are_read_each_by_itself(self, shared: Path) -> None:
        photos = sorted((shared / "data" / "crowd").glob("*.jpg"))[:3]
        together = [json.loads(line) for line in mien("predict", *photos).stdout.splitlines()]
        alone = [json.loads(mien("predict", photo).stdout) for photo in photos]
        assert together == alone
        for picture in together:
            for face in picture["read"]:
                best = max(face["scores"], key=face["scores"].__getitem__)
                assert face["label"] == (best if face["confidence"] >= 0.45 else "uncertain")


class TestPersonalFiles:
    def test_they_need_a_basis_though_the_report_tells_of_groups_only(self, short: Path, tmp_path: Path) -> None:
        hall = ("--profile", "cinema", "--purpose", "audience_research", "--basis", "notice")
        for option in ("--face-log", "--annotate", "--fex"):
            done = mien("analyze", short, "--out", tmp_path / "out", *hall, option)
            assert done.returncode == 6
            assert "show single people" in done.stderr
        assert not (tmp_path / "out").exists()

    def test_those_of_an_earlier_run_do_not_lie_beside_another_report(self, short: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert mien("analyze", short, "--out", out, "--face-log", "--fex", "--annotate", "--quiet").returncode == 0
        assert {p.name for p in out.iterdir()} == REPORTS | {"faces.csv", "fex.csv", "annotated.mp4"}
        again = mien("analyze", short, "--out", out)
        assert again.returncode == 0
        assert {p.name for p in out.iterdir()} == REPORTS
        assert "belonged to an earlier report" in again.stderr


def test_an_audience_needs_a_declared_purpose(short: Path, tmp_path: Path) -> None:
    for profile in ("cinema", "edge", "classroom"):
        done = mien("analyze", short, "--out", tmp_path / "out", "--profile", profile)
        assert done.returncode == 6
        assert "declare why with '--purpose'" in done.stderr


def test_after_an_empty_detection_no_face_is_invented(shared: Path, tmp_path: Path) -> None:
    """The face leaves before 2.5 s; looking at every tenth frame only must not make it linger."""
    clip = shared / "data" / "clips" / "face_noface.mov"
    done = mien("analyze", clip, "--out", tmp_path / "out", "--detect-every", 10, "--face-log", "--quiet")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "faces.csv").read_text().splitlines()[1:]
    assert rows
    last = int(rows[-1].split(",")[1])
    assert last < 80


def test_an_input_that_cannot_be_read_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("this is not a film\n" * 50)
    done = mien("analyze", tmp_path / "notes.mp4", "--out", tmp_path / "new" / "out")
    assert done.returncode == 4
    assert not (tmp_path / "new").exists()

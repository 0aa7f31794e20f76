"""``mien live`` where things break around it: a disk that fills up, a signal while its networks hang, a dead sink."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mien import weights
from tests.e2e.support import mien


@pytest.fixture(scope="module")
def clip() -> Path:
    return weights.resolve("demo-clip")


@contextlib.contextmanager
def live(clip: Path, log: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A session in the background; what it says is in ``log``. It is killed where a test left it running."""
    with log.open("w") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "mien", "live", str(clip), *map(str, arguments)],
            stderr=said, stdout=subprocess.DEVNULL, text=True, env=os.environ,
        )  # fmt: skip
        try:
            yield running
        finally:
            for child in children(running.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGCONT)
            running.kill()
            running.wait(30)


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux sets limits of a running process")
def test_a_disk_that_fills_up_loses_nothing_once_there_is_room(clip: Path, tmp_path: Path) -> None:
    lines, log = tmp_path / "out" / "timeline.jsonl", tmp_path / "log"
    with live(clip, log, "--record", tmp_path / "out") as running:
        until(lambda: len(rows(lines)) >= 2)
        # From now on the disk takes no more, and half a line of the next.
        _, hard = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (lines.stat().st_size + 100, hard))
        until(lambda: "cannot be written" in log.read_text())
        kept = len(rows(lines))
        time.sleep(2.5)
        assert lines.read_bytes().endswith(b"\n"), "a line is written whole or not at all"
        assert len(rows(lines)) <= kept + 1
        assert running.poll() is None
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (hard, hard))
        until(lambda: len(rows(lines)) >= kept + 5)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert [row["media_time"] for row in rows(lines)] == [row["media_time_seconds"] for row in report["timeline"]]
    assert log.read_text().count("cannot be written") == 1
    assert "Traceback" not in log.read_text()


def test_a_disk_that_stays_full_ends_with_its_exit_code_and_whole_lines(clip: Path, tmp_path: Path) -> None:
    lines, log = tmp_path / "out" / "timeline.jsonl", tmp_path / "log"
    with live(clip, log, "--record", tmp_path / "out") as running:
        until(lambda: len(rows(lines)) >= 2)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (lines.stat().st_size + 100, resource.RLIM_INFINITY))
        until(lambda: "cannot be written" in log.read_text())
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 8
    kept = len(rows(lines))
    assert kept >= 2
    assert not (tmp_path / "out" / "report.json").exists()
    said = " ".join(log.read_text().split())
    assert "Traceback" not in said
    assert re.search(r"\d+ steps could not be written any more", said), "what is lost is told"
    assert f"'mien recover {tmp_path / 'out'}' makes the reports" in said
    assert mien("recover", tmp_path / "out", "--quiet").returncode == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert len(report["timeline"]) == kept


def test_a_signal_ends_it_in_time_though_networks_hang_and_a_sink_is_dead(clip: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = f"http://127.0.0.1:{silent.getsockname()[1]}/in"
        arguments = ("--record", tmp_path / "out", "--sink", dead, "--display")
        with live(clip, tmp_path / "log", *arguments) as running:
            until(lambda: len(rows(tmp_path / "out" / "timeline.jsonl")) >= 2)
            for child in children(running.pid):
                os.kill(child, signal.SIGSTOP)
            time.sleep(0.5)
            asked = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0
            took = time.monotonic() - asked
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["stopped_because"] == "interrupted"
    assert report["timeline"]
    assert took < 10


def test_the_page_shows_it_and_tells_its_end(clip: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with live(clip, log, "--display") as running:
        until(lambda: re.search(r"http://\S+/", log.read_text()))
        found = re.search(r"http://(127\.0\.0\.1:\d+)(/\S+/)", log.read_text())
        assert found is not None
        with contextlib.closing(http.client.HTTPConnection(found[1], timeout=30)) as page:
            page.request("GET", found[2])
            assert b"Live audience" in page.getresponse().read()
        with contextlib.closing(http.client.HTTPConnection(found[1], timeout=30)) as figures:
            figures.request("GET", f"{found[2]}figures")
            answer = figures.getresponse()
            told: dict[str, Any] = {}
            while not told.get("strip", {}).get("steps"):
                line = answer.readline()
                told = json.loads(line[6:]) if line.startswith(b"data: ") else told
            assert told["cameras"][0]["name"] == clip.name
            with contextlib.closing(http.client.HTTPConnection(found[1], timeout=30)) as pictures:
                pictures.request("GET", f"{found[2]}picture/0")
                assert b"\xff\xd8\xff" in pictures.getresponse().read(4000)
            running.send_signal(signal.SIGTERM)
            assert b"event: ended" in answer.read()
            answer.close()
        assert running.wait(30) == 0


def test_without_leave_to_show_people_the_page_has_no_picture(clip: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    declared = ("--profile", "cinema", "--purpose", "audience_research", "--basis", "notice")
    with live(clip, log, "--display", *declared):
        until(lambda: re.search(r"http://\S+/", log.read_text()))
        found = re.search(r"http://(127\.0\.0\.1:\d+)(/\S+/)", log.read_text())
        assert found is not None
        for path, status in (("", 200), ("picture/0", 404)):
            with contextlib.closing(http.client.HTTPConnection(found[1], timeout=30)) as page:
                page.request("GET", found[2] + path)
                answer = page.getresponse()
                assert answer.status == status
                assert b"<img" not in answer.read()

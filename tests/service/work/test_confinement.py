"""What a process cannot do any more once it has confined itself: each is tried in a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONFINED = """
import os, socket, sys, errno
from mien.service.work.confinement import Limits, confine
confine(Limits(memory_bytes=1 << 30, cpu_seconds=2, file_bytes={file_bytes}), os.getppid())
"""


def run(code: str, file_bytes: int = 0) -> subprocess.CompletedProcess[str]:
    program = CONFINED.format(file_bytes=file_bytes) + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket(socket.AF_INET)",
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "os.execv('/bin/true', ['true'])",
        "open('/proc/%d/mem' % os.getppid(), 'rb').read(1)",
    ],
)
def test_what_was_taken_away_is_denied(attempt: str) -> None:
    done = run(f"""
    try:
        {attempt}
    except OSError as error:
        print(errno.errorcode[error.errno])
    """)
    assert done.stdout.strip() in ("EACCES", "EPERM", "EIO"), done


def test_another_program_cannot_be_started() -> None:
    done = run("""
    import subprocess
    try:
        print(subprocess.run(['/bin/true']).returncode)
    except OSError as error:
        print('denied')
    """)
    assert done.stdout.strip() == "denied", done


def test_no_file_can_be_written_anywhere(tmp_path: Path) -> None:
    done = run(f"""
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for place in ({str(tmp_path / "a")!r}, '/dev/shm/mien-test-a', None):
        handle = os.memfd_create('a') if place is None else os.open(place, os.O_CREAT | os.O_WRONLY)
        try:
            os.write(handle, b'pixels')
        except OSError as error:
            print(errno.errorcode[error.errno])
        if place:
            os.unlink(place)
    """)
    assert done.stdout.split() == ["EFBIG"] * 3, done


def test_memory_and_processor_time_end() -> None:
    assert "MemoryError" in run("bytearray(2 << 30)").stderr
    assert run("while True: pass").returncode == -signal.SIGXCPU


def test_it_dies_with_the_process_that_started_it() -> None:
    code = CONFINED.format(file_bytes=0) + "print('ready', flush=True)\nimport time\ntime.sleep(60)"
    starter = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
import time
time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while time.monotonic() < until and _runs(child):
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"

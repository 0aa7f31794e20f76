"""What a process cannot do any more once it has confined itself: each is tried in a real one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from mien.service.work import landlock, seccomp
from mien.service.work.protections import protections, tell_protections
from tests.sources.media import write_video

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
CONFINED = """
import os, resource, socket, sys, errno
from mien.service.work.confinement import Limits, code_places, confine
{before}
confine(Limits(1 << 30, cpu_seconds=2, file_bytes={file_bytes}, readable=code_places()), os.getppid())
"""


def run(
    code: str, file_bytes: int = 0, before: str = "", memory: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """What a confined process does; with ``memory``, a memory file of it is its first argument."""
    program = CONFINED.format(file_bytes=file_bytes, before=before) + textwrap.dedent(code)
    handle = os.memfd_create("given")
    try:
        os.write(handle, memory or b"")
        return subprocess.run(
            [sys.executable, "-P", "-c", program, str(handle)],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            timeout=60,
            check=False,
            pass_fds=(handle,),
        )
    finally:
        os.close(handle)


FORBIDDEN = {
    "an internet socket": "socket.socket(socket.AF_INET)",
    "a datagram socket": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "a pair of sockets": "socket.socketpair()",
    "connecting what is open": "called(42, 203, 0, 0, 0)",
    "another program": "os.execv('/bin/true', ['true'])",
    "a program beside it": "os.posix_spawn('/bin/true', ['true'], {})",
    "a copy of itself": "os.fork()",
    "a copy by clone": "called(56, 220, signal.SIGCHLD, 0, 0)",
    "another's memory": "open(f'/proc/{other}/mem', 'rb')",
    "another's environment": "open(f'/proc/{other}/environ', 'rb')",
    "tracing another": "called(101, 117, 16, other, 0)",
    "reading another's memory": "called(310, 270, other, 0, 0)",
    "a signal to another": "os.kill(other, 0)",
    "ending another": "os.kill(other, signal.SIGKILL)",
    "a signal to a group": "os.killpg(0, 0)",
    "a signal to a thread": "called(200, 130, other, 0, 0)",
    "a signal to a thread of another": "called(234, 131, other, other, 0)",
    "a handle of another": "os.pidfd_open(other)",
    "another's limits": "resource.prlimit(other, resource.RLIMIT_NOFILE)",
    "limits of its own": "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "outliving its parent": "prctl(1, 0)",
    "being traced": "prctl(4, 1)",
    "memory shared with others": "called(29, 194, 1, 4096, 0o1600)",
    "a file of the user": "open(own_file).read()",
    "a public file": "open('/etc/passwd').read()",
    "a folder": "os.listdir(folder)",
    "writing to a file": "open(own_file, 'r+')",
    "emptying a file": "os.truncate(own_file, 0)",
    "a new file": "open(folder + '/new', 'w')",
    "a nameless file": "os.open(folder, os.O_TMPFILE | os.O_RDWR)",
    "a file in shared memory": "os.open('/dev/shm/mien-test-a', os.O_CREAT | os.O_WRONLY)",
    "deleting": "os.unlink(own_file)",
    "moving": "os.rename(own_file, folder + '/moved')",
    "a folder of its own": "os.mkdir(folder + '/new')",
    "a link": "os.symlink(own_file, folder + '/link')",
    "a second name": "os.link(own_file, folder + '/link')",
    "rights of a file": "os.chmod(own_file, 0o777)",
    "its owner": "os.chown(own_file, 1, 1)",
    "its times": "os.utime(own_file)",
    "its attributes": "os.setxattr(own_file, 'user.x', b'x')",
    "another root": "os.chroot(folder)",
    "a namespace": "called(272, 97, 0x10000000)",
}
NEEDS_LANDLOCK = {"another's memory", "another's environment", "a file of the user", "a public file", "a folder"}
TRYING = """
import ctypes, platform, resource, signal
library = ctypes.CDLL(None, use_errno=True)
def checked(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), 'refused')
def called(intel, arm, *arguments):
    number = intel if platform.machine() == 'x86_64' else arm
    checked(library.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments)))
def prctl(option, value):
    checked(library.prctl(option, ctypes.c_ulong(value), 0, 0, 0))
for attempt in attempts:
    try:
        exec(attempt)
        print('done')
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How each forbidden act ended, tried one after the other in a confined process."""
    folder = tmp_path_factory.mktemp("user")
    own_file = folder / "secret"
    own_file.write_text("secret")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        given = f"other, folder, own_file = {other.pid}, {str(folder)!r}, {str(own_file)!r}\n"
        done = run(given + f"attempts = {list(FORBIDDEN.values())!r}\n" + TRYING)
        assert other.poll() is None
        assert other.stdin is not None
        other.stdin.close()
    assert own_file.read_text() == "secret"
    assert [path.name for path in folder.iterdir()] == ["secret"]
    answers = done.stdout.split()
    assert len(answers) == len(FORBIDDEN), done
    return dict(zip(FORBIDDEN, answers, strict=True))


@pytest.mark.parametrize("act", FORBIDDEN)
def test_what_was_taken_away_is_refused(act: str, refusals: dict[str, str]) -> None:
    if act in NEEDS_LANDLOCK and not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    assert refusals[act] in ("EACCES", "EPERM"), refusals[act]


def test_ways_around_the_filter_are_absent() -> None:
    done = run("attempts = ['called(425, 425, 8, 0)', 'called(435, 435, 0, 0)', 'called(437, 437, 0, 0, 0)']" + TRYING)
    assert done.stdout.split() == ["ENOSYS"] * 3, done


@pytest.mark.skipif(landlock.abi() < landlock.LATEST, reason="this kernel's Landlock knows no scopes")
def test_landlock_alone_keeps_files_and_signals(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "model").write_text("weights")
    program = f"""
import ctypes, errno, os, pathlib, socket
from mien.service.work import landlock
folder = {str(tmp_path)!r}
ctypes.CDLL(None).prctl(38, ctypes.c_ulong(1), 0, 0, 0)
assert landlock.restrict([pathlib.Path(folder) / 'given', pathlib.Path('/no/such')]) >= landlock.LATEST
print(open(folder + '/given/model').read(), os.listdir(folder + '/given'))
for attempt in (
    "open(folder + '/secret')", "os.unlink(folder + '/secret')", "os.unlink(folder + '/given/model')",
    "open(folder + '/given/model', 'w')", "open(folder + '/new', 'w')", "os.kill(os.getppid(), 0)",
    "os.listdir(folder)", "socket.create_connection(('127.0.0.1', 1))",
):
    try:
        exec(attempt)
        print(attempt)
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )
    first, *rest = done.stdout.splitlines()
    assert first == "weights ['model']"
    assert set(rest) <= {"EACCES", "EPERM"}, done
    assert len(rest) == 8


def test_threads_would_stay_free_so_there_may_be_none() -> None:
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    done = run(
        "", before="import threading, time\nthreading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n"
    )
    assert "they would stay free" in done.stderr


def test_threads_imports_and_memory_files_go_on_working(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [k / 10 for k in range(12)])
    done = run(
        """
        import signal, threading
        ran = []
        threads = [threading.Thread(target=ran.append, args=(k,)) for k in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(ran))
        import av, json, colorsys
        handle = int(sys.argv[1])
        with av.open(f'/proc/self/fd/{handle}', format='mov') as container:
            container.streams.video[0].thread_type = 'FRAME'
            container.streams.video[0].thread_count = 4
            print(sum(1 for _ in container.decode(video=0)))
        print(resource.getrlimit(resource.RLIMIT_NPROC)[0] <= 4096, resource.getrlimit(resource.RLIMIT_CORE))
        os.kill(os.getpid(), 0)
        signal.raise_signal(signal.SIGABRT)
        """,
        memory=clip.read_bytes(),
    )
    assert done.stdout.split() == ["3", "12", "True", "(0,", "0)"], done
    assert done.returncode == -signal.SIGABRT


def test_not_a_byte_can_be_written_even_into_memory() -> None:
    done = run("""
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        os.write(os.memfd_create('a'), b'pixels')
    except OSError as error:
        print(errno.errorcode[error.errno])
    """)
    assert done.stdout.split() == ["EFBIG"], done


def test_one_that_makes_files_in_memory_still_makes_none_elsewhere(tmp_path: Path) -> None:
    if not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    done = run(
        f"""
        handle = os.memfd_create('a')
        with open(f'/proc/self/fd/{{handle}}', 'wb') as stream:
            print(stream.write(b'pixels'))
        try:
            open({str(tmp_path / "a")!r}, 'wb')
        except OSError as error:
            print(errno.errorcode[error.errno])
        """,
        file_bytes=100,
    )
    assert done.stdout.split() == ["6", "EACCES"], done


@pytest.mark.parametrize(("place", "header"), [(0, "x86_64-linux-gnu/asm/unistd_64.h"), (1, "asm-generic/unistd.h")])
def test_numbers_of_system_calls_are_the_kernel_s(place: int, header: str) -> None:
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip("the kernel's headers are not installed")
    told = dict(re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE))
    for name, numbers in {**seccomp.REFUSED, **seccomp.ABSENT, **seccomp.JUDGED}.items():
        number = numbers[place]
        if name in told:
            assert number == int(told[name]), name
        elif number is not None:
            # Newer than the headers, or told by them over two lines.
            assert name in ("name_to_handle_at", "open_by_handle_at") or number > 440, name


def test_what_holds_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    assert {told.name: told.holds for told in protections()} == {
        "limits": True,
        "system calls": True,
        "files": landlock.abi() > 0,
        "scopes": landlock.abi() >= landlock.LATEST,
    }
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with caplog.at_level("INFO", "mien.service.protections"):
        tell_protections()
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "decoders.confined_in_part")
    figures = vars(record)["figures"]
    assert figures["holds"] == ["limits", "system calls"]
    assert "can read whatever" in figures["missing"]["files"]


def test_memory_and_processor_time_end() -> None:
    assert "MemoryError" in run("bytearray(2 << 30)").stderr
    assert run("while True: pass").returncode == -signal.SIGXCPU


def test_it_dies_with_the_process_that_started_it() -> None:
    code = CONFINED.format(file_bytes=0, before="") + "print('ready', flush=True)\nimport time\ntime.sleep(60)"
    starter = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {code!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
import time
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
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

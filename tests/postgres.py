"""A private PostgreSQL server for tests: a temporary folder, a socket in it, and no network."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REMEDY = (
    "The tests of the store need PostgreSQL's server programs and start a server of their own. Install them: "
    "'make system-packages', or 'apt-get install postgresql'; elsewhere put initdb and postgres on the PATH."
)
UNPRIVILEGED = ("postgres", "nobody")
START_SECONDS = 60.0
ROOM_BYTES = 2 << 30


class Server:
    """A running server. As root it runs as another user, since PostgreSQL refuses to be root.

    Args:
        durable: whether it waits for the disk, as a real one does.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = _programs()
        self._as: dict[str, object] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="mien-pg-", dir=None if durable else _in_memory()))
        if os.geteuid() == 0:
            user = _unprivileged()
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        self._settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        if not durable:
            self._settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        self._run("initdb", "-D", str(self._data), "-U", "mien", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        try:
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+asyncpg://mien@/{database}?host={self.folder}"

    @property
    def dsn(self) -> dict[str, str]:
        """For asyncpg, of the maintenance database."""
        return {"host": str(self.folder), "user": "mien", "database": "postgres"}

    @property
    def pid(self) -> int:
        """Of the server."""
        return int(self._process.pid)

    def restart_after_kill(self) -> None:
        """Kill it and all its children as a power cut would, and start it again.

        It is held still meanwhile, so that it starts no further child; one that lives on keeps the shared memory, and
        with it the next server out.
        """
        self._process.send_signal(signal.SIGSTOP)
        children = list(_children(self.pid))
        for process in (self.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(30)
        until = time.monotonic() + START_SECONDS
        while any(map(_lives, children)) and time.monotonic() < until:
            time.sleep(0.01)
        self._start()

    def stop(self) -> None:
        """End it and remove everything it wrote."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        settings = [word for setting in self._settings for word in ("-c", setting)]
        command = [str(self._bin / "postgres"), "-D", str(self._data), *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as)  # type: ignore[call-overload]
        until = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            ready = subprocess.run([self._bin / "pg_isready", "-q", "-h", self.folder], cwd=self.folder, check=False)
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        if self._process.poll() is None:
            self._process.kill()
        raise RuntimeError(f"PostgreSQL did not start. {REMEDY} It said:\n{self._log.read_text()[-2000:]}")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **self._as)  # type: ignore[call-overload]
        if done.returncode:
            raise RuntimeError(f"{program} failed. {REMEDY} It said:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


def _in_memory() -> Path | None:
    """Where files lie in memory, if there is room: every test makes a database, which is some four hundred files."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return None


def _children(parent: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == parent:
                yield int(stat.parent.name)


def _lives(process: int) -> bool:
    """Whether a process has not ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def _programs() -> Path:
    """The newest version's folder of programs."""
    installed = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda p: [int(n) for n in re.findall(r"\d+", str(p))])
    found = shutil.which("initdb")
    if found is None or not Path(found).resolve().with_name("postgres").exists():
        raise RuntimeError(REMEDY)
    return Path(found).resolve().parent


def _unprivileged() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(f"root cannot run PostgreSQL, and there is no user {' or '.join(UNPRIVILEGED)}. {REMEDY}")

"""``mien serve`` as a process of its own."""

from __future__ import annotations

import base64
import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET = base64.b64encode(bytes(range(64))).decode()
PATIENCE = 60.0


class Process:
    """A running ``mien serve``.

    Args:
        folder: it runs there.
        arguments: of the command line.
        environ: variables besides.
    """

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mien", "serve", *arguments],
            cwd=folder,
            env={
                **kept,
                "PYTHONPATH": path,
                "MIEN_WORKERS": "0",
                "MIEN_NOTICE_SECONDS": "0.5",
                "MIEN_PREDICT_WARM": "false",
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.logged: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout, self.process.stderr

        def read() -> None:
            for line in out:
                self._lines.put(line.rstrip("\n"))
            self._lines.put(None)

        self._readers = [
            threading.Thread(target=read, daemon=True),
            threading.Thread(target=lambda: self.logged.extend(err), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def address(self) -> str:
        """Where it listens, once it does."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            line = self._lines.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(f"it ended: {self.said} {''.join(self.logged)}")
            self.said.append(line)
            if found := re.search(r"listens on (\S+)", line):
                return found[1]
        raise AssertionError("it did not start in time")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        while not self._lines.empty():
            if (line := self._lines.get()) is not None:
                self.said.append(line)
        return code

    @property
    def told(self) -> str:
        """Everything it said."""
        return "\n".join([*self.said, *self.logged])


@contextlib.contextmanager
def running(folder: Path, *arguments: str, **environ: str) -> Iterator[Process]:
    process = Process(folder, "--port", "0", *arguments, **environ)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
        process.wait()
        for stream in (process.process.stdout, process.process.stderr):
            if stream is not None:
                stream.close()

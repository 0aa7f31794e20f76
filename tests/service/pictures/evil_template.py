"""A template whose forks do what the bytes they are given say: a decoder that somebody took over, for tests."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mien.core.errors import SettingsError
from mien.service.pictures import template
from mien.service.pictures.messages import LONGEST_PACKET, Refused, Told

WEIGHTS = {"a": 0.25, "b": 0.75}


def _nothing(asked: Any) -> None:
    if asked.declared.jurisdiction == "XX":
        raise SettingsError("no networks here")


def _attempts(victim: str) -> str:
    told = []
    for attempt in (
        lambda: Path(victim).read_bytes(),
        lambda: Path(victim).unlink(),
        lambda: os.kill(os.getppid(), signal.SIGKILL),
        os.fork,
        lambda: socket.socket(),
        lambda: os.execv("/bin/true", ["true"]),
    ):
        try:
            told.append(str(attempt()))
        except OSError as error:
            told.append(type(error).__name__)
    return " ".join(told)


def _open() -> Iterator[str]:
    for handle in range(256):
        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_GETFD)
            yield str(handle)


def _serve(jobs: socket.socket, pipeline: Any) -> None:
    _, handles, _, _ = socket.recv_fds(jobs, LONGEST_PACKET, 1)
    order, _, rest = os.pread(handles[0], 10_000, 0).decode().partition(" ")
    answer: Any = None
    match order:
        case "crash":
            ctypes.string_at(0)
        case "hang":
            time.sleep(60)
        case "quit":
            os._exit(0)
        case "spin":
            while True:
                pass
        case "eat":
            bytearray(1 << 40)
        case "say":
            jobs.send(rest.encode())
        case "long":
            jobs.send(b'{"kind": "invalid", "message": "' + b"x" * 100_000 + b'"}')
        case "pid":
            answer = Refused(kind="invalid", message=str(os.getpid()))
        case "open":
            answer = Refused(kind="invalid", message=" ".join(_open()))
        case "try":
            answer = Refused(kind="invalid", message=_attempts(rest))
        case "tell":
            answer = Told(shares=WEIGHTS, readings=1, sightings=1, frames=1)
    if answer is not None:
        jobs.send(answer.model_dump_json().encode())


if __name__ == "__main__":
    vars(template).update(_opened=_nothing, _serve=_serve)
    template.main()

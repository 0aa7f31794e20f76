"""A worker: a function at the other end of a pipe, in a process or a thread of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, Literal

Kind = Literal["process", "thread"]

STOP: Final = "stop"
"""What ends a worker's loop."""
_SPAWN = multiprocessing.get_context("spawn")


class Worker:
    """Runs ``target(connection, *arguments)`` until it returns, is told to stop, or is killed.

    Args:
        name: for logs.
        target: importable by name, where it is to run in a process.
        arguments: picklable, where it is to run in a process.
        kind: a process can be killed; a thread can only be asked to stop, and starts at once.
    """

    def __init__(self, name: str, target: Callable[..., None], arguments: tuple[Any, ...], kind: Kind) -> None:
        self.name = name
        self.kind = kind
        self._target, self._arguments = target, arguments
        self._runner: Any = None
        self.connection: Connection | None = None

    def start(self) -> Connection:
        """Start it, on a new pipe."""
        ours, theirs = _SPAWN.Pipe()
        self.connection = ours
        runner: Any
        if self.kind == "process":
            runner = _SPAWN.Process(
                target=_in_process, args=(self._target, theirs, self._arguments), name=self.name, daemon=True
            )
        else:
            runner = threading.Thread(
                target=_in_thread, args=(self._target, theirs, self._arguments), name=self.name, daemon=True
            )
        runner.start()
        self._runner = runner
        if self.kind == "process":
            # Otherwise the pipe would not break when the process dies.
            theirs.close()
        return ours

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._runner is not None and bool(self._runner.is_alive())

    @property
    def pid(self) -> int | None:
        """Of its process; None for a thread."""
        return self._runner.pid if self.kind == "process" and self._runner is not None else None

    def end(self, patience_seconds: float = 2.0) -> None:
        """Ask it to stop, and kill it where it is a process that does not."""
        if self.connection is not None:
            with contextlib.suppress(OSError, ValueError):
                self.connection.send(STOP)
        if self._runner is not None:
            self._runner.join(patience_seconds)
            self.kill()
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def kill(self) -> None:
        """Kill it, also where it was stopped by a signal; a thread is left to itself."""
        if self.kind == "process" and self._runner is not None and self._runner.is_alive():
            self._runner.kill()
            self._runner.join(5)


def _in_process(target: Callable[..., None], connection: Connection, arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of a terminal: the engine alone decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _in_thread(target, connection, arguments)


def _in_thread(target: Callable[..., None], connection: Connection, arguments: tuple[Any, ...]) -> None:
    # A broken pipe: the engine is gone.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionError), contextlib.closing(connection):
        target(connection, *arguments)

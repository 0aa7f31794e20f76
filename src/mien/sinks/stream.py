"""Snapshots as lines of JSON to whoever connects, on a socket of this machine.

Any number may connect and leave at any time (``nc 127.0.0.1 7788``, ``nc -U /run/mien.sock``); each is sent the
snapshots that are made from then on. One that reads too slowly is let go, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import stat
import threading
import time
from collections import deque
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mien.core.audience import AudienceSnapshot, Sink
from mien.core.errors import OutputError, SettingsError
from mien.sinks._records import Shape, check_shape, record

_OWNER_ONLY: Final = 0o600
_READ_BYTES: Final = 4096


def create(
    target: str,
    *,
    shape: Shape = "snapshot",
    min_group: int = 1,
    most_waiting_bytes: int = 1_000_000,
    linger_seconds: float = 2.0,
) -> Sink:
    """A sink that serves lines of JSON; it listens from now on.

    Args:
        target: ``PORT`` or ``HOST:PORT`` of this machine (port 0 is a free one), or the path of a Unix socket, which
            only its owner may open.
        shape: as in :mod:`mien.sinks.jsonl`.
        min_group: the session's minimum group.
        most_waiting_bytes: a reader for whom more than this waits is let go.
        linger_seconds: how long the end waits for readers to take what was sent.

    Raises:
        SettingsError: no such target, or another machine's: nothing here is encrypted.
        PolicyError: ``anonymised`` for a session that reports groups too small.
        OutputError: the address is taken.
    """
    check_shape(shape, min_group)
    return StreamSink(_listening(target), (shape, min_group), most_waiting_bytes, linger_seconds)


def _listening(target: str) -> socket.socket:
    if "/" in target:
        return _unix(Path(target))
    host, _, port = target.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise SettingsError(f"stream:{target} is no address: give a port, 127.0.0.1:PORT, or a path with a slash.")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise SettingsError(
            f"stream:{target} would send snapshots unencrypted over the network: use 127.0.0.1, and a tunnel (ssh -L)."
        )
    made = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _bound(made, (host, int(port)), target)


def _unix(path: Path) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise SettingsError("this system has no Unix sockets: give a port.")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OutputError(f"{path} is there already, and is no socket: choose another path.")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise OutputError(f"{path} is served by another program: choose another path.")
    return _bound(socket.socket(socket.AF_UNIX), str(path), str(path))


def _bound(made: socket.socket, address: str | tuple[str, int], target: str) -> socket.socket:
    try:
        made.bind(address)
        if isinstance(address, str):
            # Before it listens, so that nobody else gets in between.
            Path(address).chmod(_OWNER_ONLY)
        made.listen()
    except OSError as error:
        made.close()
        raise OutputError(f"stream:{target} cannot be served: {error.strerror or error}.") from error
    made.setblocking(False)
    return made


class _Reader:
    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.waiting: deque[memoryview] = deque()
        self.bytes = 0
        self.listens_only = False
        """It has said its last word, and may still read."""

    def add(self, line: bytes) -> None:
        self.waiting.append(memoryview(line))
        self.bytes += len(line)

    def hear(self) -> None:
        """What it says is not listened to; one that is gone is found out when it is sent something."""
        try:
            self.listens_only = not self.end.recv(_READ_BYTES)
        except BlockingIOError:
            pass
        except OSError:
            self.listens_only = True

    def send(self) -> None:
        """As much as it takes now.

        Raises:
            OSError: it is gone.
        """
        with contextlib.suppress(BlockingIOError):
            while self.waiting:
                sent = self.end.send(self.waiting[0])
                self.bytes -= sent
                if sent == len(self.waiting[0]):
                    self.waiting.popleft()
                else:
                    self.waiting[0] = self.waiting[0][sent:]


class StreamSink:
    """Serves lines in a thread of its own; see :func:`create`.

    Attributes:
        port: it listens at; None for a Unix socket.
        let_go: readers that were too slow.
    """

    def __init__(
        self, listening: socket.socket, shape: tuple[Shape, int], most_waiting_bytes: int, linger_seconds: float
    ) -> None:
        name = listening.getsockname()
        self._path = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None
        self.port: int | None = None if self._path is not None else int(name[1])
        self.let_go = 0
        self._listening, self._shape = listening, shape
        self._most, self._linger_seconds = most_waiting_bytes, linger_seconds
        self._lines: deque[bytes] = deque()
        self._readers: dict[int, _Reader] = {}
        self._closing = self._closed = False
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mien-stream", daemon=True)
        self._thread.start()

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Hand the snapshot's line to everybody who is connected; never waits."""
        text = record(snapshot, *self._shape)
        if text is not None and not self._closing:
            self._lines.append(text.encode() + b"\n")
            self._ring()

    def close(self, *, complete: bool) -> None:
        """End every connection once it has been sent what waits; called twice, it does nothing the second time."""
        if self._closed:
            return
        self._closing = self._closed = True
        self._ring()
        self._thread.join(2 * self._linger_seconds + 1)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")

    def _run(self) -> None:
        with contextlib.ExitStack() as open_ends, selectors.DefaultSelector() as selector:
            for end in (self._listening, self._ear, self._bell):
                open_ends.enter_context(end)
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            ends_at: float | None = None
            while True:
                for key, events in selector.select(None if ends_at is None else max(0.0, ends_at - time.monotonic())):
                    reader = self._readers.get(key.fd)
                    if reader is not None and events & selectors.EVENT_READ:
                        reader.hear()
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(_READ_BYTES)
                # Whoever had connected when a line was written gets it: only what was written by now is handed out once
                # everybody is let in who has connected by then.
                closing, written = self._closing, len(self._lines)
                self._accept(selector)
                for _ in range(written):
                    line = self._lines.popleft()
                    for reader in self._readers.values():
                        reader.add(line)
                for reader in list(self._readers.values()):
                    self._serve(selector, reader)
                if closing and ends_at is None:
                    ends_at = time.monotonic() + self._linger_seconds
                if ends_at is not None:
                    served = not any(reader.waiting for reader in self._readers.values())
                    if served or time.monotonic() >= ends_at:
                        break
            for reader in list(self._readers.values()):
                self._drop(selector, reader)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                end, _ = self._listening.accept()
                end.setblocking(False)
                self._readers[end.fileno()] = _Reader(end)
                selector.register(end, selectors.EVENT_READ)

    def _serve(self, selector: selectors.BaseSelector, reader: _Reader) -> None:
        try:
            reader.send()
        except OSError:
            self._drop(selector, reader)
            return
        if reader.bytes > self._most:
            self.let_go += 1
            self._drop(selector, reader)
            return
        events = (selectors.EVENT_WRITE if reader.waiting else 0) | (0 if reader.listens_only else selectors.EVENT_READ)
        watched = reader.end.fileno() in selector.get_map()
        if events and watched:
            selector.modify(reader.end, events)
        elif events:
            selector.register(reader.end, events)
        elif watched:
            selector.unregister(reader.end)

    def _drop(self, selector: selectors.BaseSelector, reader: _Reader) -> None:
        self._readers.pop(reader.end.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            selector.unregister(reader.end)
        reader.end.close()

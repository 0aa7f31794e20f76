"""What stands at the other end of each sink, for expectations that all of them share."""

from __future__ import annotations

import json
import math
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

Told = Mapping[str, float]


class Receiver(Protocol):
    """The other end of one sink.

    Attributes:
        target: what its ``create`` is given.
        options: and with which options.
    """

    target: Any
    options: Mapping[str, Any]

    def listen(self) -> None:
        """Be there from now on. The sink has been made: it may configure a library that both ends share."""
        ...

    def received(self) -> list[Told]:
        """Once the sink is closed: what arrived, as figures by name, one a snapshot."""
        ...


class FileReceiver:
    """Reads the lines of a file."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "out"
        self.options: Mapping[str, Any] = {}

    def listen(self) -> None:
        """A file waits."""

    def received(self) -> list[Told]:
        return [_figures(json.loads(line)) for line in self.target.read_text().splitlines()]


class LslReceiver:
    """An inlet on this machine, connected as soon as the stream is there."""

    def __init__(self) -> None:
        self.target = f"test-{uuid.uuid4()}"
        self.options: Mapping[str, Any] = {"wait_seconds": 20.0}
        self.samples: list[tuple[list[float], float]] = []
        self.labels: list[str] = []
        self.xml = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def listen(self) -> None:
        """Look for the stream from now on."""
        self._thread.start()

    def received(self) -> list[Told]:
        self._done.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        samples = [dict(zip(self.labels, sample, strict=True)) for sample, _ in self.samples]
        return [{n: v for n, v in sample.items() if not math.isnan(v)} for sample in samples]

    def _listen(self) -> None:
        import pylsl

        found: list[Any] = []
        names = (self.target, f"DEMO {self.target}")
        predicate = " or ".join(f"name='{name}'" for name in names)
        while not found and not self._done.is_set():
            found = pylsl.resolve_bypred(predicate, minimum=1, timeout=2.0)
        if not found:
            return
        inlet = pylsl.StreamInlet(found[0], recover=False)
        info = inlet.info(timeout=10)
        self.xml, self.labels = info.as_xml(), [label or "" for label in info.get_channel_labels() or []]
        inlet.open_stream(timeout=10)
        try:
            while True:
                sample, stamp = inlet.pull_sample(timeout=0.5)
                if sample is not None:
                    self.samples.append((sample, stamp))
                elif self._done.is_set():
                    return
        except pylsl.util.LostError:
            return


class HttpReceiver:
    """A web service on this machine that takes what is posted to it."""

    def __init__(self, answers: Iterable[int | tuple[int, dict[str, str]]] = ()) -> None:
        self._answers = iter(answers)
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = next(receiver._answers, 204)
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                receiver.requests.append(
                    ({**self.headers, ":path": self.path, ":status": str(status)}, json.loads(body))
                )
                self.send_response(status)
                for name, value in ({"Content-Length": "0"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *told: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.target: Any = f"http://127.0.0.1:{self.server.server_address[1]}/in?hall=1"
        self.options: Mapping[str, Any] = {"linger_seconds": 10.0, "first_wait_seconds": 0.01}

    def listen(self) -> None:
        """Answer from now on; whoever asked before waits."""
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def bodies(self) -> list[dict[str, Any]]:
        """What was taken."""
        return [body for headers, body in self.requests if headers[":status"].startswith("2")]

    def received(self) -> list[Told]:
        self.server.shutdown()
        self.server.server_close()
        return [_figures(body) for body in self.bodies()]


class StreamReceiver:
    """Somebody who connects to a Unix socket and reads to its end."""

    def __init__(self) -> None:
        # A socket's path has to be short.
        self.target: Any = str(Path(tempfile.mkdtemp(prefix="mien")) / "s")
        self.options: Mapping[str, Any] = {}
        self._end = socket.socket(socket.AF_UNIX)

    def listen(self) -> None:
        """Connect."""
        self._end.settimeout(20)
        self._end.connect(self.target)

    def received(self) -> list[Told]:
        with self._end, self._end.makefile() as lines:
            return [_figures(json.loads(line)) for line in lines]


def _figures(told: Mapping[str, Any]) -> Told:
    return {name: value for name, value in told.items() if isinstance(value, int | float)}


def receiver_for(name: str, folder: Path) -> Receiver:
    """The other end of a sink: a file in ``folder``, unless the sink has a receiver of its own."""
    own: Mapping[str, Callable[[], Receiver]] = {"lsl": LslReceiver, "http": HttpReceiver, "stream": StreamReceiver}
    return own[name]() if name in own else FileReceiver(folder)

"""Services on this machine that speak as others do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Fake:
    """What the server answers, one after another (the last for ever), and what it was asked."""

    answers: list[tuple[int, bytes, dict[str, str]]]
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    address: str = ""


@contextmanager
def server(*answers: tuple[Any, ...], path: str = "/v1/listen") -> Iterator[Fake]:
    """A server on this machine that gives these answers (code, body, headers) to what is posted to its path."""
    made: list[tuple[int, bytes, dict[str, str]]] = [
        (code, body if isinstance(body, bytes) else json.dumps(body).encode(), dict(*more))
        for code, body, *more in answers
    ]
    fake = Fake(made)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            parts = urlsplit(self.path)
            assert parts.path == path
            fake.queries.append(parse_qs(parts.query))
            fake.headers.append(dict(self.headers))
            code, body, more = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
            self.send_response(code)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        fake.address = f"http://127.0.0.1:{listening.server_address[1]}"
        try:
            yield fake
        finally:
            listening.shutdown()

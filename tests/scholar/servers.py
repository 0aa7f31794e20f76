"""A server on this machine in the place of every service, and a clock that nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mien.scholar import SERVICES, SourceOptions
from tests.scholar.answers import WORKS

PATHS = {
    "openalex": "/works",
    "crossref": "/works",
    "arxiv": "/api/query",
    "semantic_scholar": "/graph/v1/paper/search",
}


@dataclass(frozen=True)
class Said:
    """One answer; ``stated_length`` may lie."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stated_length: int | None = None


@dataclass(frozen=True)
class Asked:
    """One request."""

    service: str
    path: str
    target: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclass
class Servers:
    """What each service answers, one after another (the last for ever), and what was asked."""

    address: str
    answers: dict[str, list[Said]]
    asked: list[Asked] = field(default_factory=list)

    def of(self, service: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.service == service]

    def options(self, **more: Any) -> SourceOptions:
        addresses = {service: f"{self.address}/{service}" for service in SERVICES}
        return SourceOptions(**{"addresses": addresses, "patience_seconds": 10.0, **more})


@contextmanager
def servers(**answers: bytes | Said | Sequence[bytes | Said]) -> Iterator[Servers]:
    """Every service, answering with :data:`WORKS` where nothing else is given."""

    def said(given: bytes | Said | Sequence[bytes | Said]) -> list[Said]:
        several = [given] if isinstance(given, bytes | Said) else given
        return [one if isinstance(one, Said) else Said(body=one) for one in several]

    made = Servers("", {name: said(answers.get(name, WORKS[name])) for name in SERVICES})
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            _, service, path = parts.path.split("/", 2)
            with lock:
                made.asked.append(
                    Asked(service, f"/{path}", self.path, parse_qs(parts.query), dict(self.headers.items()))
                )
                left = made.answers[service]
                answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            length = len(answer.body) if answer.stated_length is None else answer.stated_length
            for name, value in {"Content-Length": str(length), "Connection": "close", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = True

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                """Who asked had heard enough."""

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        made.address = f"http://127.0.0.1:{listening.server_address[1]}"
        try:
            yield made
        finally:
            listening.shutdown()


@dataclass
class VirtualClock:
    """Time that passes when somebody sleeps."""

    now: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

"""Real places to fetch from: an HTTP server on this machine, and a folder of wheels."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTENT = bytes(range(256)) * 1500
FILE = "tiny.onnx"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Upstream:
    """What the server hands out and how it behaves; ``requests`` are the Range headers it was sent."""

    content: bytes = CONTENT
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes after which the next connections are cut, one each."""
    chunk_pause_seconds: float = 0.0
    redirect_to: str | None = None
    requests: list[str | None] = field(default_factory=list)
    address: str = ""


@contextmanager
def upstream(**behaviour: object) -> Iterator[Upstream]:
    served = Upstream(**behaviour)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.requests.append(wanted)
            if served.redirect_to:
                self.send_response(302)
                self.send_header("Location", served.redirect_to)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(re.findall(r"\d+", wanted)[0]) if wanted and served.ranges else 0
            body = served.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(served.content) - 1}/{len(served.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            body = body[: served.break_after.pop(0)] if served.break_after else body
            for first in range(0, len(body), 1 << 15):
                self.wfile.write(body[first : first + (1 << 15)])
                time.sleep(served.chunk_pause_seconds)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        served.address = f"http://127.0.0.1:{server.server_address[1]}/{FILE}"
        try:
            yield served
        finally:
            server.shutdown()


def wheel(folder: Path, members: dict[str, bytes], name: str = "carrier", version: str = "1.0") -> Path:
    """A minimal wheel that pip accepts."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def registry_text(
    *sources: str, name: str = "tiny", file: str = FILE, sha256: str = SHA256, kind: str = "detector"
) -> str:
    """One entry of a registry file, for :data:`CONTENT`."""
    return f"""
[[entry]]
name = "{name}"
kind = "{kind}"
file = "{file}"
licence = "MIT"
terms = ""
input = ""
size_bytes = {len(CONTENT)}
sha256 = "{sha256}"
sources = [{", ".join(sources)}]
"""


def https(address: str) -> str:
    return f'{{ https = "{address}" }}'


CARRIER = '{ wheel = "carrier==1.0", member = "carrier/data/tiny.onnx" }'
MEMBER = "carrier/data/tiny.onnx"

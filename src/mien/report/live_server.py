"""Serves one page, its pictures and its figures to browsers on this machine, and to nobody else.

Whoever asks must know the address, which holds a secret, and must have asked for it by that name: a page from elsewhere
can neither guess the one nor, by renaming its own host, forge the other. Nothing may be cached, so no picture reaches a
disk.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import select
import socket
import threading
import time
from collections.abc import Generator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from mien.core.errors import DeviceError

ADDRESS: Final = "127.0.0.1"
_BOUNDARY: Final = "mien-picture"
_PATIENCE_SECONDS: Final = 10.0
"""A reader that takes nothing for so long is let go."""
_LOOK_SECONDS: Final = 0.5
_FAREWELL_SECONDS: Final = 1.0
"""For readers to take the end; whoever takes nothing is not waited for any longer."""
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer."""


class LiveServer:
    """Serves in threads of its own.

    Args:
        page: the page, HTML.
        token: the secret in its address.
        port: where to serve; 0 for a free port.
        pictures: cameras that pictures can be had of.
        pictures_per_second: most of each.

    Raises:
        DeviceError: the port is taken.
    """

    def __init__(self, page: str, token: str, port: int, pictures: int, pictures_per_second: float) -> None:
        self.page = page.encode()
        self._token = token
        self._between_seconds = 1 / pictures_per_second
        self._changed = threading.Condition()
        self._pictures: list[tuple[int, bytes]] = [(0, b"")] * pictures
        self._next_at = [0.0] * pictures
        self._waiting = [0] * pictures
        self._looking = 0
        self._figures: tuple[int, str] = (0, "")
        self._ended = False
        self._streams = 0
        try:
            self._server = _Server((ADDRESS, port), self)
        except OSError as error:
            raise DeviceError(
                f"the page cannot be served on port {port} of this machine: {error.strerror}. Choose another with "
                "'--display-port'."
            ) from error
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="mien-page", daemon=True).start()

    @property
    def watched(self) -> bool:
        """Whether somebody looks at a picture."""
        return self._looking > 0

    def wanted(self) -> frozenset[int]:
        """Cameras of which somebody has seen the last picture, and it is time for the next."""
        now = time.monotonic()
        return frozenset(
            camera for camera, waiting in enumerate(self._waiting) if waiting and now >= self._next_at[camera]
        )

    def show(self, camera: int, jpeg: bytes, *, rest_seconds: float = 0.0) -> None:
        """Serve a picture to whoever looks at this camera; the next is not wanted sooner than after the rest."""
        with self._changed:
            self._pictures[camera] = self._pictures[camera][0] + 1, jpeg
            now = time.monotonic()
            self._next_at[camera] = max(self._next_at[camera] + self._between_seconds, now + rest_seconds)
            if self._next_at[camera] < now:
                self._next_at[camera] = now
            self._changed.notify_all()

    def tell(self, figures: str) -> None:
        """Serve figures, one line of JSON."""
        with self._changed:
            self._figures = self._figures[0] + 1, figures
            self._changed.notify_all()

    def close(self) -> None:
        """Tell whoever looks that it is over, and serve no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            # The process may end with this call, and the threads that tell with it.
            self._changed.wait_for(lambda: not self._streams, _FAREWELL_SECONDS)
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def streaming(self) -> Generator[None]:
        """Somebody is being told: the end waits a moment for it to be told as well."""
        with self._changed:
            self._streams += 1
        try:
            yield
        finally:
            with self._changed:
                self._streams -= 1
                self._changed.notify_all()

    def knows(self, token: str) -> bool:
        """Whether this is the secret."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def pictures(self, camera: int) -> Generator[bytes]:
        """Pictures of a camera as they come, from now on; empty while none comes.

        Raises:
            IndexError: no such camera.
        """
        seen, _ = self._pictures[camera]
        with self._changed:
            self._looking += 1
        try:
            while True:
                with self._changed:
                    self._waiting[camera] += 1
                    came = self._changed.wait_for(functools.partial(self._has_picture, camera, seen), _LOOK_SECONDS)
                    self._waiting[camera] -= 1
                    if self._ended:
                        return
                    seen, jpeg = self._pictures[camera] if came else (seen, b"")
                yield jpeg
        finally:
            with self._changed:
                self._looking -= 1

    def figures(self) -> Generator[str]:
        """Figures as they come, from the latest on; empty at the end."""
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(functools.partial(self._has_figures, seen))
                if self._figures[0] > seen:
                    seen, told = self._figures
                else:
                    told = ""
            yield told
            if not told:
                return

    def _has_picture(self, camera: int, seen: int) -> bool:
        return self._pictures[camera][0] > seen or self._ended

    def _has_figures(self, seen: int) -> bool:
        return self._figures[0] > seen or self._ended


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], live: LiveServer) -> None:
        self.live = live
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "Mien"
    sys_version = ""
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        """The page, its pictures and its figures."""
        live = self.server.live
        if self.headers.get("Host", "") not in {f"{name}:{live.port}" for name in (ADDRESS, "localhost")}:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This page is served to this machine only.")
            return
        token, _, what = self.path.lstrip("/").partition("?")[0].partition("/")
        if not live.knows(token):
            self._refuse(HTTPStatus.NOT_FOUND, "Open the whole address that 'mien live' printed.")
        elif what == "":
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", live.page)
        elif what == "figures":
            self._tell(live)
        elif what.startswith("picture/") and what[8:].isdecimal():
            self._show(live, int(what[8:]))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds a secret."""

    def _show(self, live: LiveServer, camera: int) -> None:
        try:
            pictures = live.pictures(camera)
            first = next(pictures, None)
        except IndexError:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such camera.")
            return
        self._stream(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.wfile.write(f"--{_BOUNDARY}\r\n".encode())
        with live.streaming(), contextlib.closing(pictures):
            jpeg = first
            while jpeg is not None:
                if jpeg:
                    # A browser shows a part when the next boundary has come.
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode())
                elif self._left():
                    return
                jpeg = next(pictures, None)

    def _tell(self, live: LiveServer) -> None:
        with live.streaming():
            self._stream("text/event-stream")
            self.wfile.write(b"retry: 1000\n\n")
            for figures in live.figures():
                self.wfile.write(f"data: {figures}\n\n".encode() if figures else b"event: ended\ndata: {}\n\n")

    def _left(self) -> bool:
        """Whether the reader is gone, as far as can be told without writing."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _stream(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self._finish_headers()
        self.close_connection = True

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{why}\n".encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self._finish_headers()
        self.wfile.write(body)

    def _finish_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

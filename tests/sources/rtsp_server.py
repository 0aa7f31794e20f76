"""A small RTSP camera on this machine (RFC 2326, RFC 6184): H.264 interleaved in TCP, with or without TLS.

It is as good or as bad as a test asks: it wants a password, freezes, sends garbage, changes its resolution, is
unplugged and plugged in again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

CLOCK_HZ = 90_000
NONCE = "0a4f113b"
REALM = "camera"


def pictures(width: int, height: int, count: int) -> list[npt.NDArray[np.uint8]]:
    """A red picture that becomes brighter from left to right, and more so from frame to frame."""
    ramp = np.linspace(40, 160, width)
    out = []
    for number in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[..., 0] = np.clip(ramp + 40 * (number % 10) / 10, 0, 255)
        out.append(picture)
    return out


def encode(images: Sequence[npt.NDArray[np.uint8]], rate: int) -> list[list[bytes]]:
    """H.264 of pictures: the NAL units of each, parameter sets before every tenth."""
    height, width = images[0].shape[:2]
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, rate), Fraction(rate)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": "keyint=10:repeat-headers=1:scenecut=0",
    }
    packets = []
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return [[unit for unit in re.split(rb"\x00\x00\x00?\x01", packet) if unit] for packet in packets]


@dataclass(frozen=True)
class Script:
    """What the camera sends to whoever plays it, over and over.

    Attributes:
        shots: NAL units a frame, shot after shot.
        rate: frames a second.
        freezes_after: so many frames, and then nothing, while the connection stays.
        garbage_after: so many frames, and then noise in their place.
        ends_after: so many frames, and then it hangs up.
        credentials: that it wants, or None.
    """

    shots: tuple[list[list[bytes]], ...]
    rate: int = 20
    freezes_after: int | None = None
    garbage_after: int | None = None
    ends_after: int | None = None
    credentials: tuple[str, str] | None = None
    repeats: bool = True


@dataclass
class RtspCamera:
    """A camera on a port of its own; a context manager."""

    script: Script
    context: ssl.SSLContext | None = None
    port: int = 0
    requests: list[str] = field(default_factory=list)
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> RtspCamera:
        self.plug_in()
        return self

    def __exit__(self, *error: object) -> None:
        self.unplug()

    def url(self, user: str = "") -> str:
        """Its address; ``user`` goes before the host."""
        scheme = "rtsps" if self.context is not None else "rtsp"
        return f"{scheme}://{user}{'@' if user else ''}localhost:{self.port}/stream1"

    def plug_in(self) -> None:
        """Listen, on the port it had before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def unplug(self) -> None:
        """Nobody is there any more."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.append(connection)
        with connection, contextlib.suppress(OSError, ValueError):
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        lines = self._requests(connection)
        for request in lines:
            verb = request.split(" ", 1)[0]
            self.requests.append(request)
            number = re.search(r"CSeq: *(\d+)", request, re.IGNORECASE)
            answer = ["RTSP/1.0 200 OK", f"CSeq: {number.group(1) if number else 0}"]
            body = ""
            if self.script.credentials is not None and verb != "OPTIONS" and not self._permitted(request):
                answer[0] = "RTSP/1.0 401 Unauthorized"
                answer.append(f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"')
            elif verb == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            elif verb == "DESCRIBE":
                body = self._description()
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif verb == "SETUP":
                answer += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"]
            elif verb == "PLAY":
                answer.append("Session: 1")
            connection.sendall(("\r\n".join(answer) + "\r\n\r\n" + body).encode())
            if verb == "PLAY" and answer[0].endswith("OK"):
                threading.Thread(target=self._play, args=(connection,), daemon=True).start()
            if verb == "TEARDOWN":
                return

    def _requests(self, connection: socket.socket) -> Iterator[str]:
        """Requests as they come; what a player reports in between (RTCP) is passed over."""
        held = b""
        while True:
            while held[:1] == b"$" and len(held) >= 4 and len(held) >= 4 + struct.unpack(">H", held[2:4])[0]:
                held = held[4 + struct.unpack(">H", held[2:4])[0] :]
            head, mark, rest = held.partition(b"\r\n\r\n")
            if mark and held[:1] != b"$":
                held = rest
                yield head.decode()
                continue
            more = connection.recv(4096)
            if not more:
                return
            held += more

    def _permitted(self, request: str) -> bool:
        assert self.script.credentials is not None
        user, password = self.script.credentials
        told = dict(re.findall(r'(\w+)="([^"]*)"', request))
        verb = request.split(" ", 1)[0]
        secret = hashlib.md5(f"{user}:{REALM}:{password}".encode()).hexdigest()
        asked = hashlib.md5(f"{verb}:{told.get('uri', '')}".encode()).hexdigest()
        expected = hashlib.md5(f"{secret}:{NONCE}:{asked}".encode()).hexdigest()
        return told.get("username") == user and told.get("response") == expected

    def _description(self) -> str:
        sets = [base64.b64encode(unit).decode() for unit in self.script.shots[0][0] if unit[0] & 31 in (7, 8)]
        return "\r\n".join(
            (
                *("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0"),
                *("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000"),
                f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={','.join(sets)}",
                *("a=control:track1", ""),
            )
        )

    def _play(self, connection: socket.socket) -> None:
        script, sequence, begun = self.script, 0, time.monotonic()
        noise = np.random.default_rng(0)
        with contextlib.suppress(OSError, ValueError):
            for number, units in enumerate(self._frames()):
                if script.ends_after is not None and number >= script.ends_after:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                if script.freezes_after is not None and number >= script.freezes_after:
                    return
                if script.garbage_after is not None and number >= script.garbage_after:
                    units = [bytes(noise.integers(0, 256, 300, dtype=np.uint8)) for _ in range(3)]
                for position, unit in enumerate(units):
                    last = position == len(units) - 1
                    stamp = round(number * CLOCK_HZ / script.rate) & 0xFFFFFFFF
                    head = struct.pack(">BBHII", 0x80, 96 | (last << 7), sequence & 0xFFFF, stamp, 0x4D49454E)
                    packet = head + unit
                    connection.sendall(b"$\x00" + struct.pack(">H", len(packet)) + packet)
                    sequence += 1
                time.sleep(max(0.0, begun + (number + 1) / script.rate - time.monotonic()))

    def _frames(self) -> Iterator[list[bytes]]:
        while True:
            for shot in self.script.shots:
                yield from shot
            if not self.script.repeats:
                return

"""How long a message of a WebSocket may be: each socket's own limit, held by the server before a message is whole.

A message over it is never put together: the socket is closed with 1009 at the header that declares too much, or at the
piece, compressed or not, that makes it too much.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from mien.service.live.frames import LONGEST_MESSAGE
from mien.service.settings import MOST_TEXT_CHARACTERS

TEXT_BYTES: Final = 4 * MOST_TEXT_CHARACTERS
"""The longest text that is read, in UTF-8. Longer ones up to here are an answer, not the end of the talk."""
OTHER_BYTES: Final = 4_096
"""Of sockets that are only listened to by their clients."""
LIMITS: Final = (
    (re.compile(r"/api/ws"), TEXT_BYTES),
    (re.compile(r"/api/v1/sessions/[^/]+/frames"), LONGEST_MESSAGE),
)
"""Bytes of a message by path."""
_DROPPED_BYTES: Final = 8_000_000
_DROPPING_SECONDS: Final = 5.0
"""What a refused client still sends is read and dropped, so much for so long: a connection that is closed on bytes
nobody read is reset, and the reason with it."""


def largest_message(path: str) -> int:
    """Bytes that a message may have at a path."""
    return next((limit for pattern, limit in LIMITS if pattern.fullmatch(path)), OTHER_BYTES)


class LimitedSockets(WebSocketsSansIOProtocol):
    """Uvicorn's sockets, each with the limit of its path. Its ``ws_max_size`` holds until the path is known."""

    def __init__(self, *given: Any, **told: Any) -> None:
        super().__init__(*given, **told)
        self._refused = False
        self._dropped = 0

    def handle_connect(self, event: Request) -> None:
        """The path is known."""
        self.conn.max_message_size = largest_message(unquote(event.path.partition("?")[0]))
        super().handle_connect(event)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._refused:
            super().data_received(data)
            return
        self._dropped += len(data)
        if self._dropped > _DROPPED_BYTES:
            self.transport.close()

    def handle_parser_exception(self) -> None:
        """What came is too long, or no message: say so, and let the client hear it."""
        self._refused = True
        sent = self.conn.close_sent
        code, reason = (1002, "") if sent is None else (sent.code, sent.reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.stop_keepalive()
        # From here on the application is told that nobody listens, where it sends.
        self.close_sent = self.disconnected = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_DROPPING_SECONDS, self.transport.close)

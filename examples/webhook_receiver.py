"""Receives Mien's webhooks: checks each message, drops repeats, answers at once. Needs nothing but Python.

    MIEN_WEBHOOK_SECRET=whsec_… python webhook_receiver.py 8080

Copy :func:`checked` into a receiver of your own. Put TLS in front: Mien sends to https:// addresses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300
LONGEST_BODY_BYTES = 1_000_000


def checked(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """The message's id, if it comes from whoever knows the secret and was sent just now.

    Args:
        headers: of the request.
        body: its bytes as they came, before anything parsed them.
        secret: ``whsec_…``, as it was told when the webhook was made.

    Raises:
        ValueError: it must not be believed.
    """
    told = {name.lower(): value for name, value in headers.items()}
    try:
        message, sent, signatures = (told[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise ValueError(f"the header {missing} is missing") from None
    if abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
        raise ValueError("sent too long ago, or in the future")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{sent}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # Two signatures while a secret is being rotated; one that fits is enough.
    if not any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures.split()):
        raise ValueError("no signature fits")
    return message


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what it believes, 400 to everything else."""

    secret = ""
    seen: set[str] = set()  # noqa: RUF012 - yours is a table with a time, so that it outlives the process

    def do_POST(self) -> None:
        """Take one message."""
        length = min(int(self.headers.get("content-length", 0)), LONGEST_BODY_BYTES)
        body = self.rfile.read(length)
        try:
            message = checked(dict(self.headers), body, self.secret)
        except ValueError as problem:
            self.send_error(400, str(problem))
            return
        if message not in self.seen:
            self.seen.add(message)
            # Work that takes long belongs behind the answer: Mien waits 15 seconds, then sends again.
            self.take(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def take(self, told: dict[str, Any]) -> None:
        """What a message that is believed says; each comes here once."""
        print(told["timestamp"], told["type"], json.dumps(told["data"]), flush=True)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what counts is printed above."""


def main() -> None:
    """Listen on the port that is named, 8080 where none is."""
    Receiver.secret = os.environ["MIEN_WEBHOOK_SECRET"]
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

"""Snapshots posted to a web service as they are made, one JSON object a request, in order.

Nobody waits for the service: snapshots queue, and are sent by a thread of their own. What it cannot take now is tried
again, ever more slowly; when the queue is full the oldest are dropped and counted. Requests carry an
``Idempotency-Key``, because one whose answer was lost is sent again.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from mien import __version__
from mien.core.audience import AudienceSnapshot, Sink
from mien.core.errors import OutputError, SettingsError
from mien.sinks._records import Shape, check_shape, record

LATER: Final = frozenset({408, 425, 429})
"""Answers, beside those of 500 and more, after which the same request is tried again."""
_LONGEST_ASKED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Address:
    secure: bool
    host: str
    port: int | None
    path: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    key: str
    body: bytes


class _RefusedError(Exception):
    """The service will not take this snapshot, now or later."""


class _AwayError(Exception):
    """The service cannot take it now."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


def create(
    url: str,
    *,
    shape: Shape = "snapshot",
    min_group: int = 1,
    token: str | None = None,
    most_waiting: int = 1200,
    timeout_seconds: float = 5.0,
    first_wait_seconds: float = 0.5,
    longest_wait_seconds: float = 30.0,
    linger_seconds: float = 2.0,
) -> Sink:
    """A sink that posts each snapshot.

    Args:
        url: ``https://…``, or ``http://`` of this machine only: snapshots of a group of one are personal data.
        shape: as in :mod:`mien.sinks.jsonl`.
        min_group: the session's minimum group.
        token: sent as ``Authorization: Bearer``; never logged, never part of a message.
        most_waiting: snapshots that queue before the oldest is dropped.
        timeout_seconds: how long an answer is waited for.
        first_wait_seconds, longest_wait_seconds: between tries, doubling.
        linger_seconds: how long the end waits for what is queued to be taken.

    Raises:
        SettingsError: no address that snapshots may be sent to.
        PolicyError: ``anonymised`` for a session that reports groups too small.
        OutputError: at the end, not everything was taken.
    """
    check_shape(shape, min_group)
    if token is not None and not (token.isascii() and token.isprintable() and token):
        raise SettingsError("the token for the HTTP sink holds characters that no request can carry.")
    waits = (first_wait_seconds, longest_wait_seconds)
    return _Post(_address(url), token, (shape, min_group), most_waiting, timeout_seconds, waits, linger_seconds)


def _address(url: str) -> _Address:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"the address of the HTTP sink is none: {error}.") from error
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or any(c.isspace() for c in url):
        raise SettingsError("the HTTP sink needs an address such as https://example.org/snapshots.")
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            f"the address of the HTTP sink at {host} holds a password, which would be logged: put a token into the "
            "environment variable MIEN_HTTP_TOKEN."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(f"the HTTP sink sends nothing unencrypted to another machine: use https://{host}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Address(parts.scheme == "https", host, port, path)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


class _Post:
    """Posts what is queued, in a thread of its own, in order."""

    def __init__(
        self,
        address: _Address,
        token: str | None,
        shape: tuple[Shape, int],
        most: int,
        timeout_seconds: float,
        waits: tuple[float, float],
        linger_seconds: float,
    ) -> None:
        self._address, self._token, self._shape = address, token, shape
        self._timeout_seconds, self._waits, self._linger_seconds = timeout_seconds, waits, linger_seconds
        self._most = most
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._dropped = self._refused = 0
        self._trouble: str | None = None
        self._closing = self._closed = False
        self._connection: http.client.HTTPConnection | None = None
        self._thread: threading.Thread | None = None

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Queue the snapshot; never waits."""
        text = record(snapshot, *self._shape)
        if text is None or self._closing:
            return
        key = f"{snapshot.session_id}-{snapshot.source}-{snapshot.zone}-{snapshot.media_time:.6f}"
        with self._changed:
            if len(self._queue) >= self._most:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(_Waiting(key, text.encode()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mien-http", daemon=True)
                self._thread.start()
            self._changed.notify()

    def trouble(self) -> str | None:
        """What keeps the service from taking snapshots at present; None where it takes them."""
        return self._trouble

    def close(self, *, complete: bool) -> None:
        """Send what is queued, as far as the service takes it in time; called twice, it does nothing the second time.

        Raises:
            OutputError: not everything was taken.
        """
        if self._closed:
            return
        self._closed = True
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(self._linger_seconds)
        with self._changed:
            lost, self._queue = len(self._queue) + self._dropped + self._refused, deque()
            self._changed.notify()
        if lost:
            why = f": {self._trouble}" if self._trouble else ""
            raise OutputError(f"{self._address.host} did not take {lost} of the snapshots that were sent to it{why}")

    def _run(self) -> None:
        wait = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    break
                one = self._queue[0]
            try:
                self._send(one)
            except _AwayError as away:
                self._drop_connection()
                self._trouble = f"{self._address.host} does not take snapshots ({away}); they wait, and are tried again"
                wait = min(max(self._waits[0], 2 * wait), self._waits[1])
                self._pause(wait if away.seconds is None else min(away.seconds, _LONGEST_ASKED_SECONDS))
                continue
            except _RefusedError as refused:
                self._refused += 1
                self._trouble = f"{self._address.host} refuses snapshots ({refused}); they are lost to it"
            else:
                self._trouble = None
            wait = 0.0
            with self._changed:
                if self._queue and self._queue[0] is one:
                    self._queue.popleft()
        self._drop_connection()

    def _pause(self, seconds: float) -> None:
        """Wait, but at the end no longer than until everything was given up."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._queue and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, self._waits[0]) if self._closing else left)
                if self._closing:
                    return

    def _send(self, one: _Waiting) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"mien/{__version__}",
            "Idempotency-Key": one.key,
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request("POST", self._address.path, one.body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except ssl.SSLCertVerificationError as error:
            raise _AwayError(f"its certificate is not trusted: {error.verify_message}") from error
        except (OSError, http.client.HTTPException) as error:
            raise _AwayError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
        if answer.will_close:
            self._drop_connection()
        if answer.status in LATER or answer.status >= 500:
            raise _AwayError(f"status {answer.status}", _asked_seconds(answer.headers.get("Retry-After")))
        if not 200 <= answer.status < 300:
            raise _RefusedError(f"status {answer.status}")

    def _connect(self) -> http.client.HTTPConnection:
        where = self._address
        if where.secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(where.host, where.port, timeout=self._timeout_seconds, context=context)
        return http.client.HTTPConnection(where.host, where.port, timeout=self._timeout_seconds)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _asked_seconds(header: str | None) -> float | None:
    """Seconds of a ``Retry-After``; a date is not heeded."""
    return float(header) if header is not None and header.strip().isdecimal() else None

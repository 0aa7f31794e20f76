"""One request over HTTPS by the standard library: bounded in time and size, and answered by the host that was asked."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import IO, Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

from mien.scholar.wording import plain
from mien.weights.entries import permitted

_CHUNK_BYTES: Final = 1 << 16
_MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class HttpError(Exception):
    """Why there is no answer. ``str(error)`` completes "SERVICE …"."""


class UnreachableError(HttpError):
    """No connection came about."""


class BrokenError(HttpError):
    """A connection came about and failed; another attempt may do."""


class RefusedError(HttpError):
    """What came is not taken, and would not be another time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whatever its status.

    Attributes:
        status: HTTP's.
        reason: its phrase.
        headers: names in lower case.
        body: not longer than what was allowed.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """Makes requests."""

    def get(self, address: str, headers: Mapping[str, str], timeout_seconds: float, largest_bytes: int) -> Answer:
        """The answer to one GET, of any status.

        Raises:
            HttpError: there is none; one of the kinds above.
        """
        ...


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects come back like other answers: urllib's own would read their bodies, however long."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class HttpsClient:
    """Requests over https, or http on this machine. Proxies are taken from the environment.

    What is asked of one host is not told to another, and no other may answer for it: redirects are followed on the same
    host only.
    """

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(_NoRedirects)

    def get(self, address: str, headers: Mapping[str, str], timeout_seconds: float, largest_bytes: int) -> Answer:
        """See :class:`Http`. The time counts from the request to the answer's last byte."""
        if not permitted(address):
            raise RefusedError("is not at an https address")
        ends = time.monotonic() + timeout_seconds
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._once(address, headers, ends, largest_bytes)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            address = _same_host(address, answer.headers["location"])
        raise RefusedError("sent us on and on")

    def _once(self, address: str, headers: Mapping[str, str], ends: float, largest_bytes: int) -> Answer:
        request = urllib.request.Request(address, headers=dict(headers))
        try:
            with self._open(request, max(0.001, ends - time.monotonic())) as response:
                return Answer(
                    response.status,
                    response.reason or "",
                    {name.lower(): value for name, value in response.headers.items()},
                    b"" if response.status in _REDIRECTS else _body(response, ends, largest_bytes),
                )
        except urllib.error.URLError as error:
            raise UnreachableError(f"cannot be reached: {_told(error.reason)}") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise BrokenError(f"broke off: {_told(error)}") from error

    def _open(self, request: urllib.request.Request, timeout_seconds: float) -> Any:
        try:
            return self._opener.open(request, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            return error


def _same_host(address: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        RefusedError: to another host, or nowhere.
    """
    try:
        led = urljoin(address, location)
        old, new = urlsplit(address), urlsplit(led)
        host = new.hostname
    except ValueError:
        raise RefusedError("sent us on to no address") from None
    if (old.scheme, old.netloc) != (new.scheme, new.netloc):
        raise RefusedError(f"sent us on to {plain(host or 'nowhere', 80)}, which was not asked")
    return led


def _body(response: http.client.HTTPResponse | urllib.error.HTTPError, ends: float, largest_bytes: int) -> bytes:
    read = getattr(response, "read1", response.read)
    told = response.headers.get("Content-Length", "")
    length = int(told) if told.isascii() and told.isdecimal() else None
    if length is not None and length > largest_bytes:
        raise RefusedError(_too_long(largest_bytes))
    body = bytearray()
    while chunk := read(_CHUNK_BYTES):
        body += chunk
        if len(body) > largest_bytes:
            raise RefusedError(_too_long(largest_bytes))
        if time.monotonic() > ends:
            raise BrokenError("broke off: too slow")
    if length is not None and len(body) < length:
        raise BrokenError(f"broke off: {len(body)} of {length} bytes came")
    return bytes(body)


def _too_long(largest_bytes: int) -> str:
    return f"answered with more than {largest_bytes:,} bytes"


def _told(error: object) -> str:
    """An error in words; what a server sent, or the address with a key in it, is not repeated."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError):
        return plain(str(error.strerror or error) or type(error).__name__, 120)
    return error if isinstance(error, str) else type(error).__name__

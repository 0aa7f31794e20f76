"""Downloads that can be taken up again: what arrived is kept beside the target and continued with a range request."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from mien.weights.entries import permitted

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes there will be."""

CHUNK_BYTES: Final = 1 << 16
ATTEMPTS: Final = 4
"""Connections made for one file, as long as each brings it further."""


class FetchError(Exception):
    """Why a source did not give the file. ``str(error)`` completes "SOURCE: …"."""


class UnreachableError(FetchError):
    """The host did not answer at all."""


class _BrokenError(Exception):
    """The connection failed; the message says how."""


class _PermittedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not permitted(newurl):
            fp.close()
            raise FetchError(f"redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(address: str, part: Path, size_bytes: int, *, timeout_seconds: float, progress: Progress) -> bool:
    """Fetch a file into ``part``, continuing what is there.

    Args:
        address: where it is; https, or http on this machine. Proxies are taken from the environment.
        part: where it goes; whatever arrived stays there when the connection breaks.
        size_bytes: its length; more is refused.
        timeout_seconds: longest wait for a connection and for each piece.
        progress: told after each piece.

    Returns:
        Whether some of the bytes were there before.

    Raises:
        UnreachableError: no answer.
        FetchError: refused, too long, or broken off without getting any further.
        OSError: ``part`` cannot be written.
    """
    if not permitted(address):
        raise FetchError("not an https address")
    opener = urllib.request.build_opener(_PermittedRedirects)
    before = _length(part)
    if before > size_bytes:
        part.unlink()
        before = 0
    resumed = before > 0
    for attempt in range(ATTEMPTS):
        have = _length(part)
        if have == size_bytes:
            return resumed
        try:
            restarted = _continue(opener, address, part, have, size_bytes, timeout_seconds, progress)
        except _BrokenError as error:
            if _length(part) > have:
                continue
            if attempt == 0:
                raise UnreachableError(f"could not be reached: {error}") from error
            break
        if restarted:
            resumed = False
        got = _length(part)
        if got == size_bytes:
            return resumed
        if got <= have:
            break
    raise FetchError(f"broke off after {_length(part)} of {size_bytes} bytes; try again to continue")


def _continue(
    opener: urllib.request.OpenerDirector,
    address: str,
    part: Path,
    have: int,
    size_bytes: int,
    timeout_seconds: float,
    progress: Progress,
) -> bool:
    """One connection. Returns whether the server made us start again from the first byte."""
    headers = {"User-Agent": "mien"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(address, headers=headers)
    try:
        response = opener.open(request, timeout=timeout_seconds)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            return _continue(opener, address, part, 0, size_bytes, timeout_seconds, progress)
        raise FetchError(f"answered {error.code} {error.reason}") from error
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(_reason(error)) from error
    with response:
        start = _start(response) if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        if start not in (0, have):
            raise FetchError(f"was asked to continue at byte {have} and continued at {start}")
        done = start
        with part.open("ab" if start else "wb") as file:
            progress(done, size_bytes)
            while chunk := _piece(response):
                done += len(chunk)
                if done > size_bytes:
                    file.truncate(0)
                    raise FetchError(f"is longer than the {size_bytes} bytes registered")
                file.write(chunk)
                progress(done, size_bytes)
    return have > 0 and start == 0


def _piece(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK_BYTES)
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(_reason(error)) from error


def _start(response: http.client.HTTPResponse) -> int:
    stated = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if stated is None:
        raise FetchError("answered with a part of the file without saying which")
    return int(stated[1])


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(reason).__name__

"""Asking a service over HTTPS with a key: once more where it is busy, and never at another address than its own."""

from __future__ import annotations

import http
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

from mien.core.errors import MienError

ATTEMPTS: Final = 4
_LONGEST_PAUSE_SECONDS: Final = 30.0
_LONGEST_ANSWER_BYTES: Final = 256 << 20


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key belongs to one host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is asked one thing.

    Attributes:
        name: what messages call it.
        host: that it is at.
        reason: what a refusal's body says, or None where it says nothing in the service's own form.
        pause_seconds: before the second attempt; doubled before each further one.
        answer_seconds: longest wait for one.
    """

    name: str
    host: str
    reason: Callable[[bytes], str | None]
    pause_seconds: float = 1.0
    answer_seconds: float = 120.0

    def post(self, request: Callable[[], urllib.request.Request]) -> bytes:
        """What it answers.

        Args:
            request: makes the request anew for each attempt.

        Raises:
            MienError: it refused, could not be reached, or stayed busy. Neither key nor request is in the message.
        """
        opener = urllib.request.build_opener(_NoRedirects)
        pause = self.pause_seconds
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with opener.open(request(), timeout=self.answer_seconds) as response:
                    return bytes(response.read(_LONGEST_ANSWER_BYTES))
            except urllib.error.HTTPError as error:
                with error:
                    told = self._told(error)
                    wait = _seconds(error.headers.get("Retry-After"), pause)
                busy = error.code == http.HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500
                if not busy or attempt == ATTEMPTS:
                    raise MienError(f"{self.name} answered {error.code}: {told}") from error
            except (http.client.HTTPException, OSError) as error:
                wait = pause
                if attempt == ATTEMPTS:
                    reason = error.reason if isinstance(error, urllib.error.URLError) else error
                    raise MienError(
                        f"{self.name} ({self.host}) cannot be reached: {str(reason) or type(reason).__name__}"
                    ) from error
            time.sleep(min(wait, _LONGEST_PAUSE_SECONDS))
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _told(self, error: urllib.error.HTTPError) -> str:
        try:
            told = self.reason(error.read(1 << 16))
        except (OSError, http.client.HTTPException):
            told = None
        return told or str(error.reason)


def _seconds(stated: str | None, default: float) -> float:
    return float(stated) if stated is not None and stated.isdecimal() else default

"""One question put to one service, politely: who asks is said, a busy service gets its time, an answer is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Protocol

from mien import __version__
from mien.scholar.cache import AnswerCache
from mien.scholar.http import Answer, BrokenError, Http, HttpError, UnreachableError
from mien.scholar.service import AnswerError, Query, Request, Service
from mien.scholar.source import Failure, Source
from mien.scholar.wording import plain

PROJECT: Final = "https://github.com/mien/mien"
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, 500, 502, 503, 504})


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's time."""

    def monotonic(self) -> float:
        """See :class:`Clock`."""
        return time.monotonic()

    def wall(self) -> float:
        """See :class:`Clock`."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """See :class:`Clock`."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Asker:
    """How services are asked.

    Attributes:
        http: makes the requests; None asks nobody, and remembered answers are all there is.
        clock: time.
        cache: answers remembered, or None.
        contact_email: told to the services, or None.
        timeout_seconds: longest wait for one answer.
        attempts: requests made of a busy service.
        largest_bytes: longest answer.
        ends: monotonic time after which nothing is waited for.
    """

    http: Http | None
    clock: Clock
    cache: AnswerCache | None
    contact_email: str | None
    timeout_seconds: float
    attempts: int
    largest_bytes: int
    ends: float = field(default=float("inf"))

    def ask(self, name: str, service: Service, query: Query) -> tuple[Source, ...] | Failure:
        """What a service finds, or why it finds nothing. Raises nothing that a server could bring about.

        Args:
            name: the service's plug-in.
            service: it.
            query: what is asked.
        """
        request = service.request(query)
        question = f"{name} {request.question}"
        if self.cache and (body := self.cache.recall(question, self.clock.wall())) is not None:
            try:
                return service.read(body)
            except AnswerError:
                pass  # Remembered by a version that read it otherwise.
        if self.http is None:
            return Failure(name, "was not asked: offline", reached=False)
        try:
            body = self._fetch(self.http, request, service.pause_seconds)
            works = service.read(body)
        except UnreachableError as error:
            return Failure(name, str(error), reached=False)
        except (HttpError, AnswerError) as error:
            return Failure(name, str(error), reached=True)
        if self.cache:
            self.cache.remember(question, body, self.clock.wall())
        return works

    def _fetch(self, http: Http, request: Request, pause: float) -> bytes:
        headers = {"User-Agent": self._name(), "Accept": request.accept, **request.headers}
        for attempt in range(1, self.attempts + 1):
            left = self.ends - self.clock.monotonic()
            if left <= 0:
                raise BrokenError("took too long")
            try:
                answer = http.get(request.address, headers, min(self.timeout_seconds, left), self.largest_bytes)
            except BrokenError as error:
                failed, wait = error, pause
            else:
                if answer.status == HTTPStatus.OK:
                    return answer.body
                failed = BrokenError(_status(answer))
                if answer.status not in BUSY:
                    raise failed
                stated = retry_after(answer.headers.get("retry-after"), self.clock.wall())
                wait = pause if stated is None else max(stated, pause)
                if stated is not None:
                    failed = BrokenError(f"{_status(answer)}, and asks to wait {stated:,.0f} s")
            if attempt == self.attempts or self.clock.monotonic() + wait >= self.ends:
                raise failed
            self.clock.sleep(wait)
            pause *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _name(self) -> str:
        contact = f"; mailto:{self.contact_email}" if self.contact_email else ""
        return f"mien/{__version__} (+{PROJECT}{contact})"


def retry_after(stated: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3: seconds or a date); None where it says nothing.

    Args:
        stated: its value.
        now: wall-clock time, in seconds since 1970.
    """
    if stated is None:
        return None
    text = stated.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError, OSError):
        return None


def _status(answer: Answer) -> str:
    return f"answered {answer.status} {plain(answer.reason, 60)}".strip()

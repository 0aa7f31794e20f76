"""Callers that were looked up a moment ago, so that not every request asks the database who is asking."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Final

from mien.service.principal import Caller

MOST: Final = 10_000

Found = tuple[Caller, datetime | None]
"""Somebody, and when what they hold ends; None where it does not by itself."""


class KnownCallers:
    """Remembers callers for a short time, in this process.

    Whoever changes who may do what calls :meth:`forget`; other processes notice when the time is over.

    Args:
        seconds: how long; 0 remembers nobody.
        monotonic: tells seconds that only go forward.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._known: dict[Hashable, tuple[float, Found]] = {}

    async def get(self, key: Hashable, now: datetime, look_up: Callable[[], Awaitable[Found | None]]) -> Caller | None:
        """The caller of a key, or None where it opens nothing. Only those who may come in are remembered.

        Args:
            key: a digest, or what a checked token says; never a secret.
            now: for what ends by itself.
            look_up: asks the database.
        """
        at = self._monotonic()
        held = self._known.get(key)
        if held is not None and held[0] > at:
            caller, until = held[1]
            return caller if until is None or now < until else None
        known = self._known
        found = await look_up()
        if found is None:
            return None
        # Where somebody called forget() meanwhile, what was looked up may be out of date.
        if known is self._known and self._seconds > 0:
            if len(known) >= MOST:
                known.clear()
            known[key] = (at + self._seconds, found)
        return found[0]

    def forget(self) -> None:
        """Look everybody up again."""
        self._known = {}

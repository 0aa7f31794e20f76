"""Turns at something scarce: those who wait are served caller by caller, so that none waits for all of another's."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """So many have a turn at once.

    Args:
        most: at once.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """A turn, once there is one: callers in rotation, each in the order of what it asked."""
        if self._free:
            self._free -= 1
        else:
            given = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(caller, deque()).append(given)
            try:
                await given
            except asyncio.CancelledError:
                if not given.cancelled():
                    # It was given in the very moment that nobody waited for it any more.
                    self._next()
                raise
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            caller, waiting = next(iter(self._waiting.items()))
            given = waiting.popleft()
            if waiting:
                self._waiting.move_to_end(caller)
            else:
                del self._waiting[caller]
            if not given.done():
                given.set_result(None)
                return
        self._free += 1

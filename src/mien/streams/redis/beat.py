"""Something done again and again in the background, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from mien.streams.errors import BusUnavailableError

_log = logging.getLogger(__name__)


class Beat:
    """Runs ``work`` every so many seconds from :meth:`start` to :meth:`stop`.

    Args:
        name: for the log.
        every_seconds: from the end of one run to the next.
        work: what to do; errors are logged, and it is done again.
    """

    def __init__(self, name: str, every_seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        self._name, self._every, self._work = name, every_seconds, work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; once is enough."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._work()
            except BusUnavailableError as error:
                _log.warning("%s: %s", self._name, error)
            except Exception:
                _log.exception("%s failed", self._name)

"""Work for the processor that a request waits for, away from the event loop: a few threads, and a short queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from mien.core.errors import MienError

Tool = TypeVar("Tool")
Result = TypeVar("Result")


class BusyError(MienError):
    """Too much is waiting already: ask again in a moment."""


class ToolError(MienError):
    """The tool cannot be opened: it is the operator's to mend, and nobody else's."""


class Bench(Generic[Tool]):
    """Threads with a tool each, such as a classifier, opened when its thread first needs it.

    Args:
        name: of the threads.
        open_tool: opens a tool; asked again where it failed.
        threads: how many work at once.
        most_waiting: jobs that may wait besides; more are refused.
    """

    def __init__(self, name: str, open_tool: Callable[[], Tool], *, threads: int = 1, most_waiting: int = 32) -> None:
        self._name = name
        self._open_tool = open_tool
        self._most = threads + most_waiting
        self._taken = 0
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(threads, name)

    @property
    def taken(self) -> int:
        """Jobs that are worked on or wait."""
        return self._taken

    async def run(self, job: Callable[[Tool], Result]) -> Result:
        """What a job gives. Where the caller is cancelled, a job that was begun still takes its place to its end.

        Raises:
            BusyError: too much is waiting.
            ToolError: there is no tool.
        """
        if self._taken >= self._most:
            raise BusyError("too much is waiting to be worked on: ask again in a moment.")
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._work, job)
        self._taken += 1
        future.add_done_callback(lambda done: self._leave(loop))
        return await asyncio.wrap_future(future)

    async def warm(self) -> None:
        """Have one tool opened, so that the first job does not wait for it."""
        await self.run(lambda tool: None)

    async def close(self) -> None:
        """Finish what is worked on, drop what waits."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._left)

    def _left(self) -> None:
        self._taken -= 1

    def _work(self, job: Callable[[Tool], Result]) -> Result:
        tool: Tool | None = getattr(self._own, "tool", None)
        if tool is None:
            try:
                tool = self._own.tool = self._open_tool()
            except MienError as error:
                raise ToolError(f"{self._name}: {error}") from error
        return job(tool)

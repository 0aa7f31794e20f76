"""Processes that ``mien serve`` starts beside itself, and starts again where they end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from mien.service.logs import say
from mien.service.settings import ServiceSettings

_log = logging.getLogger("mien.service.companions")


def _workers(settings: ServiceSettings) -> Sequence[Sequence[str]]:
    return [[sys.executable, "-m", "mien", "worker", "--beside-service"]] * settings.workers


COMMANDS: Final[tuple[Callable[[ServiceSettings], Sequence[Sequence[str]]], ...]] = (_workers,)
"""Each says which commands are to run beside a service with these settings. A command gets the settings as environment
variables, SIGTERM when the service stops, and the end of its standard input when the service has died."""

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""One that ran so long did not end because it cannot start."""


class Companions:
    """Runs commands until it is told to stop.

    Args:
        settings: of the service.
        commands: what to run; those of :data:`COMMANDS` where None.
    """

    def __init__(self, settings: ServiceSettings, commands: Sequence[Sequence[str]] | None = None) -> None:
        asked = [command for told in COMMANDS for command in told(settings)] if commands is None else commands
        self._environment = {**os.environ, **settings.environment()}
        self._tasks = [asyncio.create_task(self._keep(command)) for command in asked]
        self._running: set[asyncio.subprocess.Process] = set()
        self._stopping = asyncio.Event()

    def ask_to_stop(self) -> None:
        """Tell each to finish; they work on while the service finishes too."""
        self._stopping.set()
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def stop(self, seconds: float) -> None:
        """Wait until each has ended, and end those that have not after a while."""
        self.ask_to_stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for process in self._running:
            say(_log, logging.ERROR, "companion.killed", pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, command: Sequence[str]) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, stdin=asyncio.subprocess.PIPE, start_new_session=True
            )
            self._running.add(process)
            try:
                if self._stopping.is_set():
                    process.terminate()
                code = await process.wait()
            finally:
                self._running.discard(process)
            if self._stopping.is_set():
                return
            say(_log, logging.ERROR, "companion.ended", code=code, seconds=round(time.monotonic() - began, 3))
            wait = FIRST_WAIT_SECONDS if time.monotonic() - began > STEADY_SECONDS else wait
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

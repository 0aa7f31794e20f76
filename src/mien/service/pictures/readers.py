"""Processes that read pictures: a template with the networks open, and forks of it that wait for one file each.

A fork is made before it is needed, so that a picture waits for none. It is used once. One that crashes, or takes too
long, costs its own file alone; a template that ends is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from typing import Final

from mien.core.errors import InputError, MediaTooLargeError, MienError, UnsupportedMediaError
from mien.core.policy import Declaration
from mien.runtime.predict import NoFaceError, Prediction
from mien.service.logs import say
from mien.service.pictures.messages import Failed, Refused, Told
from mien.service.pictures.processes import BrokenError, Fork, ReadersError, ReadersOptions, Template
from mien.service.pictures.turns import Turns
from mien.service.work import seccomp

_log = logging.getLogger("mien.service.pictures")

FETCHING: Final = ("-P", "-m", "mien.service.work.fetching")
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 300.0
_END_SECONDS: Final = 0.5
_AFTER_ANSWER_SECONDS: Final = 0.03
"""The next fork is made once the answer is on its way, not beside it."""
_REFUSALS: Final[dict[str, type[InputError]]] = {
    "nobody": NoFaceError,
    "unsupported": UnsupportedMediaError,
    "too_large": MediaTooLargeError,
    "invalid": InputError,
}


class NotHereError(ReadersError):
    """This machine cannot confine a process, so none of it reads what strangers send."""


class Readers:
    """Reads pictures and clips in processes that can do nothing else.

    Args:
        declaration: what the operator declares about what is sent in.
        options: what reading may cost.
    """

    def __init__(self, declaration: Declaration, options: ReadersOptions | None = None) -> None:
        self._declaration = declaration
        self._options = options or ReadersOptions()
        self._turns = Turns(self._options.processes)
        self._order = asyncio.Lock()
        self._template: Template | None = None
        self._spare: list[Fork] = []
        self._wanted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._failure: tuple[float, ReadersError] | None = None

    def start(self) -> None:
        """Have the processes ready before the first picture, and from then on; needs a running loop."""
        if self._keeper is None and seccomp.available():
            self._keeper = asyncio.create_task(self._keep())
        self._wanted.set()

    async def read(self, handle: int, whose: str = "") -> Prediction:
        """What the faces in a file show. Where as many are read as may be, it waits, and callers take turns.

        Args:
            handle: descriptor of the file, sealed; it stays the caller's.
            whose: who sent it.

        Raises:
            InputError: it is not what can be read, shows nobody, or takes more than it may.
            BrokenError: the process that read it ended, or something went wrong in it.
            ReadersError: there is no such process to be had.
        """
        self.check()
        async with self._turns.turn(whose):
            answer = await self._answer(handle)
        match answer:
            case Told():
                return answer.prediction()
            case Refused():
                raise _REFUSALS[answer.kind](answer.message)
            case Failed():
                say(_log, logging.ERROR, "picture.failed", error=answer.error, where=answer.where)
                raise BrokenError("something went wrong in the process that read the picture.")

    @staticmethod
    def check() -> None:
        """Make sure that this machine can confine a process.

        Raises:
            NotHereError: it cannot.
        """
        if not seccomp.available():
            raise NotHereError("pictures are read on Linux only, on x86-64 or ARM64, by a kernel with seccomp.")

    async def close(self) -> None:
        """End every process."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        async with self._order:
            await self._drop()

    @property
    def template(self) -> int | None:
        """Process that forks; None while there is none."""
        return None if self._template is None else self._template.process.pid

    async def _answer(self, handle: int) -> Told | Refused | Failed:
        for again in (True, False):
            fork = await self._next()
            template = self._template
            try:
                return await fork.asked(self._options, handle)
            except BrokenError:
                # What ended with its template was not its file's fault.
                if not again or template is None or not await template.ended(_END_SECONDS):
                    raise
            finally:
                fork.end()
                self.start()
        raise AssertionError

    async def _next(self) -> Fork:
        """A fork that waits, or a new one."""
        while self._spare:
            fork = self._spare.pop(0)
            if fork.waits():
                return fork
            fork.end()
        return await self._forked()

    async def _forked(self) -> Fork:
        async with self._order:
            for again in (True, False):
                if self._template is None:
                    self._template = await self._started()
                try:
                    return await self._template.forked()
                except (OSError, TimeoutError, BrokenError) as error:
                    # It was ended from outside, such as for memory.
                    say(_log, logging.ERROR, "picture_template.ended", error=type(error).__name__)
                    await self._drop()
                    if not again:
                        raise ReadersError("the process that reads pictures ends again and again.") from error
        raise AssertionError

    async def _started(self) -> Template:
        if self._failure is not None and time.monotonic() < self._failure[0] + FIRST_WAIT_SECONDS:
            raise self._failure[1]
        began = time.monotonic()
        try:
            template = await Template.started(self._declaration, self._options)
        except ReadersError:
            # What it needs may not be on this machine yet.
            await _fetched(self._options.start_seconds)
            try:
                template = await Template.started(self._declaration, self._options)
            except ReadersError as error:
                self._failure = (time.monotonic(), error)
                raise
        say(_log, logging.INFO, "picture_template.ready", seconds=round(time.monotonic() - began, 3))
        return template

    async def _drop(self) -> None:
        for fork in self._spare:
            fork.end()
        self._spare.clear()
        template, self._template = self._template, None
        if template is not None:
            await template.end()

    async def _keep(self) -> None:
        """Hold as many forks ready as may read at once."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                while len(self._spare) < self._options.processes:
                    self._spare.append(await self._forked())
                wait = FIRST_WAIT_SECONDS
            except MienError as error:
                say(_log, logging.ERROR, "picture_template.missing", error=str(error), wait_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
                continue
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        """Wait until a fork was taken, or the template has ended."""
        self._wanted.clear()
        if self._template is None:
            return
        ended = asyncio.create_task(self._template.process.wait())
        wanted = asyncio.create_task(self._wanted.wait())
        try:
            await asyncio.wait((ended, wanted), return_when=asyncio.FIRST_COMPLETED)
            if wanted.done():
                await asyncio.sleep(_AFTER_ANSWER_SECONDS)
            if ended.done():
                async with self._order:
                    say(_log, logging.ERROR, "picture_template.ended", code=ended.result())
                    await self._drop()
        finally:
            for task in (ended, wanted):
                task.cancel()
            await asyncio.gather(ended, wanted, return_exceptions=True)


async def _fetched(seconds: float) -> None:
    """Have weights fetched by a process that may reach the network, and sees no picture."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *FETCHING,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

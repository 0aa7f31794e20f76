"""The template, and the forks of it that wait for one file each, as the service sees them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from mien.core.errors import MienError
from mien.core.policy import Declaration
from mien.service.logs import say
from mien.service.pictures.messages import (
    ANSWERS,
    FORK,
    LONGEST_PACKET,
    READY,
    Failed,
    PictureJob,
    Preparation,
    Refused,
    Told,
)
from mien.service.work.environment import told_environment
from mien.service.work.requests import Declared

_log = logging.getLogger("mien.service.pictures")

COMMAND: Final = ("-P", "-B", "-m", "mien.service.pictures.template")
_FORK_SECONDS: Final = 10.0
_LARGE_PAGES: Final = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Where the kernel has them to give, memory comes in pieces of 2 MB: a fork copies fewer tables of pages."""


class ReadersError(MienError):
    """No process can read pictures here: it is the operator's to mend."""


class BrokenError(MienError):
    """The process that read a picture ended, or said what it may not say: one file's trouble."""


@dataclass(frozen=True, slots=True)
class ReadersOptions:
    """What reading may cost.

    Attributes:
        processes: that read at once.
        memory_bytes: of address space, of one.
        wall_seconds: by the clock, of one file; of processor time too.
        longest_seconds: of a clip.
        start_seconds: the template may take to open its networks.
    """

    processes: int = 1
    memory_bytes: int = 3 << 30
    wall_seconds: float = 120.0
    longest_seconds: float = 60.0
    start_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Fork:
    """A process that waits for a file, reads it, and ends.

    Attributes:
        socket: to it.
        process: handle that it is ended by; numbers of processes are used again, handles are not.
    """

    socket: socket.socket
    process: int

    def waits(self) -> bool:
        """Whether it is still there."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def asked(self, options: ReadersOptions, handle: int) -> Told | Refused | Failed:
        """Its answer about a file."""
        job = PictureJob(longest_seconds=options.longest_seconds)
        try:
            socket.send_fds(self.socket, [job.model_dump_json().encode()], [handle])
            async with asyncio.timeout(options.wall_seconds):
                told = await _packet(self.socket)
        except TimeoutError:
            return Refused(
                kind="too_large",
                message=f"reading it takes longer than the {options.wall_seconds:g} seconds it may: cut it, or scale "
                "it down.",
            )
        except OSError as error:
            raise BrokenError("the process that read the picture ended.") from error
        if not told:
            say(_log, logging.ERROR, "picture.broke")
            raise BrokenError("the process that read the picture ended without an answer.")
        try:
            return ANSWERS.validate_json(told)
        except ValidationError as error:
            say(_log, logging.ERROR, "picture.answered_badly")
            raise BrokenError("the process that read the picture said what it may not say.") from error

    def end(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)
        os.close(self.process)
        self.socket.close()


@dataclass(frozen=True, slots=True)
class Template:
    """A running template.

    Attributes:
        process: its.
        control: socket to it.
    """

    process: asyncio.subprocess.Process
    control: socket.socket

    @classmethod
    async def started(cls, declaration: Declaration, options: ReadersOptions) -> Template:
        """One whose networks are open.

        Raises:
            ReadersError: it cannot open them.
        """
        control, theirs = _pair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *COMMAND,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=told_environment() | _LARGE_PAGES,
                    start_new_session=True,
                )
                asked = Preparation(
                    control_handle=theirs.fileno(),
                    parent=os.getpid(),
                    declared=Declared(
                        purpose=declaration.purpose,
                        basis=declaration.basis,
                        jurisdiction=declaration.jurisdiction,
                        exception=declaration.exception,
                    ),
                    memory_bytes=options.memory_bytes,
                    cpu_seconds=math.ceil(options.wall_seconds) + 1,
                )
            made = cls(process, control)
        except BaseException:
            control.close()
            raise
        try:
            await made._prepared(asked, options.start_seconds)
        except BaseException:
            await made.end()
            raise
        return made

    async def _prepared(self, asked: Preparation, seconds: float) -> None:
        assert self.process.stdin is not None
        try:
            async with asyncio.timeout(seconds):
                self.process.stdin.write(asked.model_dump_json().encode() + b"\n")
                await self.process.stdin.drain()
                self.process.stdin.close()
                told = await _packet(self.control)
        except (OSError, TimeoutError) as error:
            raise ReadersError("the process that reads pictures did not start.") from error
        if told != READY:
            why = told.decode(errors="replace") or "it ended"
            raise ReadersError(f"the process that reads pictures cannot be had: {why}")

    async def forked(self) -> Fork:
        """A fork that waits for a file.

        Raises:
            BrokenError: it ended at once, or the template did.
            TimeoutError: the template does not answer.
            OSError: the template has ended.
        """
        ours, theirs = _pair()
        try:
            with theirs:
                socket.send_fds(self.control, [FORK], [theirs.fileno()])
            async with asyncio.timeout(_FORK_SECONDS):
                await _readable(self.control)
            told, handles, _, _ = socket.recv_fds(self.control, LONGEST_PACKET, 1)
            if told != FORK or len(handles) != 1:
                raise BrokenError("the process that was to read a picture ended at once.")
            os.set_inheritable(handles[0], False)
        except BaseException:
            ours.close()
            raise
        return Fork(ours, handles[0])

    async def ended(self, seconds: float) -> bool:
        """Whether it has ended, or does within so long."""
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def end(self) -> None:
        """End it, and with it its forks."""
        self.control.close()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(self.process.wait())


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep packets apart; the first does not block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


async def _packet(end: socket.socket) -> bytes:
    """The next packet; none where the other end is closed."""
    await _readable(end)
    try:
        return end.recv(LONGEST_PACKET)
    except ConnectionResetError:
        return b""


async def _readable(end: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(end, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(end)

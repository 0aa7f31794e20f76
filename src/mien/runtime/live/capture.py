"""Frames out of a source in a worker, into shared memory.

The engine gives slots of a ring away (*credits*); the worker writes a frame into one and says so; the engine looks at
it there and gives the slot back. So no slot has two writers, nothing is locked, and a worker that dies loses only what
it had not handed over.

A live source is read all the time and only its latest frame is kept: what is handed over is never old, and what was
left out is counted. A file waits for a slot; played in real time it behaves like a camera.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from mien.core.errors import MienError
from mien.core.faces import Frame, FrameSource, SourceInfo, UInt8Array
from mien.runtime.live.blocks import Block
from mien.runtime.live.listening import Listener
from mien.runtime.live.workers import STOP

BEAT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """How a source is read.

    Attributes:
        keeps_latest: keep only the latest frame, and count what is left out.
        realtime: hand frames over at their media time, not faster.
        slots: of the ring.
        after_seconds: pass over frames up to this media time (a file that is opened again).
    """

    keeps_latest: bool
    realtime: bool = False
    slots: int = 4
    after_seconds: float = -1.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The source is open."""

    info: SourceInfo


@dataclass(frozen=True, slots=True)
class RingMade:
    """A ring for frames of up to so many bytes; one that was there before is given up."""

    name: str
    slot_bytes: int
    slots: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A frame lies in a slot.

    Attributes:
        ring, slot: where.
        index, media_time: of the frame.
        captured_at: monotonic seconds when it came out of the source.
        height, width: pixels.
        dropped: frames left out so far.
    """

    ring: str
    slot: int
    index: int
    media_time: float
    captured_at: float
    height: int
    width: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The engine is ready for frames: media that is played in real time starts now."""


@dataclass(frozen=True, slots=True)
class Credit:
    """A slot is free."""

    ring: str
    slot: int


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The source has no more frames.

    Attributes:
        complete: False when it ended before its media did.
        error: what went wrong, or None.
        exit_code: of the error; 0 without one.
    """

    complete: bool
    error: str | None = None
    exit_code: int = 0


def capture(connection: Connection, open_source: Callable[[], FrameSource], options: CaptureOptions) -> None:
    """The worker: see the module's text. Returns when the source has ended or the engine says so."""
    sending = threading.Lock()

    def send(message: object) -> None:
        with sending:
            connection.send(message)

    try:
        source = open_source()
    except MienError as error:
        send(Ended(False, str(error), error.exit_code))
        return
    send(Opened(source.info))
    hand = _Hand(source, options, send)
    try:
        last_beat, listener = 0.0, Listener()
        while not hand.done:
            if listener.wait((connection,), BEAT_SECONDS / 2):
                message = connection.recv()
                if message == STOP:
                    break
                if isinstance(message, Begin):
                    hand.start()
                else:
                    hand.credit(message)
            now = time.monotonic()
            if now - last_beat >= BEAT_SECONDS:
                last_beat = now
                send(Beat())
    finally:
        hand.stop()


class _Hand:
    """Takes frames from a source and hands them over as slots come free."""

    def __init__(self, source: FrameSource, options: CaptureOptions, send: Callable[[object], None]) -> None:
        self._source = source
        self._options = options
        self._send = send
        self._changed = threading.Condition()
        self._waiting: tuple[Frame, float] | None = None
        self._credits: list[int] = []
        self._ring: Block | None = None
        self._slot_bytes = 0
        self._dropped = 0
        self._ended: Ended | None = None
        self._stopped = False
        self.done = False

    def start(self) -> None:
        threading.Thread(target=self._grab, name="mien-grab", daemon=True).start()
        threading.Thread(target=self._hand_over, name="mien-hand", daemon=True).start()

    def credit(self, credit: Credit) -> None:
        with self._changed:
            if self._ring is not None and credit.ring == self._ring.name:
                self._credits.append(credit.slot)
                self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        with contextlib.suppress(Exception):
            self._source.close()
        if self._ring is not None:
            self._ring.close()

    def _grab(self) -> None:
        ended = Ended(True)
        try:
            started: float | None = None
            for frame in self._source:
                if self._stopped:
                    break
                if frame.media_time <= self._options.after_seconds:
                    continue
                if self._options.realtime:
                    started = time.monotonic() - frame.media_time if started is None else started
                    self._sleep_until(started + frame.media_time)
                self._offer(frame)
            ended = Ended(self._source.complete)
        except MienError as error:
            ended = Ended(False, str(error), error.exit_code)
        except Exception as error:
            ended = Ended(False, f"{type(error).__name__}: {error}", MienError.exit_code)
        with self._changed:
            self._ended = ended
            self._changed.notify_all()

    def _sleep_until(self, moment: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, max(0.0, moment - time.monotonic()))

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._waiting is not None and self._options.keeps_latest:
                self._dropped += 1
            else:
                self._changed.wait_for(lambda: self._waiting is None or self._stopped)
            self._waiting = (frame, time.monotonic())
            self._changed.notify_all()

    def _hand_over(self) -> None:
        # The pipe breaks where the engine is gone.
        with contextlib.suppress(OSError, ValueError):
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._stopped or self._waiting is not None or self._ended is not None
                    )
                    if self._stopped:
                        return
                    if self._waiting is None:
                        ended = self._ended
                        break
                    self._fit(self._waiting[0].image.nbytes)
                    if not self._credits:
                        self._changed.wait_for(lambda: self._stopped or bool(self._credits))
                        continue
                    # The latest at this moment, not the one that was waiting when the slot was asked for.
                    (frame, captured_at), self._waiting = self._waiting, None
                    slot = self._credits.pop(0)
                    dropped = self._dropped
                    self._changed.notify_all()
                self._send(self._write(frame, slot, captured_at, dropped))
            assert ended is not None
            self._send(ended)
        self.done = True

    def _write(self, frame: Frame, slot: int, captured_at: float, dropped: int) -> Arrived:
        assert self._ring is not None
        view = slot_view(self._ring, self._slot_bytes, slot, frame.height, frame.width)
        np.copyto(view, frame.image)
        return Arrived(
            self._ring.name, slot, frame.index, frame.media_time, captured_at, frame.height, frame.width, dropped
        )

    def _fit(self, size: int) -> None:
        """A ring whose slots hold a frame of this size."""
        if self._ring is not None and size <= self._slot_bytes:
            return
        if self._ring is not None:
            self._ring.close()
        self._slot_bytes = size
        self._ring = Block(create=True, size=size * self._options.slots)
        self._credits = []
        self._send(RingMade(self._ring.name, size, self._options.slots))


def slot_view(ring: Block, slot_bytes: int, slot: int, height: int, width: int) -> UInt8Array:
    """The picture in a slot, uint8 H×W×3, without a copy; valid until the slot is given back."""
    return ring.view((height, width, 3), slot * slot_bytes)


def again(options: CaptureOptions, after_seconds: float) -> CaptureOptions:
    """Options for opening the same file again where it was left."""
    return replace(options, after_seconds=after_seconds)

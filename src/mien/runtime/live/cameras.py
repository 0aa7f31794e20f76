"""One camera as the engine sees it: its worker, its ring, and the frames that are under way."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mien.core.errors import DeviceError
from mien.core.faces import Frame, FrameSource, SourceInfo
from mien.core.status import CameraStatus
from mien.pipeline import Found, Pipeline
from mien.runtime.live.blocks import Block
from mien.runtime.live.capture import (
    Arrived,
    Begin,
    CaptureOptions,
    Credit,
    Ended,
    Opened,
    RingMade,
    again,
    capture,
    slot_view,
)
from mien.runtime.live.supervision import OPENING_SECONDS, Patience, Restarts, told_error
from mien.runtime.live.workers import Kind, Worker


@dataclass(frozen=True, slots=True)
class LiveCamera:
    """A source, and how it is read.

    Attributes:
        name: for status and logs.
        open_source: opens it; picklable, where workers are processes.
        options: how it is read.
        is_live: it has no end: it is opened again when it is lost, and media time is the time since the start.
    """

    name: str
    open_source: Callable[[], FrameSource]
    options: CaptureOptions
    is_live: bool


@dataclass(slots=True)
class Flying:
    """A frame between its arrival and its being cut out.

    Attributes:
        arrived: where it lies.
        frame: a view of it.
        found: what the detector said, or that it was not asked; None while it is waited for.
        request: number of the question to the detector; None where it is not asked.
        again: the question is to the fallback.
    """

    arrived: Arrived
    frame: Frame
    found: Found | None = None
    request: int | None = None
    again: bool = False


class Camera:
    """A source's worker and what came from it.

    Args:
        spec: the source.
        number: from 1, for the worker's name.
        workers: process or thread.
        patience: how long it may be silent.
    """

    def __init__(self, spec: LiveCamera, number: int, workers: Kind, patience: Patience) -> None:
        self.spec = spec
        self.pipeline: Pipeline
        self.info: SourceInfo | None = None
        self.ended: Ended | None = None
        self.flying: deque[Flying] = deque()
        self.sequence = 0
        self.reached = -1.0
        """Media time of the latest frame that was cut out, seconds."""
        self.looked_at = -math.inf
        """Media time of the latest frame that the detector was asked about, seconds."""
        self.read = self.faces = self.faces_read = 0
        self._kind = workers
        self._patience = patience
        self._restarts = Restarts(patience)
        self._ring: Block | None = None
        self._slot_bytes = 0
        self._dropped_before = self._dropped = self._told_dropped = 0
        self._beat_at = self._frame_at = 0.0
        self._start_at: float | None = None
        self.worker = Worker(f"mien-camera-{number}", capture, (spec.open_source, spec.options), workers)

    def await_opened(self) -> SourceInfo:
        """Wait until the source is open, the first time; what is known of it.

        Raises:
            MienError: it cannot be opened.
        """
        connection = self.worker.connection
        assert connection is not None
        if not connection.poll(OPENING_SECONDS):
            raise DeviceError(f"{self.spec.name} was not open after {OPENING_SECONDS:.0f} seconds.")
        try:
            message = connection.recv()
        except (EOFError, OSError) as error:
            raise DeviceError(f"the worker of {self.spec.name} ended before it was open.") from error
        if isinstance(message, Ended):
            raise told_error(message.error or f"{self.spec.name} ended at once", message.exit_code)
        assert isinstance(message, Opened)
        self.info = message.info
        return message.info

    def begin(self) -> None:
        """Let frames come."""
        assert self.worker.connection is not None
        self.worker.connection.send(Begin())
        self._beat_at = self._frame_at = time.monotonic()

    def hear(self, message: object, now: float) -> Arrived | None:
        """Take a message of the worker; gives a frame that arrived in the present ring."""
        self._beat_at = now
        if isinstance(message, Arrived):
            self._frame_at = now
            self._dropped = self._dropped_before + message.dropped
            return message if self._ring is not None and message.ring == self._ring.name else None
        if isinstance(message, RingMade):
            self._drop_ring()
            self._ring = Block(name=message.name)
            self._slot_bytes = message.slot_bytes
            for slot in range(message.slots):
                self.give(Credit(message.name, slot))
        elif isinstance(message, Opened):
            # Opened again.
            self.info = message.info
            self.begin()
        elif isinstance(message, Ended) and not self.spec.is_live:
            self.ended = message
        return None

    def look(self, arrived: Arrived, media_time: float) -> Flying:
        """A frame that arrived, under way from now on."""
        assert self._ring is not None
        picture = slot_view(self._ring, self._slot_bytes, arrived.slot, arrived.height, arrived.width)
        flying = Flying(arrived, Frame(picture, arrived.index, max(media_time, 0.0)))
        self.flying.append(flying)
        self.sequence += 1
        return flying

    @property
    def slot_bytes(self) -> int:
        """Of the present ring."""
        return self._slot_bytes

    def land(self, most: int | None = None) -> list[Flying]:
        """The frames that are ready, in order, and no more of them than so many."""
        ready: list[Flying] = []
        while self.flying and self.flying[0].found is not None and len(ready) != most:
            ready.append(self.flying.popleft())
        return ready

    def give(self, credit: Credit) -> None:
        """Give a slot back."""
        if self.worker.connection is not None:
            with contextlib.suppress(OSError, ValueError):
                self.worker.connection.send(credit)

    def overdue(self, now: float) -> str | None:
        """What it has been silent about for too long, in words; None where all is well."""
        if self.ended is not None or self._start_at is not None:
            return None
        if now - self._beat_at > self._patience.stuck_seconds:
            return f"its worker gave no sign of life for {self._patience.stuck_seconds:g} seconds"
        if self.spec.is_live and now - self._frame_at > self._patience.silent_seconds:
            return f"it gave no frame for {self._patience.silent_seconds:g} seconds"
        return None

    def lose(self, now: float) -> float:
        """Its worker is gone, or is to go; frames under way go with it. Gives the seconds until it is opened again."""
        self.worker.kill()
        if self.worker.connection is not None:
            self.worker.connection.close()
            self.worker.connection = None
        self._drop_ring()
        self._dropped_before = self._dropped
        wait = self._restarts.wait_seconds(now)
        self._start_at = now + wait
        return wait

    def reopen_if_due(self, now: float) -> None:
        """Open it again once it is time; a file goes on where it was left."""
        if self._start_at is None or now < self._start_at:
            return
        self._start_at = None
        self.sequence = 0
        options = self.spec.options if self.spec.is_live else again(self.spec.options, self.reached)
        self.worker = Worker(self.worker.name, capture, (self.spec.open_source, options), self._kind)
        self.worker.start()
        # Opening may take its time.
        self._beat_at = self._frame_at = now + OPENING_SECONDS

    def close(self) -> None:
        """End its worker and let its ring go."""
        self.worker.end()
        self._drop_ring()

    def dropped_since(self) -> int:
        """Frames left out since this was last asked."""
        since, self._told_dropped = self._dropped - self._told_dropped, self._dropped
        return since

    def status(self, seconds: float) -> CameraStatus:
        """How it did over the last so many seconds; counting begins anew."""
        told = CameraStatus(
            self.spec.name,
            self.read / seconds,
            self._dropped,
            self._restarts.count,
            self.faces,
            self.faces_read,
            self._start_at is not None or (self.spec.is_live and self.read == 0),
        )
        self.read = 0
        return told

    def _drop_ring(self) -> None:
        self.flying.clear()
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.drop()

"""What live sources share: a thread reads the camera and keeps the two latest frames.

When reading is slower than the camera, the oldest frame is dropped and counted, so that what is read is never old.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from mien.core.faces import Frame, SourceInfo, UInt8Array
from mien.core.settings import SamplingSettings
from mien.sources._sampling import Sampler

WAITING_FRAMES: Final = 2
SILENCE_SECONDS: Final = 10.0
"""A camera that gives no frame for this long is taken for lost."""
CLOSING_SECONDS: Final = 2.0
"""How long closing waits for a read that is under way; the camera is given back when that ends."""


class Device(Protocol):
    """An open camera, read by one thread."""

    def read(self) -> UInt8Array | None:
        """Wait for the next picture, uint8 H×W×3 RGB; None when the camera is lost."""
        ...

    def release(self) -> None:
        """Give the camera back."""
        ...


class LiveSource:
    """Live frames of one camera; iterating ends when the camera is lost or the source is closed.

    Args:
        info: what is known of it.
        device: the open camera; given back by this.
        sampling: which frames to read.
        clock: seconds, monotonic.
        silence_seconds: how long a camera may give nothing before it is taken for lost.
    """

    def __init__(
        self,
        info: SourceInfo,
        device: Device,
        sampling: SamplingSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._info = info
        self._device = device
        self._sampling = sampling
        self._clock = clock
        self._silence = silence_seconds
        self._waiting: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None
        self.complete = True
        self.dropped = 0

    @property
    def info(self) -> SourceInfo:
        """A live source: no length and no hash."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, timed from the first one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._produce, name="mien-camera", daemon=True)
            self._thread.start()
        while True:
            with self._changed:
                came = self._changed.wait_for(lambda: bool(self._waiting) or self._ended, self._silence)
                if not came:
                    self.complete = False
                    return
                if not self._waiting:
                    return
                frame = self._waiting.popleft()
            yield frame

    def close(self) -> None:
        """Stop reading and give the camera back; frames that wait are dropped."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(min(self._silence, CLOSING_SECONDS))
        else:
            self._device.release()

    def _produce(self) -> None:
        sampler = Sampler(self._sampling)
        index, start = -1, None
        while not self._ended:
            picture = self._device.read()
            if picture is None:
                with self._changed:
                    self.complete = self.complete and self._ended
                break
            now = self._clock()
            start = now if start is None else start
            index += 1
            if sampler.wants(index, now - start):
                self._offer(Frame(picture, index, now - start))
        self._device.release()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._ended:
                return
            if len(self._waiting) == WAITING_FRAMES:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(frame)
            self._changed.notify_all()

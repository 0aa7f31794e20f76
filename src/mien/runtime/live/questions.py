"""The networks as the engine sees them: questions go to their worker, and are asked again of the next if it dies."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.core.errors import WeightsError
from mien.core.faces import EmotionClassifier, FaceDetector, Faces, FloatArray, UInt8Array
from mien.core.labels import FERPLUS8
from mien.runtime.live.blocks import Block
from mien.runtime.live.capture import BEAT_SECONDS
from mien.runtime.live.networks import MOST_CROPS, Classify, Detect, Facts, Failed, OpenNetworks, networks
from mien.runtime.live.supervision import OPENING_SECONDS, Patience, Restarts, told_error
from mien.runtime.live.workers import Kind, Worker

MOST_FAILURES: Final = 3
"""Workers that may die over one picture before it is passed over."""


class Questions:
    """The worker of the networks, and the questions it has not answered.

    Args:
        open_networks: opens detector and classifier.
        workers: process or thread.
        patience: how long it may be silent.
    """

    def __init__(self, open_networks: OpenNetworks, workers: Kind, patience: Patience) -> None:
        self.worker = Worker("mien-networks", networks, (open_networks,), workers)
        self._patience = patience
        self._restarts = Restarts(patience)
        self._open: dict[int, Detect | Classify] = {}
        self._failed: dict[int, int] = {}
        self._asked = 0
        self._ready = False
        self._beat_at = 0.0
        self._start_at: float | None = None
        self._block: Block | None = None

    def await_facts(self) -> Facts:
        """Wait until the networks are open, the first time.

        Raises:
            MienError: they cannot be opened.
        """
        connection = self.worker.connection
        assert connection is not None
        if not connection.poll(OPENING_SECONDS):
            raise WeightsError(f"the networks were not ready after {OPENING_SECONDS:.0f} seconds.")
        try:
            message = connection.recv()
        except (EOFError, OSError) as error:
            raise WeightsError("the networks' worker ended before it was ready.") from error
        if isinstance(message, Failed):
            raise told_error(message.error, message.exit_code)
        assert isinstance(message, Facts)
        self._ready, self._beat_at = True, time.monotonic()
        size, channels = message.geometry.size, 3 if message.colour == "rgb" else 1
        self._block = Block(create=True, size=MOST_CROPS * size * size * channels)
        return message

    @property
    def restarts(self) -> int:
        """Of the worker, so far."""
        return self._restarts.count

    def number(self) -> int:
        """Of the next question."""
        self._asked += 1
        return self._asked

    def ask(self, question: Detect | Classify) -> None:
        """Ask; it counts as open until :meth:`answered`."""
        self._open[question.request] = question
        if self._ready:
            self._send(question)

    def answered(self, request: int) -> None:
        """An answer came, or is no longer wanted."""
        self._open.pop(request, None)
        self._failed.pop(request, None)

    def hear(self, now: float) -> None:
        """A sign of life."""
        self._beat_at = now

    def ready_again(self) -> None:
        """The next worker is ready: ask it what the last one left unanswered."""
        self._ready = True
        for question in self._open.values():
            self._send(question)

    def place(self, crops: Sequence[UInt8Array]) -> Classify:
        """A question about crops, which are copied into the block; it grows where they need more room.

        One such question is open at a time: the block is its own.
        """
        assert self._block is not None
        shape = (sum(len(part) for part in crops), *crops[0].shape[1:])
        need = math.prod(shape)
        if need > self._block.size:
            self._drop_block()
            self._block = Block(create=True, size=2 * need)
        np.concatenate(crops, out=self._block.view(shape))
        return Classify(self.number(), self._block.name, shape)

    def silent(self, now: float) -> bool:
        """Whether it has missed several signs of life, which is too few to give it up, but not to wait for it."""
        return now - self._beat_at > 4 * BEAT_SECONDS

    def overdue(self, now: float) -> str | None:
        """What it has been silent about for too long, in words; None where all is well."""
        if self._start_at is None and now - self._beat_at > self._patience.stuck_seconds:
            return f"gave no sign of life for {self._patience.stuck_seconds:g} seconds"
        return None

    def lose(self, now: float) -> float:
        """The worker is gone, or is to go. Gives the seconds until the next one starts."""
        self.worker.kill()
        if self.worker.connection is not None:
            self.worker.connection.close()
            self.worker.connection = None
        if self._ready and self._open:
            # Questions are answered in order: this one was being answered.
            first = next(iter(self._open))
            self._failed[first] = self._failed.get(first, 0) + 1
        self._ready = False
        wait = self._restarts.wait_seconds(now)
        self._start_at = now + wait
        return wait

    def hopeless(self) -> int | None:
        """A question about a picture over which worker after worker died; None where there is none."""
        for request, count in self._failed.items():
            if count >= MOST_FAILURES and isinstance(self._open.get(request), Detect):
                return request
        return None

    def restart_if_due(self, now: float) -> None:
        """Start the next worker once it is time."""
        if self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self.worker.start()
            self._beat_at = now + OPENING_SECONDS

    def close(self) -> None:
        """End the worker and let the block go."""
        self.worker.end()
        self._drop_block()

    def _send(self, question: Detect | Classify) -> None:
        if self.worker.connection is not None:
            with contextlib.suppress(OSError, ValueError):
                self.worker.connection.send(question)

    def _drop_block(self) -> None:
        block, self._block = self._block, None
        if block is not None:
            block.drop()


class NamedDetector(FaceDetector):
    """Stands for a detector that runs in the worker: its name and hash."""

    def __init__(self, told: tuple[str, str]) -> None:
        self.name, self.sha256 = told

    def _detect(self, image: UInt8Array) -> Faces:
        raise NotImplementedError("the detector runs in a worker")


class NamedClassifier(EmotionClassifier):
    """Stands for the classifier that runs in the worker."""

    labels = FERPLUS8

    def __init__(self, facts: Facts) -> None:
        self.name, self.sha256 = facts.classifier
        self.geometry, self.colour = facts.geometry, facts.colour

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        raise NotImplementedError("the classifier runs in a worker")

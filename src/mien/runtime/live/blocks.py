"""Memory that processes share pictures in: views that keep it mapped, and letting it go."""

from __future__ import annotations

import contextlib
import math
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from mien.core.faces import UInt8Array


class Block(SharedMemory):
    """A block of shared memory whose views stay valid for as long as somebody holds them.

    ``numpy.ndarray(shape, buffer=block.buf)`` would hold nothing: a view read after :meth:`close` ends the process.
    """

    def view(self, shape: tuple[int, ...], offset: int = 0) -> UInt8Array:
        """Its bytes from an offset on, uint8 of a shape, without a copy.

        Raises:
            ValueError: it was let go.
        """
        # Taken once: another thread may let go meanwhile, after which it can be None.
        buffer = self.buf
        if buffer is None:
            raise ValueError(f"the block {self.name} was let go")
        return np.frombuffer(buffer, np.uint8, math.prod(shape), offset).reshape(shape)

    def close(self) -> None:
        """Let go of it here; its memory goes with the last view."""
        try:
            super().close()
        except BufferError:
            # Views hold the mapping from now on, and the last of them unmaps it.
            self._buf = self._mmap = None
            super().close()

    def drop(self) -> None:
        """Let go of it here, and everywhere once nobody has it open."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            self.unlink()


class OpenBlocks:
    """Blocks of other processes by name, opened once; the oldest is let go."""

    MOST = 16

    def __init__(self) -> None:
        self._open: dict[str, Block] = {}

    def open(self, name: str) -> Block:
        """The block of this name.

        Raises:
            FileNotFoundError: there is none any more.
        """
        if name not in self._open:
            while len(self._open) >= self.MOST:
                self.forget(next(iter(self._open)))
            self._open[name] = Block(name=name)
        return self._open[name]

    def forget(self, name: str) -> None:
        """Let one go."""
        block = self._open.pop(name, None)
        if block is not None:
            block.close()

    def close(self) -> None:
        """Let all go."""
        for name in list(self._open):
            self.forget(name)

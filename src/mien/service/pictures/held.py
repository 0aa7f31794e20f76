"""One file that was sent, in memory outside of this process, without a name: what is written here grows no heap."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from mien.service.pictures.admission import Admission
from mien.service.work import memory


class HeldFile:
    """Bytes as they come (Linux). Memory can be swapped out, and touches no other disk.

    Args:
        admission: which counts them.

    Attributes:
        handle: its descriptor.
        size: bytes so far.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.handle = memory.make("picture")
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes.

        Raises:
            BusyError: there is no room for them now.
        """
        self._admission.hold(len(data))
        self.size += len(data)
        memory.append(self.handle, data)

    def seal(self) -> None:
        """From now on nobody can change it, whoever is given its descriptor."""
        memory.seal(self.handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        os.close(self.handle)
        self._admission.release(self.size)

"""Snapshots as lines of JSON, written as they are made."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from mien.core.audience import AudienceSnapshot, Sink
from mien.core.durability import sync_folder
from mien.core.errors import OutputError
from mien.sinks._records import Shape, check_shape, record


def create(
    path: Path,
    *,
    shape: Shape = "snapshot",
    min_group: int = 1,
    sync_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Sink:
    """A sink that writes one JSON object a line.

    Args:
        path: the file to write; an existing one is replaced.
        shape: ``snapshot`` writes every snapshot in its own schema. ``anonymised`` writes
            :class:`~mien.sinks._records.AnonymisedRecord` for the snapshots that hold a group, and nothing for the
            others.
        min_group: the session's minimum group.
        sync_seconds: make what was written durable this often, so that a power cut loses no more; None only at the end.
        clock: seconds, monotonic.

    Raises:
        PolicyError: ``anonymised`` for a session that reports groups too small to be told about without a basis.
        OutputError: the file cannot be written.
    """
    check_shape(shape, min_group)
    return _JsonLines(path, shape, min_group, sync_seconds, clock)


class _JsonLines:
    """Each line is one write; a line that the disk refuses is taken back whole, so that every line can be parsed."""

    def __init__(
        self, path: Path, shape: Shape, min_group: int, sync_seconds: float | None, clock: Callable[[], float]
    ) -> None:
        self._path = path
        self._sync_seconds = sync_seconds
        self._clock = clock
        self._synced_at = clock()
        self._shape = shape
        self._min_group = min_group
        try:
            self._stream = path.open("wb", buffering=0)
            if sync_seconds is not None:
                sync_folder(path.parent)
        except OSError as error:
            raise self._refused(error) from error

    def write(self, snapshot: AudienceSnapshot) -> None:
        """Write the snapshot's line, if it has one in this shape."""
        text = record(snapshot, self._shape, self._min_group)
        if text is not None:
            self._line(text)

    def keep(self) -> None:
        """Make what was written durable, where that is due though no line comes.

        Raises:
            OutputError: the disk refused.
        """
        if self._sync_seconds is not None and self._clock() - self._synced_at >= self._sync_seconds:
            self._sync()
            self._synced_at = self._clock()

    def close(self, *, complete: bool) -> None:
        """Make the lines durable; called twice, it does nothing the second time."""
        if self._stream.closed:
            return
        with self._stream:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fsync(self._stream.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # A pipe or a device keeps nothing.
                raise self._refused(error) from error

    def _line(self, text: str) -> None:
        line = memoryview(text.encode() + b"\n")
        written = 0
        try:
            while written < len(line):
                written += self._stream.write(line[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                self._stream.truncate(self._stream.tell() - written)
                self._stream.seek(0, os.SEEK_END)
            raise self._refused(error) from error
        # The line is written: whoever was told otherwise would write it again. What refuses now refuses at the next
        # keep, or at the end.
        with contextlib.suppress(OutputError):
            self.keep()

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} cannot be written: {error.strerror or error}. Free some space or choose another folder."
        )

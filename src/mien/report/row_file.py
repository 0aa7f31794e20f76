"""A CSV file that grows row by row and appears whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mien.report.partial import MemoryFile, PartialFile, cannot_write, whole_file


class RowFile:
    """Rows under a header, kept under a temporary name until :meth:`close`.

    Args:
        path: the CSV file to write; an existing one is replaced at the end. Or a file in memory.
        columns: the header.

    Raises:
        OutputError: the folder cannot be written, or later the disk is full.
    """

    def __init__(self, path: Path | MemoryFile, columns: Sequence[str]) -> None:
        self._published = False
        file = whole_file(path)
        self.path = file.path
        self._file: PartialFile | MemoryFile | None = file
        self._stream = self._file.temporary.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self.add([columns])

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Write rows; a closed file takes none."""
        if self._file is None:
            return
        try:
            self._writer.writerows(rows)
        except OSError as error:
            self._abandon(self._file)
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Let the file appear under its name."""
        if self._file is None:
            return
        try:
            self._stream.close()
        except OSError as error:
            self._file.remove()
            self._file = None
            raise cannot_write(self.path, error) from error
        file, self._file = self._file, None
        file.publish()
        self._published = True

    def discard(self) -> None:
        """Remove what was written, finished or not."""
        if self._file is not None:
            self._abandon(self._file)
        elif self._published:
            self.path.unlink(missing_ok=True)
            self._published = False

    def _abandon(self, file: PartialFile | MemoryFile) -> None:
        self._file = None
        try:
            self._stream.close()
        except OSError:
            pass  # The rows that could not be flushed are being thrown away.
        finally:
            file.remove()

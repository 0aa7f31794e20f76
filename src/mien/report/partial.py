"""A file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mien.core.durability import sync_folder
from mien.core.errors import OutputError


class PartialFile:
    """A temporary name beside a path, to be written to and then published under that path in one step.

    Args:
        path: where the finished file goes; an existing one stays until then.

    Raises:
        OutputError: the folder is missing or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
        os.close(handle)
        self.temporary = Path(name)

    def publish(self) -> None:
        """Flush to the disk and move into place.

        Raises:
            OutputError: the disk or folder refused; nothing is left.
        """
        try:
            handle = os.open(self.temporary, os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            self.temporary.chmod(0o666 & ~_umask())
            self.temporary.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            self.remove()
            raise cannot_write(self.path, error) from error

    def remove(self) -> None:
        """Remove what was written under the temporary name."""
        self.temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def written_whole(path: Path, *failures: type[Exception]) -> Iterator[Path]:
    """A temporary name to write to, whose file appears at ``path`` when the ``with`` ends, or not at all.

    Args:
        path: where the finished file goes; an existing one stays until then.
        failures: errors of whatever writes, beside ``OSError``, that mean that it cannot.

    Raises:
        OutputError: it cannot be written; nothing of it is left behind.
    """
    expected: tuple[type[Exception], ...] = (OSError, *failures)
    partial = PartialFile(path)
    try:
        yield partial.temporary
    except expected as error:
        partial.remove()
        raise cannot_write(path, error) from error
    except BaseException:
        partial.remove()
        raise
    partial.publish()


class MemoryFile:
    """A file without a place on any disk, written and read through :attr:`temporary` (Linux).

    Takes a :class:`PartialFile`'s part for what may never be stored in the clear. What asks for a path is given one
    that only this process can open.

    Args:
        name: what messages call it.

    Attributes:
        temporary: opens as a file.
        path: its name.
    """

    def __init__(self, name: str) -> None:
        self.path = Path(name)
        self._handle = os.memfd_create(name)
        self.temporary = Path(f"/proc/self/fd/{self._handle}")

    def publish(self) -> None:
        """Nothing is left to be done: it is where it stays."""

    def remove(self) -> None:
        """Empty it; a closed one is gone already."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, 0)

    def pieces(self, size: int) -> Iterator[bytes]:
        """What was written, at most ``size`` bytes at a time."""
        place = 0
        while piece := os.pread(self._handle, size, place):
            yield piece
            place += len(piece)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._handle)


def whole_file(path: Path | MemoryFile) -> PartialFile | MemoryFile:
    """What to write to: a temporary name beside a path, or the file in memory itself.

    Raises:
        OutputError: the folder is missing or cannot be written.
    """
    return path if isinstance(path, MemoryFile) else PartialFile(path)


def cannot_write(path: Path, error: Exception) -> OutputError:
    """The error that says why ``path`` (a file or a folder) cannot be written, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"cannot write {path}: the disk is full. Free some space or choose another folder.")
    if number in (errno.EACCES, errno.EPERM):
        return OutputError(f"cannot write {path}: permission denied. Choose a folder of yours.")
    if number == errno.EROFS:
        return OutputError(f"cannot write {path}: it is read-only. Choose another folder.")
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot write {path}: {reason}. Choose another folder.")


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

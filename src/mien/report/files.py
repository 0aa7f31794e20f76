"""Writing results: whole or not at all, and errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mien.core.errors import OutputError


def prepare_folder(folder: Path) -> None:
    """Make sure that results can be written to ``folder``, before any time is spent on them.

    Raises:
        OutputError: it is a file, or cannot be created or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write results to {folder}: it is a file; choose a folder with '--out'.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise explain(folder, error) from error


def explain(folder: Path, error: OSError) -> OutputError:
    """The error to raise when writing to ``folder`` failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"cannot write results to {folder}: the disk is full; free some space or choose another.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return OutputError(
            f"cannot write results to {folder}: permission denied; choose a folder of yours with '--out'."
        )
    if error.errno == errno.EROFS:
        return OutputError(f"cannot write results to {folder}: it is read-only; choose another folder with '--out'.")
    reason = error.strerror or str(error)
    return OutputError(f"cannot write results to {folder}: {reason}; choose another folder with '--out'.")


@contextlib.contextmanager
def whole_text_file(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears at ``path`` when it is complete, replacing what was there, or not at all.

    Raises:
        OutputError: it cannot be written; nothing of it is left behind.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise explain(path.parent, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

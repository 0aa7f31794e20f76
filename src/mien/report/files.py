"""Writing results: whole or not at all, and errors that say what to do."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from mien.core.durability import sync_folder
from mien.core.errors import OutputError, SettingsError
from mien.report.partial import cannot_write, written_whole


def prepare_folder(folder: Path) -> None:
    """Make sure that results can be written to ``folder``, before any time is spent on them.

    Raises:
        OutputError: it is a file, or cannot be created or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write results to {folder}: it is a file; choose a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error


def check_output(path: Path, *inputs: Path) -> None:
    """Make sure that one file can be written at ``path``, before any time is spent on it. Leaves nothing there.

    Args:
        path: of the file; one that is there may be replaced.
        inputs: files that it must not be.

    Raises:
        SettingsError: it is one of the inputs.
        OutputError: its folder does not exist or cannot be written to, or it is a folder itself.
    """
    if any(path.exists() and other.exists() and path.samefile(other) for other in inputs):
        raise SettingsError(f"{path} is what is read: choose another file to write to.")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def results_folder(folder: Path) -> Iterator[None]:
    """A folder for results: made when missing, and removed again when what is inside the ``with`` fails and left it
    empty.

    Raises:
        OutputError: see :func:`prepare_folder`.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    prepare_folder(folder)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()
        raise


@contextlib.contextmanager
def all_or_none(folder: Path) -> Iterator[Path]:
    """A folder for several files that appear in ``folder`` together, when all are complete.

    Raises:
        OutputError: ``folder`` cannot be written; none of them is left behind.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=folder) as name:
            yield Path(name)
            for file in sorted(Path(name).iterdir()):
                file.replace(folder / file.name)
            sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    except OutputError as error:
        # The name it was written under tells nobody anything.
        raise OutputError(str(error).replace(name, str(folder))) from error


@contextlib.contextmanager
def whole_text_file(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears at ``path`` when it is complete, replacing what was there, or not at all.

    Raises:
        OutputError: it cannot be written; nothing of it is left behind.
    """
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file

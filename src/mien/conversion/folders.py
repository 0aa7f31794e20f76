"""Where models are written: into a folder of their own."""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import OutputError


def check_new(out: Path) -> None:
    """Make sure that a folder for a model holds nothing, before any time is spent on it.

    Args:
        out: of the model; need not be there.

    Raises:
        OutputError: something is in it.
    """
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(
            f"{out} is not empty: choose a new folder with '--out', so that no file of another model stays."
        )

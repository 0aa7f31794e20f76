"""Moments as markers for edit suites and annotation tools: a file of this package is a format, found by its name.

``markers/resolve_csv.py`` is the format ``resolve-csv``. It has ``SUFFIX``, of the files it makes, and
``render(sheet) -> str``, their whole text. Nothing is imported until it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from mien.core.errors import SettingsError
from mien.report.files import whole_text_file
from mien.report.markers._sheet import Marker, MarkerOptions, Sheet, Stretch

__all__ = ["Marker", "MarkerFormat", "MarkerOptions", "Sheet", "Stretch", "formats", "load_format", "write_markers"]


class MarkerFormat(Protocol):
    """What a module of this package offers."""

    SUFFIX: str

    def render(self, sheet: Sheet) -> str:
        """The whole file."""
        ...


def formats() -> tuple[str, ...]:
    """Names of the formats, sorted; none is imported."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def load_format(name: str) -> MarkerFormat:
    """The format's module.

    Raises:
        SettingsError: no such format; the message lists those there are.
    """
    if name not in formats():
        raise SettingsError(f"unknown marker format {name!r}: choose one of {', '.join(formats())}.")
    return cast(MarkerFormat, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def write_markers(sheet: Sheet, name: str, path: Path) -> None:
    """Write a sheet in a format; the file appears whole or not at all.

    Raises:
        SettingsError: no such format, or a package that it needs is missing.
        OutputError: the file cannot be written.
    """
    text = load_format(name).render(sheet)
    with whole_text_file(path) as file:
        file.write(text)

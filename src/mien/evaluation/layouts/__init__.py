"""How labelled faces lie on a disk: a file of this package is a layout, found by its name.

A layout has ``recognises(path) -> bool``, which looks at names and first lines only, and
``read(path, options) -> VotedFaces``. Nothing is imported until a data set is read.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.evaluation.layouts._options import PARTS, Colour, Part, ReadOptions

if TYPE_CHECKING:
    from mien.evaluation.faces import VotedFaces

__all__ = ["PARTS", "Colour", "Layout", "Part", "ReadOptions", "find_layout", "layouts", "load_layout"]


class Layout(Protocol):
    """What a module of this package offers."""

    def recognises(self, path: Path) -> bool:
        """Whether a data set is laid out like this."""
        ...

    def read(self, path: Path, options: ReadOptions) -> VotedFaces:
        """The faces; UnsupportedMediaError names the rows that cannot be used."""
        ...


def layouts() -> tuple[str, ...]:
    """Names of the layouts, sorted; none is imported."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def load_layout(name: str) -> Layout:
    """The layout's module.

    Raises:
        SettingsError: no such layout; the message lists those there are.
    """
    if name not in layouts():
        raise SettingsError(f"unknown data layout {name!r}: choose one of {', '.join(layouts())}")
    module: Layout = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return module


def find_layout(path: Path) -> str:
    """Name of the layout of a data set.

    Raises:
        InputError: there is nothing at the path.
        UnsupportedMediaError: no layout, or more than one, recognises it.
    """
    if not path.exists():
        raise InputError(f"no such data set: {path}")
    found = [name for name in layouts() if load_layout(name).recognises(path)]
    if not found:
        raise UnsupportedMediaError(
            f"{path} is laid out like none of {', '.join(layouts())}: put it into one of these forms, or name the one "
            "that it is in as the layout. Folders of classes of your own are 'class-folders'"
        )
    if len(found) > 1:
        raise UnsupportedMediaError(f"{path} could be any of {', '.join(found)}: name the layout")
    return found[0]

"""Plug-ins: a file's name is its backend's name.

``mien/detectors/yunet.py`` is the detector ``yunet``. Nothing is imported until it is asked for, and an import
that fails says so instead of hiding the plug-in.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from mien.core.errors import SettingsError

KINDS: Final = (
    *("sources", "detectors", "classifiers", "headposes", "metrics", "sinks"),
    *("language.text_classifiers", "language.transcribers", "language.writers", "scholar.services"),
)
"""Each a package of ``mien``."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file's verified content.

    Attributes:
        name: its name in the weights registry, or its file name.
        content: the bytes.
        sha256: their hash, hexadecimal.
    """

    name: str
    content: bytes
    sha256: str


def available(kind: str) -> tuple[str, ...]:
    """Names of the plug-ins of a kind (one of :data:`KINDS`), sorted; none is imported."""
    package = importlib.import_module(f"mien.{kind}")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


def load(kind: str, name: str) -> ModuleType:
    """The plug-in's module.

    Raises:
        SettingsError: no such plug-in (the message lists those there are), or a package that it needs is missing.
    """
    singular = kind.rpartition(".")[2].removesuffix("s").replace("_", " ")
    if name not in available(kind):
        raise SettingsError(f"unknown {singular} {name!r}: choose one of {', '.join(available(kind))}")
    try:
        return importlib.import_module(f"mien.{kind}.{name}")
    except ImportError as error:
        raise SettingsError(f"{singular} {name!r} cannot be loaded: {error}") from error

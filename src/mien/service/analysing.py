"""Whether this process has what reads faces: the weights, on this machine, intact. Nothing is fetched to find out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mien import models, weights
from mien.assembly import DEFAULT_HEAD_POSE, PREFERRED_DETECTORS
from mien.core import plugins
from mien.core.settings import PROFILES

REMEDY: Final = (
    "run 'mien models pull {name}' where a network can be reached, or put the file into a folder and name that folder "
    "in MIEN_MODELS"
)
REMEDY_SHIPPED: Final = "it ships with Mien: install the package again"
LOOK_SECONDS: Final = 30.0
"""Files are read and hashed no more often than this."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Weights that are not here, and what to do."""

    name: str
    remedy: str


def missing() -> tuple[Missing, ...]:
    """What analyses need and this machine lacks; empty where it can analyse."""
    return tuple(_missing())


def _missing() -> Iterator[Missing]:
    shipped = models.bundled()
    for name in sorted({profile.classifier for profile in PROFILES.values()}):
        if name not in shipped:
            yield Missing(name, REMEDY_SHIPPED)
    yield from _lacks("headposes", DEFAULT_HEAD_POSE)
    # One of them is enough; a report says where it was not the preferred one.
    lacking = [tuple(_lacks("detectors", name)) for name in PREFERRED_DETECTORS]
    if all(lacking):
        yield from lacking[0]


def _lacks(layer: str, name: str) -> Iterator[Missing]:
    needed: Sequence[str] = getattr(plugins.load(layer, name), "WEIGHTS", ())
    for file in needed:
        if weights.locate(file) is None:
            yield Missing(file, REMEDY.format(name=file))


class Analysing:
    """Knows for a while what is missing.

    Args:
        look: says what is; away from the event loop.
        seconds: for how long its answer is taken.
    """

    def __init__(self, look: Callable[[], tuple[Missing, ...]] = missing, seconds: float = LOOK_SECONDS) -> None:
        self._look, self._seconds = look, seconds
        self._known: tuple[Missing, ...] = ()
        self._until = float("-inf")
        self._lock = asyncio.Lock()

    async def missing(self) -> tuple[Missing, ...]:
        """What analyses need and this process lacks."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._known = await asyncio.to_thread(self._look)
                self._until = time.monotonic() + self._seconds
        return self._known

"""Timelines by columns, as JSON or as NumPy's npz, compressed once."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS
from mien.service.etags import etag_of
from mien.store.packing import TimelineColumns

_LEVEL: Final = 5
_MOST_BYTES: Final = 64_000_000
_COUNTS: Final = ("frames", "present", "readable", "tracks")
_SHARES: Final = ("coverage", "facing_share", "synchrony")
_POINTS_DECIMALS: Final = 2
_SHARE_DECIMALS: Final = 3
_SECONDS_DECIMALS: Final = 6


class TimelineForm(StrEnum):
    """How a timeline is written."""

    JSON = "json"
    NPZ = "npz"

    @property
    def media_type(self) -> str:
        """Of HTTP."""
        return "application/json" if self is TimelineForm.JSON else "application/x-npz"


@dataclass(frozen=True, slots=True)
class TimelineAsked:
    """Which timeline, and how it is written.

    Attributes:
        intervals: whether the bounds of the intervals over people are told.
    """

    organisation_id: UUID
    session_id: UUID
    source: str
    zone: str
    form: TimelineForm
    intervals: bool


@dataclass(frozen=True, slots=True)
class Written:
    """A timeline as it is sent.

    Attributes:
        etag: of the content, whether or not it is compressed on its way.
        zipped: gzip.
    """

    etag: str
    zipped: bytes

    def plain(self) -> bytes:
        """For readers that take no gzip."""
        return gzip.decompress(self.zipped)


class Timelines:
    """Writes timelines, and keeps those of sessions that have ended: they do not change any more."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[TimelineAsked, Written] = OrderedDict()
        self._bytes = 0
        self._making: dict[TimelineAsked, asyncio.Task[Written]] = {}

    async def ended(self, asked: TimelineAsked, read: Callable[[], Awaitable[TimelineColumns]]) -> Written:
        """The timeline of a session that has ended; read and written once, however many ask.

        Args:
            asked: which.
            read: reads it from the store, in a unit of work of its own.
        """
        kept = self._kept.get(asked)
        if kept is not None:
            self._kept.move_to_end(asked)
            return kept
        making = self._making.get(asked)
        if making is None:
            making = self._making[asked] = asyncio.create_task(self._make(asked, read))
            making.add_done_callback(lambda _: self._making.pop(asked, None))
        return await asyncio.shield(making)

    async def written(self, asked: TimelineAsked, columns: TimelineColumns) -> Written:
        """A timeline that may still change."""
        return await asyncio.to_thread(write, asked, columns)

    def forget(self, organisation_id: UUID, session_id: UUID) -> None:
        """Keep nothing of a session that was deleted."""
        for asked in [a for a in self._kept if (a.organisation_id, a.session_id) == (organisation_id, session_id)]:
            self._bytes -= len(self._kept.pop(asked).zipped)

    async def _make(self, asked: TimelineAsked, read: Callable[[], Awaitable[TimelineColumns]]) -> Written:
        made = await asyncio.to_thread(write, asked, await read())
        self._kept[asked] = made
        self._bytes += len(made.zipped)
        while self._bytes > self._most and self._kept:
            self._bytes -= len(self._kept.popitem(last=False)[1].zipped)
        return made


def write(asked: TimelineAsked, columns: TimelineColumns) -> Written:
    """A timeline as it is sent."""
    content = _json(asked, columns) if asked.form is TimelineForm.JSON else _npz(asked, columns)
    return Written(etag_of(content), gzip.compress(content, _LEVEL, mtime=0))


def _json(asked: TimelineAsked, columns: TimelineColumns) -> bytes:
    told: dict[str, Any] = {
        "time_seconds": _numbers(columns["media_time"], _SECONDS_DECIMALS),
        "duration_seconds": _numbers(columns["duration_seconds"], _SECONDS_DECIMALS),
        "suppressed": columns["suppressed"].tolist(),
        "demo": columns["demo"].tolist(),
    }
    for name in _COUNTS:
        told[name] = [None if count < 0 else count for count in columns[name].tolist()]
    for name in _SHARES:
        told[name] = _numbers(columns[name], _SHARE_DECIMALS)
    told["emotions"] = _by_emotion(columns["emotions"])
    if asked.intervals:
        told["low"], told["high"] = _by_emotion(columns["low"]), _by_emotion(columns["high"])
    whole = {
        "session_id": str(asked.session_id),
        "source": asked.source,
        "zone": asked.zone,
        "count": len(columns),
        "columns": told,
    }
    # NaN becomes null.
    return msgspec.json.encode(whole)


def _by_emotion(values: npt.NDArray[Any]) -> dict[str, list[float]]:
    return {emotion: _numbers(values[:, i], _POINTS_DECIMALS) for i, emotion in enumerate(EMOTIONS)}


def _numbers(values: npt.NDArray[Any], decimals: int) -> list[float]:
    rounded: list[float] = np.round(values.astype(np.float64), decimals).tolist()
    return rounded


def _npz(asked: TimelineAsked, columns: TimelineColumns) -> bytes:
    told: dict[str, npt.NDArray[Any]] = {"time_seconds": columns["media_time"]}
    for name in ("duration_seconds", "suppressed", "demo", *_COUNTS, *_SHARES, "emotions"):
        told[name] = columns[name]
    if asked.intervals:
        told["low"], told["high"] = columns["low"], columns["high"]
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **told)
    return file.getvalue()

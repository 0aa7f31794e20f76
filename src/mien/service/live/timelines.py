"""Timelines by columns, as JSON or as NumPy's npz, compressed once."""

from __future__ import annotations

import asyncio
import gzip
import io
import time
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
_QUICK_LEVEL: Final = 1
"""Of sessions that run: a fifth more bytes for a quarter of the time."""
_MOST_BYTES: Final = 64_000_000
_MOST_SECONDS: Final = 600.0
"""Kept at most: what another process deleted is not sent any more, and is not kept much longer either."""
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """A timeline, of which version of the data it is, and when it was made by the monotonic clock."""

    version: int | None
    written: Written
    made_at: float


class Timelines:
    """Writes timelines once for each version of what they are made from, and keeps the newest.

    Args:
        most_bytes: kept; what was not asked for the longest goes first.
        monotonic: tells seconds that only go forward.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._monotonic = most_bytes, monotonic
        self._kept: OrderedDict[TimelineAsked, _Kept] = OrderedDict()
        self._bytes = 0
        self._making: dict[tuple[TimelineAsked, int | None], asyncio.Task[Written]] = {}

    async def whole(
        self, asked: TimelineAsked, version: int | None, read: Callable[[], Awaitable[TimelineColumns]]
    ) -> Written:
        """A whole timeline; read and written once for each version, however many ask.

        Args:
            asked: which.
            version: how many steps there are while the session runs, since none ever changes; None once it has ended.
            read: reads it from the store, in a unit of work of its own that begins later than the version was asked.
        """
        kept = self._kept.get(asked)
        if kept is not None and kept.version == version and self._monotonic() - kept.made_at < _MOST_SECONDS:
            self._kept.move_to_end(asked)
            return kept.written
        key = asked, version
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(asked, version, read))
            making.add_done_callback(lambda _: self._made(key, making))
        return await asyncio.shield(making)

    async def part(self, asked: TimelineAsked, columns: TimelineColumns) -> Written:
        """A stretch of a timeline, which is not kept."""
        return await asyncio.to_thread(write, asked, columns, _QUICK_LEVEL)

    def sessions(self) -> frozenset[tuple[UUID, UUID]]:
        """Of which something is kept, or being made: organisations and their sessions."""
        every = [*self._kept, *(asked for asked, _ in self._making)]
        return frozenset((asked.organisation_id, asked.session_id) for asked in every)

    def forget(self, organisation_id: UUID, session_id: UUID) -> None:
        """Keep nothing of a session that was deleted."""

        def about(asked: TimelineAsked) -> bool:
            return (asked.organisation_id, asked.session_id) == (organisation_id, session_id)

        for asked in [a for a in self._kept if about(a)]:
            self._drop(asked)
        # What is being made is given to those who wait for it, and not kept.
        for key in [k for k in self._making if about(k[0])]:
            del self._making[key]

    async def _make(
        self, asked: TimelineAsked, version: int | None, read: Callable[[], Awaitable[TimelineColumns]]
    ) -> Written:
        level = _LEVEL if version is None else _QUICK_LEVEL
        return await asyncio.to_thread(write, asked, await read(), level)

    def _made(self, key: tuple[TimelineAsked, int | None], making: asyncio.Task[Written]) -> None:
        if self._making.get(key) is not making:
            return
        del self._making[key]
        if making.cancelled() or making.exception() is not None:
            return
        asked, version = key
        newest = self._kept.get(asked)
        if newest is not None and newest.version is not None and version is not None and newest.version > version:
            return
        self._drop(asked)
        now = self._monotonic()
        for old in [a for a, kept in self._kept.items() if now - kept.made_at >= _MOST_SECONDS]:
            self._drop(old)
        self._kept[asked] = _Kept(version, making.result(), now)
        self._bytes += len(making.result().zipped)
        while self._bytes > self._most and self._kept:
            self._drop(next(iter(self._kept)))

    def _drop(self, asked: TimelineAsked) -> None:
        kept = self._kept.pop(asked, None)
        if kept is not None:
            self._bytes -= len(kept.written.zipped)


def write(asked: TimelineAsked, columns: TimelineColumns, level: int = _LEVEL) -> Written:
    """A timeline as it is sent, compressed at a level of gzip."""
    content = _json(asked, columns) if asked.form is TimelineForm.JSON else _npz(asked, columns)
    return Written(etag_of(content), gzip.compress(content, level, mtime=0))


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

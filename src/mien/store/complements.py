"""What is withheld of parts of an audience, so that a part too small to be told cannot be had by subtraction.

A session may hold figures of the whole audience and of its zones. A zone below the smallest group is suppressed when it
is measured, and yet whoever has the whole and all other zones has it: its people are those that are left, and its mean
follows from theirs. Mien's own halls leave such a zone out of the whole as well (:mod:`mien.hall`); what others send in
may not. So parts are told only of steps in which nobody is left, or no fewer than the smallest group.

All parts of a step are withheld together, never the whole. That holds whatever the order in which snapshots arrive and
are read: the more parts are there the fewer people are left, so parts that were told at one time leave enough people
with what is told at any other. Only a whole that comes after its parts could break it, so while a session is open the
parts of a step wait for the whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mien.core.audience import WHOLE_AUDIENCE
from mien.store.packing import ROW, TimelineColumns

COUNTS: Final = ("present", "readable", "tracks")
_SAME_TIME: Final = 1e-6

Lanes = Mapping[str, Sequence[TimelineColumns]]
"""Parts by their name: each as every source tells it."""
Intervals = npt.NDArray[np.float64]
"""N×2: media time from which and before which."""


class Complements:
    """What is withheld of one session's zones; each of its lanes is read once, however many zones are asked for.

    Args:
        lanes: sources and zones, all that there are.
        read: gives a lane's steps.
        min_group: fewest people that are told of together.
        is_open: whether further snapshots may come.
    """

    def __init__(
        self,
        lanes: Collection[tuple[str, str]],
        read: Callable[[str, str], Awaitable[TimelineColumns]],
        min_group: int,
        *,
        is_open: bool,
    ) -> None:
        self._lanes = tuple(lanes)
        self._zoned = frozenset(source for source, zone in self._lanes if zone != WHOLE_AUDIENCE)
        self._reader = read
        self._min_group = min_group
        self._is_open = is_open
        self._read: dict[tuple[str, str], TimelineColumns] = {}
        self._revealing: dict[str, Intervals] = {}

    async def steps(self, source: str, zone: str) -> TimelineColumns:
        """A lane as it is stored."""
        key = source, zone
        if key not in self._read:
            self._read[key] = await self._reader(source, zone)
        return self._read[key]

    async def told(self, source: str, part: TimelineColumns) -> TimelineColumns:
        """Steps of one of a source's zones as readers may have them."""
        wholes, where = [], [np.empty((0, 2))]
        for whole, zone in self._lanes:
            # The whole of a source without zones of its own may be that of all the others' zones.
            if zone == WHOLE_AUDIENCE and (whole not in self._zoned or whole == source):
                wholes.append(await self.steps(whole, zone))
                where.append(await self._revealed(whole))
        return withheld(part, np.concatenate(where), wholes if self._is_open else None)

    async def _revealed(self, source: str) -> Intervals:
        """Where a source's whole less the zones that may be in it would tell of too few."""
        if source not in self._revealing:
            parts: dict[str, list[TimelineColumns]] = {}
            for other, zone in self._lanes:
                if zone != WHOLE_AUDIENCE and (source not in self._zoned or other == source):
                    parts.setdefault(zone, []).append(await self.steps(other, zone))
            self._revealing[source] = revealing(await self.steps(source, WHOLE_AUDIENCE), parts, self._min_group)
        return self._revealing[source]


def revealing(whole: TimelineColumns, parts: Lanes, min_group: int) -> Intervals:
    """Stretches of media time in which the whole less its parts would be a group that is too small.

    Args:
        whole: steps of the whole audience.
        parts: every part of it that is told. Of one that several sources tell it is not known which is in the whole.
        min_group: fewest people that are told of together.

    Returns:
        The steps of the whole, and of parts that do not lie on its steps.
    """
    steps = len(whole)
    low = {name: np.asarray(whole[name], np.int64).copy() for name in COUNTS}
    high = {name: counts.copy() for name, counts in low.items()}
    told = ~np.asarray(whole["suppressed"], np.bool_)
    astray: list[Intervals] = []
    for sources in parts.values():
        least = {name: np.full(steps, np.iinfo(np.int64).max) for name in COUNTS}
        most = {name: np.zeros(steps, np.int64) for name in COUNTS}
        for lane in sources:
            at, fits = _places(whole, lane)
            spans = _spans(lane)
            astray.append(spans[~fits & _touches(spans, _spans(whole)[told])])
            for name in COUNTS:
                counts = np.where(lane["suppressed"], 0, np.maximum(lane[name], 0)).astype(np.int64)
                here = np.zeros(steps, np.int64)
                here[at[fits]] = counts[fits]
                least[name], most[name] = np.minimum(least[name], here), np.maximum(most[name], here)
        for name in COUNTS:
            low[name] -= most[name]
            high[name] -= least[name]
    small = np.zeros(steps, np.bool_)
    for name in COUNTS:
        counted = np.asarray(whole[name]) >= 0
        nobody = (low[name] == 0) & (high[name] == 0)
        near = (low[name] < min_group) & (high[name] > -min_group)
        small |= counted & near & ~nobody
    return np.concatenate([_spans(whole)[told & small], *astray])


def withheld(part: TimelineColumns, where: Intervals, waiting_for: Sequence[TimelineColumns] | None) -> TimelineColumns:
    """A part without what is not told of it.

    Args:
        part: its steps.
        where: of :func:`revealing`.
        waiting_for: steps of wholes without which nothing is told, of an open session; None where no more will come.
    """
    hidden = _touches(_spans(part), where)
    if waiting_for is not None:
        covered = np.concatenate([_spans(whole) for whole in waiting_for] or [np.empty((0, 2))])
        hidden |= ~_touches(_spans(part), covered)
    if not hidden.any():
        return part
    rows = part.rows.copy()
    for name in ROW.names or ():
        if name in ("media_time", "duration_seconds", "demo", "format", "spare"):
            continue
        rows[name][hidden] = True if name == "suppressed" else -1 if name in ("frames", *COUNTS) else np.nan
    return TimelineColumns(rows)


def _places(whole: TimelineColumns, lane: TimelineColumns) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Which step of the whole each of a part's is, and whether it is one at all."""
    spans, wholes = _spans(lane), _spans(whole)
    if not len(whole):
        return np.zeros(len(lane), np.intp), np.zeros(len(lane), np.bool_)
    at = np.clip(np.searchsorted(wholes[:, 0], spans[:, 0] - _SAME_TIME), 0, len(whole) - 1)
    same = np.abs(wholes[at] - spans).max(axis=1) <= _SAME_TIME
    return at, same


def _spans(columns: TimelineColumns) -> Intervals:
    start = np.asarray(columns["media_time"], np.float64)
    length = np.asarray(columns["duration_seconds"], np.float64)
    return np.stack([start, start + np.where(length > 0, length, 2 * _SAME_TIME)], axis=1)


def _touches(spans: Intervals, others: Intervals) -> npt.NDArray[np.bool_]:
    """Whether each span shares time with any of the others."""
    if not len(others) or not len(spans):
        return np.zeros(len(spans), np.bool_)
    starts, ends = np.sort(others[:, 0]), np.sort(others[:, 1])
    begun = np.searchsorted(starts, spans[:, 1] - _SAME_TIME, side="left")
    over = np.searchsorted(ends, spans[:, 0] + _SAME_TIME, side="right")
    found: Any = begun > over
    return np.asarray(found, np.bool_)

"""The timeline as a drawing: reduced to what a page can show, and laid out in shares of its width and height.

Everything is drawn in a box 1000 wide and 100 high that the page stretches; text is laid over it by the page, so that
it never stretches. What was not measured is not bridged: a line ends where reading ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from mien.analysis.series import STATES, FloatArray, Series, StepState
from mien.core.labels import EMOTIONS
from mien.report.wording import clock

WIDTH: Final = 1000
HEIGHT: Final = 100
MOST_POINTS: Final = 720
"""Points of a line; longer timelines are put together, see :func:`reduce`."""
MIXED_BELOW: Final = 45.0
"""Below this mean the strongest emotion of a step is not named, as a single face's label would not be; points."""
_TICK_SECONDS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400)
_MOST_TICKS: Final = 9
_UNTOLD_ORDER: Final = (StepState.SUPPRESSED, StepState.UNREAD, StepState.NO_FACE, StepState.GAP)


class Spans(Protocol):
    """Stretches of time one after another: ``start`` and ``end``, float64 B, seconds."""

    @property
    def start(self) -> FloatArray:
        """Where each begins."""
        ...

    @property
    def end(self) -> FloatArray:
        """Where each ends."""
        ...


@dataclass(frozen=True, slots=True)
class Buckets:
    """B stretches of a timeline, each of one or more whole steps.

    Attributes:
        steps_each: steps in a bucket (the last may hold fewer).
        start, end: float64 B, seconds.
        state: int8 B, position in ``STATES``; read when any of its steps was, else what most of them are.
        mean: float64 B×8, points: over steps read, weighted as in a session's mean; NaN where nothing was read.
        least, most: float64 B×8, points: of the steps read.
        low, high: float64 B×8, points: the lowest lower and highest upper bound of its steps; NaN without.
        coverage: float64 B, 0–1: mean over its frames.
        present, readable: int64 B, the most faces at once.
    """

    steps_each: int
    start: FloatArray
    end: FloatArray
    state: npt.NDArray[np.int8]
    mean: FloatArray
    least: FloatArray
    most: FloatArray
    low: FloatArray
    high: FloatArray
    coverage: FloatArray
    present: npt.NDArray[np.int64]
    readable: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def is_read(self) -> npt.NDArray[np.bool_]:
        """bool B."""
        return np.asarray(self.state == STATES.index(StepState.READ))


def reduce(series: Series, most: int = MOST_POINTS) -> Buckets:
    """A timeline in at most ``most`` buckets of equally many steps."""
    n = len(series)
    each = max(1, -(-n // most))
    first = np.arange(0, n, each)
    last = np.minimum(first + each, n)
    read = series.is_read
    spacing = float(np.median(np.diff(series.start))) if n > 1 else 1.0
    # Steps that are single frames have no length of their own.
    length = spacing if n and series.end[0] == series.start[0] else 0.0
    weights = np.where(read, np.maximum(series.weights, 1e-9), 0.0)
    values = np.where(read[:, None], series.emotions, 0.0) * weights[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _sums(values, first) / _sums(weights[:, None], first)
        coverage = _sums((series.coverage * series.frames)[:, None], first) / _sums(series.frames[:, None], first)
    return Buckets(
        steps_each=each,
        start=series.start[first],
        end=np.maximum(series.end, series.start + length)[last - 1],
        state=_states(series, first, each),
        mean=mean,
        least=_extremes(np.minimum, series.emotions, first),
        most=_extremes(np.maximum, series.emotions, first),
        low=_extremes(np.minimum, series.low, first),
        high=_extremes(np.maximum, series.high, first),
        coverage=np.nan_to_num(coverage[:, 0]),
        present=np.maximum.reduceat(series.present, first) if n else series.present,
        readable=np.maximum.reduceat(series.readable, first) if n else series.readable,
    )


def _sums(values: npt.NDArray[np.floating] | npt.NDArray[np.integer], first: npt.NDArray[np.int_]) -> FloatArray:
    return np.asarray(np.add.reduceat(values, first, axis=0), np.float64) if len(first) else values.astype(np.float64)


def _extremes(pick: np.ufunc, values: FloatArray, first: npt.NDArray[np.int_]) -> FloatArray:
    """Lowest or highest of each bucket, NaN left aside."""
    if not len(first):
        return values
    ignore = np.fmin if pick is np.minimum else np.fmax
    return np.asarray(ignore.reduceat(values, first, axis=0), np.float64)


def _states(series: Series, first: npt.NDArray[np.int_], each: int) -> npt.NDArray[np.int8]:
    out = np.zeros(len(first), np.int8)
    for bucket, start in enumerate(first):
        states = series.state[start : start + each]
        if (states == STATES.index(StepState.READ)).any():
            out[bucket] = STATES.index(StepState.READ)
        else:
            counts = np.bincount(states, minlength=len(STATES))
            out[bucket] = max((STATES.index(s) for s in _UNTOLD_ORDER), key=lambda s: int(counts[s]))
    return out


@dataclass(frozen=True, slots=True)
class Scale:
    """Media time and points as places in the drawing.

    Attributes:
        begin, end: media time at its edges, seconds.
        top: points at its upper edge.
    """

    begin: float
    end: float
    top: float = 100.0

    @classmethod
    def of(cls, buckets: Spans) -> Scale:
        """The scale of a whole timeline, 0–100 points."""
        if not len(buckets.start):
            return cls(0.0, 1.0)
        begin, end = float(buckets.start[0]), float(buckets.end[-1])
        return cls(begin, end if end > begin else begin + 1.0)

    def x(self, seconds: float) -> float:
        """Units from the left."""
        return (seconds - self.begin) / (self.end - self.begin) * WIDTH

    def y(self, points: float) -> float:
        """Units from the top."""
        return HEIGHT - points / self.top * HEIGHT

    def left(self, seconds: float) -> float:
        """Percent of the width from the left, kept inside."""
        return round(min(100.0, max(0.0, self.x(seconds) / WIDTH * 100)), 3)


def numbers(values: FloatArray, digits: int = 1) -> list[float | None]:
    """Values as a page's script takes them, rounded; empty when there is none at all."""
    if np.isnan(values).all():
        return []
    return [None if v != v else round(v, digits) for v in values.tolist()]


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last position of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def line_path(buckets: Spans, values: FloatArray, scale: Scale) -> str:
    """An SVG path through the middles of buckets, from the start to the end of each run of what was read."""
    parts = []
    for first, last in runs(~np.isnan(values)):
        parts.append("M" + " ".join(_outline(buckets, values, scale, first, last)))
    return "".join(parts)


def band_path(buckets: Spans, low: FloatArray, high: FloatArray, scale: Scale) -> str:
    """A closed SVG path between two lines, one piece a run."""
    parts = []
    for first, last in runs(~(np.isnan(low) | np.isnan(high))):
        upper = _outline(buckets, high, scale, first, last)
        lower = _outline(buckets, low, scale, first, last)
        parts.append("M" + " ".join(upper + lower[::-1]) + "Z")
    return "".join(parts)


def step_path(buckets: Spans, values: FloatArray, scale: Scale) -> str:
    """An SVG path that holds each bucket's value from its start to its end."""
    return "".join("M" + " ".join(_stairs(buckets, values, scale, *run)) for run in runs(~np.isnan(values)))


def step_area(buckets: Spans, values: FloatArray, scale: Scale) -> str:
    """The area under :func:`step_path`, one piece a run."""
    parts = []
    for first, last in runs(~np.isnan(values)):
        ground = f"{scale.x(float(buckets.end[last])):.1f},{HEIGHT} {scale.x(float(buckets.start[first])):.1f},{HEIGHT}"
        parts.append("M" + " ".join(_stairs(buckets, values, scale, first, last)) + f" {ground}Z")
    return "".join(parts)


def _stairs(buckets: Spans, values: FloatArray, scale: Scale, first: int, last: int) -> list[str]:
    out = []
    for i in range(first, last + 1):
        level = f"{scale.y(float(values[i])):.1f}"
        out += [f"{scale.x(float(buckets.start[i])):.1f},{level}", f"{scale.x(float(buckets.end[i])):.1f},{level}"]
    return out


def _outline(buckets: Spans, values: FloatArray, scale: Scale, first: int, last: int) -> list[str]:
    middles = (buckets.start[first : last + 1] + buckets.end[first : last + 1]) / 2
    times = [float(buckets.start[first]), *middles.tolist(), float(buckets.end[last])]
    levels = values[first : last + 1].tolist()
    levels = [levels[0], *levels, levels[-1]]
    return [f"{scale.x(t):.1f},{scale.y(v):.1f}" for t, v in zip(times, levels, strict=True)]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the page's width with one meaning.

    Attributes:
        left, width: percent of the chart's width.
        meaning: an emotion, ``mixed``, or a state.
        start, end: seconds.
    """

    left: float
    width: float
    meaning: str
    start: float
    end: float


def untold(buckets: Buckets, scale: Scale) -> list[Block]:
    """Where nothing was read, and why."""
    told = ["" if read else STATES[s].value for read, s in zip(buckets.is_read, buckets.state, strict=True)]
    return [block for block in _blocks(buckets, told, scale) if block.meaning]


def strongest(buckets: Buckets, scale: Scale) -> list[Block]:
    """The strongest emotion along the timeline; ``mixed`` where none reaches :data:`MIXED_BELOW`."""
    told = []
    for read, means in zip(buckets.is_read, buckets.mean, strict=True):
        if not read:
            told.append("")
            continue
        best = int(np.argmax(means))
        told.append(EMOTIONS[best] if means[best] >= MIXED_BELOW else "mixed")
    return [block for block in _blocks(buckets, told, scale) if block.meaning]


def _blocks(buckets: Buckets, meanings: Sequence[str], scale: Scale) -> list[Block]:
    out = []
    position = 0
    for meaning, group in groupby(meanings):
        count = len(list(group))
        start, end = float(buckets.start[position]), float(buckets.end[position + count - 1])
        left = scale.left(start)
        out.append(Block(left, round(scale.left(end) - left, 3), meaning, start, end))
        position += count
    return out


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the time axis. ``minor`` ones are left out where there is little room."""

    left: float
    text: str
    minor: bool


def ticks(scale: Scale) -> list[Tick]:
    """Round times along the axis."""
    length = scale.end - scale.begin
    each = next((s for s in _TICK_SECONDS if length / s <= _MOST_TICKS), _TICK_SECONDS[-1])
    while length / each > _MOST_TICKS:
        each *= 2
    first = int(np.ceil(scale.begin / each - 1e-9))
    last = int(np.floor(scale.end / each + 1e-9))
    marks = [position * each for position in range(first, last + 1)]
    return [
        Tick(scale.left(at), clock(at) if each >= 1 else f"{at:.1f} s", bool((first + i) % 2))
        for i, at in enumerate(marks)
    ]


@dataclass(frozen=True, slots=True)
class Pin:
    """Where a moment is marked, on a wide page and on a narrow one: percent from the left, and a row from 0."""

    left: float
    row: int
    narrow_row: int


def pins(times: Sequence[float], scale: Scale, *, wide: float = 2.6, narrow: float = 8.0) -> list[Pin]:
    """Marks in rows in which none covers another.

    Args:
        times: seconds.
        scale: of the chart.
        wide, narrow: room that a mark takes, percent of the width, on a wide and on a narrow page.
    """
    places = [scale.left(t) for t in times]
    return [
        Pin(left, row, narrow_row)
        for left, row, narrow_row in zip(places, _rows(places, wide), _rows(places, narrow), strict=True)
    ]


def _rows(places: Sequence[float], room: float) -> list[int]:
    rows = [0] * len(places)
    ends: list[float] = []
    for index in sorted(range(len(places)), key=lambda i: places[i]):
        row = next((r for r, end in enumerate(ends) if places[index] >= end), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = places[index] + room
        rows[index] = row
    return rows


@dataclass(frozen=True, slots=True)
class Name:
    """An emotion named at its highest point.

    Attributes:
        emotion: which.
        left, top: percent of the chart.
        below: whether it stands below its point, for want of room above.
        narrow: whether there is room for it on a narrow page.
    """

    emotion: str
    left: float
    top: float
    below: bool
    narrow: bool


def names(buckets: Buckets, scale: Scale, emotions: Sequence[str]) -> list[Name]:
    """Names beside the lines of ``emotions``, the first ones first, where they do not cover each other."""
    out: list[Name] = []
    for emotion in emotions:
        values = buckets.mean[:, EMOTIONS.index(emotion)]
        if np.isnan(values).all():
            continue
        order = np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable")
        for position in order[: max(1, len(order) // 3)]:
            middle = float(buckets.start[position] + buckets.end[position]) / 2
            left = scale.left(middle)
            top = round(min(100.0, max(0.0, scale.y(float(values[position])))), 2)
            if not any(abs(left - o.left) < 10 and abs(top - o.top) < 7 for o in out):
                narrow = not any(o.narrow and abs(left - o.left) < 26 and abs(top - o.top) < 9 for o in out)
                out.append(Name(emotion, round(left, 2), top, top < 8, narrow))
                break
    return out

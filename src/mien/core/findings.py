"""What metrics and analyses find: values over media time, figures about a session, moments worth looking at."""

from __future__ import annotations

import json
import math
import struct
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, overload

GROUP_TOO_SMALL: Final = "fewer than {group} faces were readable at once"
"""Why nothing is told of a stretch, a scene or a session in which the smallest group was never reached."""


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One value of a series over media time.

    Attributes:
        slug: which series.
        media_time: start of what it was computed over, seconds.
        value: in the series' unit, clamped where it has bounds; None when withheld.
        raw: the value before clamping, where a formula can leave the bounds; otherwise None.
        low, high: 95 % interval over people, or None.
        tracks: tracks behind it.
        coverage: share of the faces seen that was read, 0–1.
        withheld: why there is no value, or None.
    """

    slug: str
    media_time: float
    value: float | None
    raw: float | None = None
    low: float | None = None
    high: float | None = None
    tracks: int = 0
    coverage: float = 0.0
    withheld: str | None = None


class SampleLog(Sequence[MetricSample]):
    """Samples of one series in columns: a tenth of the memory that as many objects take.

    Figures are kept in single precision, media time in double.

    Args:
        slug: of the series.
        unit: of its values, as a part of a column's name: ``points``, ``faces``, ``1_to_5`` …
    """

    def __init__(self, slug: str, unit: str) -> None:
        self.slug = slug
        self.unit = unit
        self._times = array("d")
        self._columns = tuple(array("f") for _ in range(6))
        self._reasons: list[str | None] = [None]
        self._why = array("B")

    def append(self, sample: MetricSample) -> None:
        """Keep one more sample of this series."""
        if sample.withheld not in self._reasons:
            self._reasons.append(sample.withheld)
        self._times.append(sample.media_time)
        numbers = (sample.value, sample.raw, sample.low, sample.high, sample.tracks, sample.coverage)
        for column, number in zip(self._columns, numbers, strict=True):
            column.append(math.nan if number is None else number)
        self._why.append(self._reasons.index(sample.withheld))

    def extend(self, other: SampleLog) -> None:
        """Keep the samples of another log of this series behind these."""
        self._times.extend(other._times)
        for mine, theirs in zip(self._columns, other._columns, strict=True):
            mine.extend(theirs)
        for why in other._why:
            reason = other._reasons[why]
            if reason not in self._reasons:
                self._reasons.append(reason)
            self._why.append(self._reasons.index(reason))

    def packed(self) -> bytes:
        """The columns as bytes, compressed: for :meth:`unpacked`, here or on another machine."""
        reasons = json.dumps(self._reasons).encode()
        columns = (_little_endian(c) for c in self._arrays())
        return zlib.compress(struct.pack("<II", len(self), len(reasons)) + reasons + b"".join(columns), 1)

    @classmethod
    def unpacked(cls, slug: str, unit: str, content: bytes) -> SampleLog:
        """The log whose :meth:`packed` this is.

        Raises:
            ValueError: it is not whole.
        """
        log = cls(slug, unit)
        try:
            plain = zlib.decompress(content)
            count, length = struct.unpack_from("<II", plain)
            log._reasons = json.loads(plain[8 : 8 + length])
        except (zlib.error, struct.error) as error:
            raise ValueError(f"packed samples of {slug} are damaged: {error}") from error
        at = 8 + length
        if len(plain) != at + count * sum(c.itemsize for c in log._arrays()):
            raise ValueError(f"packed samples of {slug} are damaged: their length is wrong")
        for column in log._arrays():
            size = count * column.itemsize
            column.frombytes(plain[at : at + size])
            if sys.byteorder == "big":
                column.byteswap()
            at += size
        return log

    def _arrays(self) -> tuple[array[Any], ...]:
        return (self._times, *self._columns, self._why)

    def __len__(self) -> int:
        return len(self._times)

    def time(self, index: int) -> float:
        """Media time of one sample, seconds, without making it."""
        return self._times[index]

    @overload
    def __getitem__(self, index: int) -> MetricSample: ...
    @overload
    def __getitem__(self, index: slice) -> SampleLog: ...
    def __getitem__(self, index: int | slice) -> MetricSample | SampleLog:
        if isinstance(index, slice):
            part = SampleLog(self.slug, self.unit)
            part._times, part._why = self._times[index], self._why[index]
            part._columns = tuple(column[index] for column in self._columns)
            part._reasons = list(self._reasons)
            return part
        values, raws, lows, highs, tracks, coverages = self._columns
        return MetricSample(
            slug=self.slug,
            media_time=self._times[index],
            value=_or_none(values[index]),
            raw=_or_none(raws[index]),
            low=_or_none(lows[index]),
            high=_or_none(highs[index]),
            tracks=int(tracks[index]),
            coverage=coverages[index],
            withheld=self._reasons[self._why[index]],
        )


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number


@dataclass(frozen=True, slots=True)
class MetricFigure:
    """One number about a whole session.

    Attributes:
        slug: which figure, unique in a session (``shock_average``).
        display_name: what people call it.
        unit: ``points 0–100``, ``1–5``, ``events`` …
        value: None when withheld.
        low, high: 95 % interval over people, or None.
        band: the word for the range it falls into, or None.
        steps: steps behind it.
        coverage: mean coverage of those steps, 0–1.
        withheld: why there is no value, or None.
        at_seconds: media time of a figure that has one (a peak), or None.
    """

    slug: str
    display_name: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    band: str | None = None
    steps: int = 0
    coverage: float = 0.0
    withheld: str | None = None
    at_seconds: float | None = None


class MomentKind(StrEnum):
    """What kind of moment a metric or an analysis found."""

    PEAK = "peak"
    SCARE = "scare"
    SUSTAINED_TENSION = "sustained_tension"
    MISSED_OPPORTUNITY = "missed_opportunity"


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of media time worth looking at.

    Attributes:
        kind: what was found.
        subject: the emotion or metric it was found in.
        start, peak, end: seconds; ``start <= peak <= end``.
        value: at the peak, in points 0–100 or the metric's unit.
        rise: value minus the session's typical level, same unit.
        coverage: at the peak, 0–1.
        readable: faces read at once at the peak.
        low, high: 95 % interval of the value over people, or None.
    """

    kind: MomentKind
    subject: str
    start: float
    peak: float
    end: float
    value: float
    rise: float
    coverage: float
    readable: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What a metric has to say.

    Attributes:
        series: samples in order of media time, by the slug of their series.
        figures: numbers about everything so far.
        moments: what it found, in order of media time.
    """

    series: Mapping[str, SampleLog] = field(default_factory=dict)
    figures: tuple[MetricFigure, ...] = ()
    moments: tuple[Moment, ...] = ()

"""What every format prints: moments as markers on the frames of one film."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Self

from mien.core.errors import SettingsError
from mien.core.findings import Moment, MomentKind
from mien.core.labels import EMOTIONS
from mien.report.timecode import Timebase


@dataclass(frozen=True, slots=True)
class MarkerOptions:
    """The film that markers are put on.

    Attributes:
        frame_rate: of the film in the edit suite, frames a second, exactly (``timecode.FRAME_RATES``).
        drop_frame: whether its timecode drops labels; at 29.97 and 59.94 only.
        start_timecode: of its first frame, ``HH:MM:SS:FF``.
        title: what the sequence or file is called.
        duration_seconds: of the film, more than 0; markers beyond it make it longer.
        created: when the report was made, with a time zone, for formats that tell it; None when unknown.
        note: what every comment begins with, such as ``DEMO``.

    Raises:
        SettingsError: a value makes no sense.
    """

    frame_rate: Fraction
    drop_frame: bool
    start_timecode: str
    title: str
    duration_seconds: float
    created: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration_seconds) and self.duration_seconds > 0):
            raise SettingsError(f"a film lasts some time, but its length was given as {self.duration_seconds} seconds.")
        self.timebase.frame_of(self.start_timecode)

    @property
    def timebase(self) -> Timebase:
        """How its frames are counted and labelled."""
        return Timebase(self.frame_rate, self.drop_frame)

    @property
    def start_frame(self) -> int:
        """Number of its first frame, counted from ``00:00:00:00``."""
        return self.timebase.frame_of(self.start_timecode)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of media time over which one label was the strongest; ``start < end``, seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker. Its text has no line breaks and no ``|``, which some formats cannot hold.

    Attributes:
        name: what and how much, such as ``FEAR 82 %``; several that begin on one frame are joined by `` + ``.
        comment: rise, interval, coverage and where the peak is.
        subject: emotion or metric of the strongest of them, for its colour.
        start: first frame, counted from the film's first.
        frames: how many it covers, 1 or more.
        peaks: the frame of the peak of each.
        moments: what it marks, the strongest rise first.
    """

    name: str
    comment: str
    subject: str
    start: int
    frames: int
    peaks: tuple[int, ...]
    moments: tuple[Moment, ...]

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.start + self.frames


@dataclass(frozen=True, slots=True)
class Sheet:
    """Markers in order of time, no two on one frame: edit suites keep only one of those.

    Attributes:
        options: the film.
        markers: on its frames.
        frames: how many it has, 1 or more.
        stretches: strongest labels, in order, for formats that can tell them.
    """

    options: MarkerOptions
    markers: tuple[Marker, ...]
    frames: int
    stretches: tuple[Stretch, ...] = ()

    @classmethod
    def of(cls, moments: Iterable[Moment], options: MarkerOptions, stretches: Sequence[Stretch] = ()) -> Self:
        """Put moments, in any order, on frames."""
        timebase = options.timebase

        def first_frame(moment: Moment) -> int:
            return timebase.frame_at(moment.start)

        together = groupby(sorted(moments, key=lambda m: (first_frame(m), -m.rise)), first_frame)
        markers = tuple(_marker(frame, tuple(group), options) for frame, group in together)
        last = max((marker.end for marker in markers), default=1)
        return cls(options, markers, max(last, timebase.frame_at(options.duration_seconds)), tuple(stretches))

    def timecode(self, frame: int) -> str:
        """The label of a frame of the film, counted from its first."""
        return self.options.timebase.timecode(self.options.start_frame + frame)

    def milliseconds(self, frame: int) -> int:
        """The first whole millisecond, from the film's beginning, at which a frame is on screen."""
        return math.ceil(self.options.timebase.seconds_at(frame) * 1000)

    @property
    def title(self) -> str:
        """The title on one line."""
        return plain(self.options.title) or "Mien"


def _marker(frame: int, moments: tuple[Moment, ...], options: MarkerOptions) -> Marker:
    timebase = options.timebase
    peaks = tuple(timebase.frame_at(moment.peak) for moment in moments)
    end = max(timebase.frame_at(moment.end) for moment in moments)
    labels = [timebase.timecode(options.start_frame + peak) for peak in peaks]
    comments = [f"{comment_of(m)}; peak {label}" for m, label in zip(moments, labels, strict=True)]
    return Marker(
        name=" + ".join(name_of(moment) for moment in moments),
        comment=": ".join(filter(None, (plain(options.note), " + ".join(comments)))),
        subject=moments[0].subject,
        start=frame,
        frames=max(1, end - frame),
        peaks=peaks,
        moments=moments,
    )


def name_of(moment: Moment) -> str:
    """What a moment is called: ``FEAR 82 %`` for an emotion, ``SCARE: shock 71`` for what a metric found."""
    figure = f"{moment.value:.0f}{_unit(moment)}"
    subject = plain(moment.subject)
    if moment.kind is MomentKind.PEAK:
        return f"{subject.upper()} {figure}"
    return f"{moment.kind.value.replace('_', ' ').upper()}: {subject} {figure}"


def plain(text: str) -> str:
    """Text on one line and without ``|``."""
    return " ".join(text.replace("|", " ").split())


def comment_of(moment: Moment) -> str:
    """What stands behind a moment's figure: rise, interval over people, coverage."""
    interval = "no interval over people"
    if moment.low is not None and moment.high is not None:
        interval = f"95 % interval {moment.low:.0f} to {moment.high:.0f}{_unit(moment)}"
    return f"rise {moment.rise:+.1f} points; {interval}; coverage {100 * moment.coverage:.0f} %"


def _unit(moment: Moment) -> str:
    return " %" if moment.subject in EMOTIONS else ""

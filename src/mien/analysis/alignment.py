"""Putting what was recorded onto the time of the film: versions with other scenes, and players that pause and jump.

Two questions, asked one after the other. *Which moment of the version was shown when the camera recorded this second?*
A player's log and the camera's clock tell (:class:`PlaybackLog`, :class:`CameraClock`). *Which moment of version A is
that of version B?* A table of offsets tells (:class:`OffsetTable`). Both give pieces of time, and values move along
them by how much they overlap (:mod:`mien.analysis.resampling`).
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from mien.analysis.resampling import Pieces, resample
from mien.analysis.sessions import FloatArray, SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError

STALL_SECONDS: Final = 1.0
"""A stretch of playing whose two ends, as the player tells them, disagree by more has stalled somewhere in it: it is
not known where, so it is left out."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Offset:
    """A stretch that two versions share.

    Attributes:
        from_seconds, to_seconds: in the other version's media time.
        shift_seconds: what is added to reach the reference version's media time.
    """

    from_seconds: float
    to_seconds: float
    shift_seconds: float


@dataclass(frozen=True, slots=True)
class OffsetTable:
    """How the media time of one version (B) maps to that of another (A), stretch by stretch.

    What no stretch covers exists in one version only. Stretches may come in another order in A: scenes can be moved.

    Attributes:
        stretches: in order of B's time.

    Raises:
        SettingsError: a stretch is empty or not finite, or two overlap in either version.
    """

    stretches: tuple[Offset, ...]

    def __post_init__(self) -> None:
        if not self.stretches:
            raise SettingsError("an offset table needs at least one stretch that both versions share.")
        for part in self.stretches:
            told = (part.from_seconds, part.to_seconds, part.shift_seconds)
            if not all(map(math.isfinite, told)) or part.to_seconds <= part.from_seconds or part.from_seconds < 0:
                raise SettingsError(f"offset table: {told} is no stretch of time.")
            if part.from_seconds + part.shift_seconds < -_ROUNDING:
                raise SettingsError(f"offset table: {told} leads before the start of the reference version.")
        object.__setattr__(self, "stretches", tuple(sorted(self.stretches, key=lambda p: p.from_seconds)))
        for where, shifted in (("the other version", 0.0), ("the reference version", 1.0)):
            spans = sorted(
                (p.from_seconds + shifted * p.shift_seconds, p.to_seconds + shifted * p.shift_seconds)
                for p in self.stretches
            )
            for (_, end), (start, _) in itertools.pairwise(spans):
                if start < end - 1e-6:
                    raise SettingsError(f"offset table: two stretches overlap at {start:g} seconds of {where}.")

    @classmethod
    def same(cls, duration_seconds: float, shift_seconds: float = 0.0) -> Self:
        """Two versions that differ by no scene, at most by when they begin."""
        return cls((Offset(max(0.0, -shift_seconds), duration_seconds, shift_seconds),))

    @classmethod
    def parse(cls, text: str, name: str = "the offset table") -> Self:
        """From CSV with the columns ``from_seconds,to_seconds,shift_seconds``.

        Raises:
            InputError: a column is missing or a cell is no number; the message names the line.
            SettingsError: the stretches make no sense.
        """
        wanted = ("from_seconds", "to_seconds", "shift_seconds")
        rows = read_table(text, wanted, name)
        return cls(tuple(Offset(*(_number(row, column, name, line) for column in wanted)) for line, row in rows))

    def to_reference(self, seconds: npt.ArrayLike) -> FloatArray:
        """B's media time as A's; NaN where A has no such scene."""
        return self._map(np.asarray(seconds, np.float64), 0.0)

    def from_reference(self, seconds: npt.ArrayLike) -> FloatArray:
        """A's media time as B's; NaN where B has no such scene."""
        return self._map(np.asarray(seconds, np.float64), 1.0)

    def _map(self, seconds: FloatArray, reference: float) -> FloatArray:
        out = np.full(seconds.shape, np.nan)
        for part in self.stretches:
            start, end = (
                part.from_seconds + reference * part.shift_seconds,
                part.to_seconds + reference * part.shift_seconds,
            )
            inside = (seconds >= start) & (seconds < end)
            out[inside] = seconds[inside] + (part.shift_seconds if not reference else -part.shift_seconds)
        return out

    def only_in_other(self, duration_seconds: float) -> tuple[tuple[float, float], ...]:
        """Stretches of B's media time that A does not have, up to B's end."""
        return holes([(p.from_seconds, p.to_seconds) for p in self.stretches], duration_seconds)

    def only_in_reference(self, duration_seconds: float) -> tuple[tuple[float, float], ...]:
        """Stretches of A's media time that B does not have, up to A's end."""
        spans = [(p.from_seconds + p.shift_seconds, p.to_seconds + p.shift_seconds) for p in self.stretches]
        return holes(sorted(spans), duration_seconds)

    def pieces(self, base: TimeBase) -> Pieces:
        """B's steps cut at the stretches, in A's media time."""
        edges = base.edges
        source, start, end = [], [], []
        for part in self.stretches:
            low, high = np.maximum(edges[:-1], part.from_seconds), np.minimum(edges[1:], part.to_seconds)
            inside = np.flatnonzero(high > low)
            source.append(inside)
            start.append(low[inside] + part.shift_seconds)
            end.append(high[inside] + part.shift_seconds)
        return Pieces(np.concatenate(source), np.concatenate(start), np.concatenate(end))


def align(other: SessionSet, table: OffsetTable, base: TimeBase) -> SessionSet:
    """Sessions of version B on the steps of version A; NaN where B has no such scene."""
    return resample(other, table.pieces(other.base), base)


class PlaybackKind(StrEnum):
    """What a player did."""

    PLAY = "play"
    PAUSE = "pause"
    SEEK = "seek"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class PlaybackEvent:
    """One line of a player's log.

    Attributes:
        wall_seconds: when, on the player's wall clock.
        kind: what it did.
        media_seconds: the film's position then (after a seek: where to). The first event and every seek need one.
        rate: times normal speed, for ``rate`` and optionally ``play``; above 0.
    """

    wall_seconds: float
    kind: PlaybackKind
    media_seconds: float | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class PlayStretch:
    """A stretch in which the film ran: wall-clock and media time are linear in each other.

    Attributes:
        wall_start, wall_end: seconds on the player's wall clock.
        media_start, media_end: seconds of the film; ``media_end > media_start``.
    """

    wall_start: float
    wall_end: float
    media_start: float
    media_end: float

    @property
    def rate(self) -> float:
        """Media seconds a wall-clock second."""
        return (self.media_end - self.media_start) / (self.wall_end - self.wall_start)


@dataclass(frozen=True, slots=True)
class PlaybackLog:
    """What was on screen when, as one viewer's player logged it.

    Attributes:
        stretches: in order of wall-clock time; between them the film stood still.
        unsure_seconds: wall-clock seconds left out because the player stalled somewhere in them.
    """

    stretches: tuple[PlayStretch, ...]
    unsure_seconds: float = 0.0

    @classmethod
    def of(
        cls,
        events: Iterable[PlaybackEvent],
        *,
        end_wall_seconds: float | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> Self:
        """From a player's events.

        Args:
            events: in order of time.
            end_wall_seconds: when the log ends, if the film still ran after the last event.
            stall_seconds: see :data:`STALL_SECONDS`. Within it, the positions that the player told are believed, so a
                player whose clock drifts against the wall is followed.

        Raises:
            InputError: times run backwards, a position is missing, or a rate is not above 0.
        """
        told = list(events)
        _check_events(told)
        stretches: list[PlayStretch] = []
        unsure, playing, rate = 0.0, False, 1.0
        since, position = 0.0, 0.0
        ends = [*told, PlaybackEvent(end_wall_seconds, PlaybackKind.PAUSE)] if end_wall_seconds is not None else told
        for event in ends:
            if playing:
                expected = position + rate * (event.wall_seconds - since)
                # Where a seek came from is not told: its position is where it leads to.
                known = event.media_seconds if event.kind is not PlaybackKind.SEEK else None
                reached = expected if known is None else known
                if event.wall_seconds > since:
                    if abs(reached - expected) > stall_seconds or reached <= position:
                        unsure += event.wall_seconds - since
                    else:
                        stretches.append(PlayStretch(since, event.wall_seconds, position, reached))
                position = reached
            if event.media_seconds is not None:
                position = event.media_seconds
            if event.rate is not None:
                rate = event.rate
            if event.kind is PlaybackKind.PLAY:
                playing = True
            elif event.kind is PlaybackKind.PAUSE:
                playing = False
            since = event.wall_seconds
        return cls(tuple(stretches), unsure)

    def media_time(self, wall_seconds: npt.ArrayLike) -> FloatArray:
        """The film's position at wall-clock times, seconds; NaN while it stood still or is not known."""
        wall = np.asarray(wall_seconds, np.float64)
        out = np.full(wall.shape, np.nan)
        for part in self.stretches:
            inside = (wall >= part.wall_start) & (wall < part.wall_end)
            out[inside] = part.media_start + (wall[inside] - part.wall_start) * part.rate
        return out

    def wall_times(self, media_seconds: float) -> tuple[float, ...]:
        """Every wall-clock time at which a position of the film was on screen, in order."""
        return tuple(
            part.wall_start + (media_seconds - part.media_start) / part.rate
            for part in self.stretches
            if part.media_start <= media_seconds < part.media_end
        )

    def first_viewing(self) -> Self:
        """Without what was seen before: of a scene watched twice only the first time is left.

        Somebody who jumps back knows what comes; whoever compares audiences compares first viewings.
        """
        seen: list[tuple[float, float]] = []
        kept: list[PlayStretch] = []
        for part in self.stretches:
            for low, high in holes(merged(seen), part.media_end, part.media_start):
                at = [part.wall_start + (m - part.media_start) / part.rate for m in (low, high)]
                if at[1] > at[0]:
                    kept.append(PlayStretch(at[0], at[1], low, high))
            seen.append((part.media_start, part.media_end))
        return type(self)(tuple(kept), self.unsure_seconds)


@dataclass(frozen=True, slots=True)
class CameraClock:
    """How a camera's own seconds map to the player's wall clock: ``wall = start + seconds · (1 + drift)``.

    Attributes:
        start_wall_seconds: the wall-clock time of the camera's second 0.
        drift_ppm: how much the wall clock gains on the camera's, millionths; 100 is 0.36 s an hour.

    Raises:
        SettingsError: a value is not finite, or the drift is above a hundredth.
    """

    start_wall_seconds: float = 0.0
    drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_wall_seconds) and abs(self.drift_ppm) <= 10_000):
            raise SettingsError(
                f"a camera clock that starts at {self.start_wall_seconds} and drifts by {self.drift_ppm} ppm is none: "
                "clocks drift by less than 10,000 ppm."
            )

    @classmethod
    def fit(cls, camera_seconds: Sequence[float], wall_seconds: Sequence[float]) -> Self:
        """From moments read on both clocks, two at least: the median of the slopes between them (Theil 1950, Sen 1968).

        Single moments that are off, such as a late log line, do not move it.

        Raises:
            InputError: there are fewer than two different moments, or not as many of both.
        """
        camera, wall = np.asarray(camera_seconds, np.float64), np.asarray(wall_seconds, np.float64)
        if camera.shape != wall.shape or len(np.unique(camera)) < 2:
            raise InputError("a camera's clock is fitted to two different moments at least, read on both clocks.")
        first, second = np.triu_indices(len(camera), 1)
        apart = camera[second] != camera[first]
        slopes = (wall[second] - wall[first])[apart] / (camera[second] - camera[first])[apart]
        slope = float(np.median(slopes))
        return cls(float(np.median(wall - slope * camera)), (slope - 1) * 1e6)

    def to_wall(self, camera_seconds: npt.ArrayLike) -> FloatArray:
        """Camera seconds as wall-clock seconds."""
        return np.asarray(
            self.start_wall_seconds + np.asarray(camera_seconds) * (1 + self.drift_ppm * 1e-6), np.float64
        )

    def to_camera(self, wall_seconds: npt.ArrayLike) -> FloatArray:
        """Wall-clock seconds as camera seconds."""
        return np.asarray(
            (np.asarray(wall_seconds) - self.start_wall_seconds) / (1 + self.drift_ppm * 1e-6), np.float64
        )


@dataclass(frozen=True, slots=True)
class Playback:
    """One viewer's player and camera: what maps recorded seconds to the film's."""

    log: PlaybackLog
    clock: CameraClock

    def media_time(self, camera_seconds: npt.ArrayLike) -> FloatArray:
        """The film's position at recorded seconds; NaN while it stood still."""
        return self.log.media_time(self.clock.to_wall(camera_seconds))

    def pieces(self, start: FloatArray, end: FloatArray) -> Pieces:
        """Recorded steps in the film's time; of what was watched twice, the first time.

        Args:
            start, end: float64 N, of the steps, camera seconds.
        """
        wall_start, wall_end = self.clock.to_wall(start), self.clock.to_wall(end)
        source, media_start, media_end = [], [], []
        for part in self.log.first_viewing().stretches:
            low, high = np.maximum(wall_start, part.wall_start), np.minimum(wall_end, part.wall_end)
            inside = np.flatnonzero(high > low)
            source.append(inside)
            media_start.append(part.media_start + (low[inside] - part.wall_start) * part.rate)
            media_end.append(part.media_start + (high[inside] - part.wall_start) * part.rate)
        nothing = np.zeros(0)
        return Pieces(
            np.concatenate([np.zeros(0, np.intp), *source]),
            np.concatenate([nothing, *media_start]),
            np.concatenate([nothing, *media_end]),
        )


def onto_film(recorded: SessionSet, playback: Playback, base: TimeBase) -> SessionSet:
    """Sessions recorded in camera seconds on the steps of the film, all by the same player's log."""
    edges = recorded.base.edges
    return resample(recorded, playback.pieces(edges[:-1], edges[1:]), base)


def read_playback(path: Path) -> Playback:
    """A player's log and its camera's clock from JSON.

    ``{"camera": {"start_wall_seconds": 12.5, "drift_ppm": 0}, "events": [{"wall_seconds": 10, "event": "play",
    "media_seconds": 0}, …], "end_wall_seconds": 5400}``. Instead of start and drift, ``camera`` may hold ``moments``:
    pairs of camera and wall-clock seconds to fit them to.

    Raises:
        InputError: the file cannot be read or is no such log.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        camera = document.get("camera", {})
        if "moments" in camera:
            pairs = [(float(a), float(b)) for a, b in camera["moments"]]
            clock = CameraClock.fit([a for a, _ in pairs], [b for _, b in pairs])
        else:
            clock = CameraClock(float(camera.get("start_wall_seconds", 0.0)), float(camera.get("drift_ppm", 0.0)))
        events = [
            PlaybackEvent(
                float(event["wall_seconds"]),
                PlaybackKind(event["event"]),
                None if event.get("media_seconds") is None else float(event["media_seconds"]),
                None if event.get("rate") is None else float(event["rate"]),
            )
            for event in document["events"]
        ]
        ended = document.get("end_wall_seconds")
        return Playback(PlaybackLog.of(events, end_wall_seconds=None if ended is None else float(ended)), clock)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}.") from error
    except (InputError, SettingsError) as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no playback log: {type(error).__name__} {error}.") from error


def read_table(text: str, wanted: Sequence[str], name: str) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV text and their lines; blank lines are passed over.

    Raises:
        InputError: a column is missing, or there is no row.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [column for column in wanted if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{name} has no column {', '.join(missing)}; it needs {', '.join(wanted)}.")
    rows = [(reader.line_num, {k: v or "" for k, v in row.items() if k}) for row in reader if any(row.values())]
    if not rows:
        raise InputError(f"{name} has no row.")
    return rows


def _number(row: dict[str, str], column: str, name: str, line: int) -> float:
    try:
        return float(row[column])
    except ValueError as error:
        raise InputError(f"{name}, line {line}: {column} is '{row[column]}', not a number.") from error


def _check_events(events: Sequence[PlaybackEvent]) -> None:
    if not events:
        raise InputError("a playback log needs at least one event.")
    if events[0].media_seconds is None:
        raise InputError("the first event of a playback log must tell the film's position.")
    latest = -math.inf
    for number, event in enumerate(events, 1):
        if not math.isfinite(event.wall_seconds) or event.wall_seconds < latest:
            raise InputError(f"event {number} of the playback log ({event.wall_seconds}) is before the one it follows.")
        latest = event.wall_seconds
        if event.media_seconds is not None and not (math.isfinite(event.media_seconds) and event.media_seconds >= 0):
            raise InputError(f"event {number} of the playback log is at {event.media_seconds} seconds of the film.")
        if event.kind is PlaybackKind.SEEK and event.media_seconds is None:
            raise InputError(f"event {number} of the playback log seeks, but does not tell where to.")
        if event.kind is PlaybackKind.RATE and event.rate is None:
            raise InputError(f"event {number} of the playback log changes the rate, but does not tell to what.")
        if event.rate is not None and not (math.isfinite(event.rate) and event.rate > 0):
            raise InputError(f"event {number} of the playback log has the rate {event.rate}; it must be above 0.")


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches (from, to) in order, those that touch or overlap as one."""
    out: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def holes(spans: Sequence[tuple[float, float]], end: float, start: float = 0.0) -> tuple[tuple[float, float], ...]:
    """What of ``start`` to ``end`` lies in no span; spans sorted and apart."""
    out, at = [], start
    for low, high in spans:
        if low - at > 1e-6 and at < end:
            out.append((at, min(low, end)))
        at = max(at, high)
    if end - at > 1e-6:
        out.append((at, end))
    return tuple(out)

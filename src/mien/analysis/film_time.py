"""When of the film was shown at which recorded second, and back: what joins a film to the timeline of its audience.

*Recorded* time is the media time of the recording, which every figure of a report is told in. *Film* time is that of
what the audience watched. Without anything told they are the same; a film that began later (or before the recording
did) is shifted by its start, and a player's log (:func:`mien.analysis.alignment.read_playback`) says the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.analysis.alignment import Playback, PlaybackLog, holes, merged
from mien.analysis.resampling import Pieces
from mien.analysis.sessions import FloatArray
from mien.core.errors import InputError, SettingsError


@dataclass(frozen=True, slots=True)
class FilmStretch:
    """A stretch in which the film ran: recorded and film time are linear in each other.

    Attributes:
        recorded_start, recorded_end: seconds of the recording, ``recorded_start < recorded_end``.
        film_start, film_end: seconds of the film, ``film_start < film_end``.
    """

    recorded_start: float
    recorded_end: float
    film_start: float
    film_end: float

    @property
    def rate(self) -> float:
        """Film seconds a recorded second."""
        return (self.film_end - self.film_start) / (self.recorded_end - self.recorded_start)

    def within(self, start: float, end: float) -> Self | None:
        """The part of it between two recorded times, seconds; None where there is none."""
        low, high = max(self.recorded_start, start), min(self.recorded_end, end)
        if high <= low:
            return None
        at = [self.film_start + (t - self.recorded_start) * self.rate for t in (low, high)]
        return type(self)(low, high, at[0], at[1]) if at[1] > at[0] else None


@dataclass(frozen=True, slots=True)
class FilmTime:
    """Which second of the film was shown at which recorded second.

    Attributes:
        stretches: in order of recorded time; between them the film stood still or had not begun.
        first: the same, less what was shown a second time; of a scene seen twice the first time counts.
    """

    stretches: tuple[FilmStretch, ...]
    first: tuple[FilmStretch, ...]

    @classmethod
    def starting_at(cls, recorded_seconds: float, recorded_end: float) -> Self:
        """A film that ran without a stop.

        Args:
            recorded_seconds: recorded time of the film's first frame; negative where the film was already running when
                recording began.
            recorded_end: where the recording ends, seconds.

        Raises:
            SettingsError: the film would begin after the recording ended.
        """
        if not math.isfinite(recorded_seconds) or recorded_seconds >= max(recorded_end, 1e-9):
            raise SettingsError(
                f"the film is said to begin at {recorded_seconds:g} seconds of a recording that is {recorded_end:g} "
                "seconds long: tell the recorded second at which its first frame was shown."
            )
        start = max(0.0, recorded_seconds)
        end = max(recorded_end, start + 1e-9)
        only = (FilmStretch(start, end, start - recorded_seconds, end - recorded_seconds),)
        return cls(only, only)

    @classmethod
    def of(cls, playback: Playback, recorded_end: float) -> Self:
        """As a player's log and the camera's clock tell it.

        Raises:
            InputError: the film did not run while the recording was made.
        """
        seen = tuple(_recorded(playback, playback.log, recorded_end))
        if not seen:
            raise InputError(
                "the film did not run while the recording was made, by the playback log: check the clocks."
            )
        return cls(seen, tuple(_recorded(playback, playback.log.first_viewing(), recorded_end)))

    def recorded(self, film_start: float, film_end: float) -> tuple[tuple[float, float], ...]:
        """When a stretch of the film was shown first, as recorded (from, to) in order; neighbours joined."""
        found: list[tuple[float, float]] = []
        for part in self.first:
            low, high = max(part.film_start, film_start), min(part.film_end, film_end)
            if high <= low:
                continue
            start, end = (part.recorded_start + (t - part.film_start) / part.rate for t in (low, high))
            if found and abs(found[-1][1] - start) < 1e-6:
                start = found.pop()[0]
            found.append((start, end))
        return tuple(found)

    def shown(self, recorded_start: float, recorded_peak: float, recorded_end: float) -> tuple[float, ...] | None:
        """A recorded stretch and its peak in film time, cut where the film stood still; None if the peak lies there."""
        for part in self.first:
            if part.recorded_start - 1e-6 <= recorded_peak < part.recorded_end + 1e-6:
                clipped = (
                    min(max(t, part.recorded_start), part.recorded_end)
                    for t in (recorded_start, recorded_peak, recorded_end)
                )
                return tuple(part.film_start + (t - part.recorded_start) * part.rate for t in clipped)
        return None

    def pieces(self, start: FloatArray, end: FloatArray) -> Pieces:
        """Recorded steps in film time, of what was seen twice the first time.

        Args:
            start, end: float64 N, recorded seconds, ``end > start``.
        """
        source: list[np.ndarray[tuple[int, ...], np.dtype[np.intp]]] = [np.zeros(0, np.intp)]
        film_start, film_end = [np.zeros(0)], [np.zeros(0)]
        for part in self.first:
            low, high = np.maximum(start, part.recorded_start), np.minimum(end, part.recorded_end)
            inside = np.flatnonzero(high > low)
            source.append(inside)
            film_start.append(part.film_start + (low[inside] - part.recorded_start) * part.rate)
            film_end.append(part.film_start + (high[inside] - part.recorded_start) * part.rate)
        return Pieces(np.concatenate(source), np.concatenate(film_start), np.concatenate(film_end))


def _recorded(playback: Playback, log: PlaybackLog, recorded_end: float) -> Iterator[FilmStretch]:
    for part in log.stretches:
        start, end = playback.clock.to_camera([part.wall_start, part.wall_end]).tolist()
        if end > start:
            found = FilmStretch(start, end, part.media_start, part.media_end).within(0.0, recorded_end)
            if found is not None:
                yield found


def film_time_of(stretches: Sequence[Mapping[str, float]]) -> FilmTime:
    """As a report tells it.

    Args:
        stretches: its ``film.stretches``: ``recorded_start_seconds``, ``recorded_end_seconds``, ``film_start_seconds``
            and ``film_end_seconds`` each, in order of recorded time.
    """
    told = tuple(
        FilmStretch(
            one["recorded_start_seconds"],
            one["recorded_end_seconds"],
            one["film_start_seconds"],
            one["film_end_seconds"],
        )
        for one in stretches
    )
    first: list[FilmStretch] = []
    seen: list[tuple[float, float]] = []
    for part in told:
        # What was shown before counts once, the first time.
        for low, high in holes(merged(seen), part.film_end, part.film_start):
            start, end = (part.recorded_start + (t - part.film_start) / part.rate for t in (low, high))
            if end > start:
                first.append(FilmStretch(start, end, low, high))
        seen.append((part.film_start, part.film_end))
    return FilmTime(told, tuple(first))

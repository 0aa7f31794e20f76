"""Who sits where in a hall, what each feels, when, and how each moves: everything but pixels."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.sources._hall_heads import Look
from mien.sources._hall_pictures import PicturePool
from mien.sources._hall_spec import CELL_HEIGHT, CELL_WIDTH, Absence, HallSpec, Mood

_PLACES: Final = 1
_ORDER: Final = 2
_PICTURES: Final = 3
_RAISE: Final = 0.14
"""A face sits this much above the middle of its place, in sides: shoulders need more room than hair."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time through which a seat shows one picture.

    Attributes:
        from_seconds: when it begins; it lasts until the next.
        picture: row of the pool.
    """

    from_seconds: float
    picture: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What a seat shows at one moment.

    Attributes:
        before: picture that fades out, or None.
        picture: picture that is there or fades in.
        share: of the latter, 0–1.
    """

    before: int | None
    picture: int
    share: float


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in the hall.

    Attributes:
        number: from 0, row by row from the back and the left.
        left, top: corner of the face picture at rest, pixels.
        side: of the face picture, pixels.
        look: what surrounds the face.
        stretches: what it shows, in order of time; the first begins at 0.
        absences: when it is empty.
        sway_px, sway_seconds, phases: its motion.
    """

    number: int
    left: int
    top: int
    side: int
    look: Look
    stretches: tuple[Stretch, ...]
    absences: tuple[Absence, ...]
    sway_px: float
    sway_seconds: float
    phases: tuple[float, float]

    def taken(self, media_time: float) -> bool:
        """Does someone sit there?"""
        return not any(a.from_seconds <= media_time < a.to_seconds for a in self.absences)

    def offset(self, media_time: float) -> tuple[float, float]:
        """How far the head is from its place, pixels right and down."""
        if self.sway_px == 0:
            return 0.0, 0.0
        turn = 2 * math.pi * media_time / self.sway_seconds
        across = self.sway_px * math.sin(turn + self.phases[0])
        # A ratio that is no fraction: the path does not repeat.
        return across, 0.5 * self.sway_px * math.sin(turn * 0.6180339887 + self.phases[1])

    def shown(self, media_time: float, fade_seconds: float) -> Shown:
        """The picture at a moment, and the one it follows while that still fades."""
        at = bisect_right(self.stretches, media_time, key=lambda s: s.from_seconds) - 1
        stretch = self.stretches[max(at, 0)]
        since = media_time - stretch.from_seconds
        if at <= 0 or since >= fade_seconds:
            return Shown(None, stretch.picture, 1.0)
        return Shown(self.stretches[at - 1].picture, stretch.picture, since / fade_seconds)


def seat_people(spec: HallSpec, pool: PicturePool) -> tuple[Seat, ...]:
    """Every seat of a hall, back rows first.

    Raises:
        SettingsError: an emotion is scheduled of which the pool has no picture.
    """
    order = np.random.default_rng([spec.seed, _ORDER]).permutation(spec.seat_count)
    own = {seat: schedule.moods for schedule in spec.seat_moods for seat in schedule.seats}
    chooser = _Chooser(spec, pool)
    seats = []
    for row in range(spec.rows):
        for column in range(spec.columns):
            number = row * spec.columns + column
            generator = np.random.default_rng([spec.seed, _PLACES, number])
            left, top, side = _place(spec, row, column, generator)
            quantile = (float(order[number]) + 0.5) / spec.seat_count
            seats.append(
                Seat(
                    number,
                    left,
                    top,
                    side,
                    Look.draw(generator),
                    chooser.stretches(number, own.get(number, spec.moods), quantile),
                    tuple(a for a in spec.absences if not a.seats or number in a.seats),
                    spec.sway_px,
                    spec.sway_seconds * float(generator.uniform(0.75, 1.25)),
                    (float(generator.uniform(0, 2 * math.pi)), float(generator.uniform(0, 2 * math.pi))),
                )
            )
    return tuple(seats)


def _place(spec: HallSpec, row: int, column: int, generator: np.random.Generator) -> tuple[int, int, int]:
    """Left, top and side of a seat's face picture, pixels."""
    across, down = spec.cell(row)
    above = sum(spec.cell(r)[1] for r in range(row))
    size, right, below = (spec.jitter * float(u) for u in generator.uniform(-0.5, 0.5, 3))
    low, high = spec.face_px
    side = max(8, round(low + (high - low) * (row + 0.5 + size) / spec.rows))
    room_across = max(0.0, across - CELL_WIDTH * side - 2 * spec.sway_px)
    room_down = max(0.0, down - CELL_HEIGHT * side - 2 * spec.sway_px)
    middle_x = (column + 0.5 + 0.5 * (row % 2)) * across + right * room_across
    middle_y = above + 0.5 * down + below * room_down - _RAISE * side
    return round(middle_x - side / 2), round(middle_y - side / 2), side


class _Chooser:
    """Gives every seat a picture for each emotion it passes through; two seats share one only when pictures run out."""

    def __init__(self, spec: HallSpec, pool: PicturePool) -> None:
        self._spec = spec
        self._rows = {name: pool.of(name) for name in EMOTIONS}
        self._shuffled: dict[tuple[str, int], Sequence[int]] = {}

    def stretches(self, number: int, moods: Sequence[Mood], quantile: float) -> tuple[Stretch, ...]:
        found: list[Stretch] = []
        latest = None
        for mood in sorted(moods, key=lambda m: m.at_seconds):
            emotion = mood.emotion_at(quantile)
            if emotion == latest:
                continue
            latest = emotion
            pictures = self._pictures(emotion, len(found))
            # What is felt first is felt from the start.
            begin = mood.at_seconds if found else 0.0
            found.append(Stretch(begin, pictures[number % len(pictures)]))
        return tuple(found)

    def _pictures(self, emotion: str, turn: int) -> Sequence[int]:
        key = (emotion, turn)
        if key not in self._shuffled:
            rows = self._rows[emotion]
            if len(rows) == 0:
                raise SettingsError(f"the hall's schedule asks for {emotion}, but its pictures show none.")
            generator = np.random.default_rng([self._spec.seed, _PICTURES, EMOTIONS.index(emotion), turn])
            self._shuffled[key] = [int(row) for row in generator.permutation(rows)]
        return self._shuffled[key]

"""Who sits where in a hall, what each feels, when, and how each moves: everything but pixels."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt

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
    quantiles = _quantiles(spec, order)
    scheduled = [_changes(own.get(n, spec.moods), float(quantiles[n])) for n in range(spec.seat_count)]
    stretches = _cast(spec, pool, scheduled)
    seats = []
    for row in range(spec.rows):
        for column in range(spec.columns):
            number = row * spec.columns + column
            generator = np.random.default_rng([spec.seed, _PLACES, number])
            left, top, side = _place(spec, row, column, generator)
            seats.append(
                Seat(
                    number,
                    left,
                    top,
                    side,
                    Look.draw(generator),
                    tuple(stretches[number]),
                    tuple(a for a in spec.absences if not a.seats or number in a.seats),
                    spec.sway_px,
                    spec.sway_seconds * float(generator.uniform(0.75, 1.25)),
                    (float(generator.uniform(0, 2 * math.pi)), float(generator.uniform(0, 2 * math.pi))),
                )
            )
    return tuple(seats)


def _quantiles(spec: HallSpec, order: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Where each seat stands, 0–1, among those that share its schedule: weights are of them, in whole seats."""
    schedule = np.zeros(spec.seat_count, np.intp)
    for number, own in enumerate(spec.seat_moods, 1):
        schedule[list(own.seats)] = number
    found = np.zeros(spec.seat_count, np.float64)
    for number in range(len(spec.seat_moods) + 1):
        seats = np.flatnonzero(schedule == number)
        found[seats] = (order[seats].argsort().argsort() + 0.5) / max(1, len(seats))
    return found


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


def _changes(moods: Sequence[Mood], quantile: float) -> list[tuple[float, str]]:
    """When the seat that stands at ``quantile`` of the hall's order begins to feel what, in order of time."""
    found: list[tuple[float, str]] = []
    for mood in sorted(moods, key=lambda m: m.at_seconds):
        emotion = mood.emotion_at(quantile)
        if not found or found[-1][1] != emotion:
            # What is felt first is felt from the start.
            found.append((mood.at_seconds if found else 0.0, emotion))
    return found


def _cast(spec: HallSpec, pool: PicturePool, scheduled: Sequence[Sequence[tuple[float, str]]]) -> list[list[Stretch]]:
    """A picture for each emotion that each seat passes through; two show one at once only when pictures run out."""
    pictures = _Pictures(spec, pool)
    found: list[list[Stretch]] = [[] for _ in scheduled]
    shown: Counter[int] = Counter()
    changes = sorted((at, seat, turn) for seat, own in enumerate(scheduled) for turn, (at, _) in enumerate(own))
    for at, together in groupby(changes, key=lambda change: change[0]):
        gone = []
        for _, seat, turn in together:
            candidates = pictures.of(scheduled[seat][turn][1], turn)
            first = seat % len(candidates)
            turned = [*candidates[first:], *candidates[:first]]
            picture = next((p for p in turned if shown[p] == 0), None)
            if picture is None:
                picture = min(turned, key=lambda p: shown[p])
            shown[picture] += 1
            gone += [stretch.picture for stretch in found[seat][-1:]]
            found[seat].append(Stretch(at, picture))
        # What is left at this moment may still be seen to fade, so nobody takes it over at once.
        shown.subtract(gone)
    return found


class _Pictures:
    """A pool's pictures of each emotion, in an order that is new with each turn of a schedule."""

    def __init__(self, spec: HallSpec, pool: PicturePool) -> None:
        self._seed = spec.seed
        self._rows = {name: pool.of(name) for name in EMOTIONS}
        self._shuffled: dict[tuple[str, int], Sequence[int]] = {}

    def of(self, emotion: str, turn: int) -> Sequence[int]:
        key = (emotion, turn)
        if key not in self._shuffled:
            rows = self._rows[emotion]
            if len(rows) == 0:
                raise SettingsError(f"the hall's schedule asks for {emotion}, but its pictures show none.")
            generator = np.random.default_rng([self._seed, _PICTURES, EMOTIONS.index(emotion), turn])
            self._shuffled[key] = [int(row) for row in generator.permutation(rows)]
        return self._shuffled[key]

"""What a composed hall looks like and what its people feel, when: the settings behind ``synthetic:SPEC.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from mien.core.errors import SettingsError
from mien.core.labels import EMOTIONS
from mien.core.settings import Settings
from mien.yaml_file import read_yaml

CELL_WIDTH: Final = 1.3
"""Width of a seat's place, in sides of its face picture."""
CELL_HEIGHT: Final = 1.5
"""Height of a row, in sides of its face picture."""


def _check_emotion(name: str) -> str:
    if name not in EMOTIONS:
        raise ValueError(f"unknown emotion {name!r}: choose from {', '.join(EMOTIONS)}")
    return name


class Mood(Settings):
    """What is felt from a moment on: one emotion, or shares of several."""

    model_config = ConfigDict(allow_inf_nan=False)

    at_seconds: float = Field(0.0, ge=0)
    emotion: str | None = None
    weights: dict[str, float] | None = None
    """Share of the schedule's seats that feel each emotion, in any unit; rounded to whole seats, the same seats
    first."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.emotion is None) == (self.weights is None):
            raise ValueError("a mood has either an emotion or weights")
        for name in (self.emotion,) if self.emotion is not None else tuple(self.weights or ()):
            _check_emotion(name)
        if self.weights is not None and (min(self.weights.values(), default=0) < 0 or sum(self.weights.values()) <= 0):
            raise ValueError("weights are not negative, and one is positive")
        return self

    def emotion_at(self, quantile: float) -> str:
        """The emotion of the seat that stands at ``quantile`` (0–1) of the hall's order."""
        if self.emotion is not None:
            return self.emotion
        weights = self.weights or {}
        reached, total = 0.0, sum(weights.values())
        for name, weight in weights.items():
            reached += weight / total
            if weight > 0 and quantile < reached:
                return name
        return next(name for name, weight in reversed(weights.items()) if weight > 0)


class SeatMoods(Settings):
    """A schedule of its own for some seats, in place of the hall's."""

    seats: tuple[int, ...] = Field(min_length=1)
    moods: tuple[Mood, ...] = Field(min_length=1)


class Absence(Settings):
    """Seats that are empty from one moment until, but not including, another."""

    seats: tuple[int, ...] = ()
    """Which; none named is the whole hall."""
    from_seconds: float = Field(0.0, ge=0)
    to_seconds: float = Field(float("inf"), ge=0)

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if not self.from_seconds < self.to_seconds:
            raise ValueError(
                f"an absence begins before it ends, not at {self.from_seconds:g} until {self.to_seconds:g}"
            )
        return self


class HallSpec(Settings):
    """A hall seen from the screen. Seats are numbered from 0, row by row from the back (the top) and the left."""

    model_config = ConfigDict(allow_inf_nan=False)

    faces: Path | None = None
    """An npz with ``images`` and ``votes``, or a folder with one sub-folder of pictures for each emotion. A relative
    path counts from the specification's folder."""
    min_agreement: float = Field(0.5, ge=0, lt=1)
    """An npz's picture is used where one emotion has more than this share of the votes that agree."""

    width: int = Field(1280, ge=64, le=16384, multiple_of=2)
    height: int = Field(720, ge=64, le=16384, multiple_of=2)
    frame_rate: float = Field(25.0, gt=0, le=1000)
    duration_seconds: float = Field(10.0, gt=0)

    rows: int = Field(5, ge=1, le=2048)
    columns: int = Field(10, ge=1, le=2048)
    face_px: tuple[float, float] = (48.0, 64.0)
    """Side of a face picture, pixels: least (at the back) and largest (at the front)."""
    jitter: float = Field(0.5, ge=0, le=1)
    """How freely sizes and places differ from an exact grid."""

    moods: tuple[Mood, ...] = (Mood(emotion="neutral"),)
    """In any order; what comes first is felt from the start, whenever it begins."""
    seat_moods: tuple[SeatMoods, ...] = ()
    fade_seconds: float = Field(0.0, ge=0)
    """How long one face takes to become the next when a seat's emotion changes; 0 cuts."""
    absences: tuple[Absence, ...] = ()

    sway_px: float = Field(0.0, ge=0)
    """How far a head moves to each side; half of it up and down."""
    sway_seconds: float = Field(4.0, gt=0)
    """Period of that motion; it differs by up to a quarter between seats."""
    exposure: float = Field(1.0, gt=0, le=1)
    """Brightness of the frame: 0.1 leaves a tenth of the light."""
    noise: float = Field(0.0, ge=0, le=64)
    """Standard deviation of the sensor's noise, in steps of 0–255; drawn anew each frame."""
    blur_px: float = Field(0.0, ge=0, le=64)
    """Standard deviation of the lens's blur, pixels."""
    grey: bool = False
    """An infrared camera's picture: no colour."""
    seed: int = Field(0, ge=0)
    """Decides everything that is left to chance."""

    @property
    def seat_count(self) -> int:
        """Seats, taken or not."""
        return self.rows * self.columns

    @property
    def frame_count(self) -> int:
        """Frames in the whole duration, at least one."""
        return max(1, round(self.duration_seconds * self.frame_rate))

    @field_validator("moods")
    @classmethod
    def _something_is_felt(cls, value: tuple[Mood, ...]) -> tuple[Mood, ...]:
        if not value:
            raise ValueError("a hall has at least one mood")
        return value

    @field_validator("face_px")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 8 <= value[0] <= value[1]:
            raise ValueError("face_px is a least and a largest side, at least 8 pixels")
        return value

    @model_validator(mode="after")
    def _seats_exist(self) -> Self:
        parts: tuple[SeatMoods | Absence, ...] = (*self.seat_moods, *self.absences)
        named = [seat for part in parts for seat in part.seats]
        if any(not 0 <= seat < self.seat_count for seat in named):
            raise ValueError(f"seats are numbered 0 to {self.seat_count - 1}")
        scheduled = [seat for part in self.seat_moods for seat in part.seats]
        twice = sorted({seat for seat in scheduled if scheduled.count(seat) > 1})
        if twice:
            raise ValueError(f"seat_moods name seat {twice[0]} twice")
        return self

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        largest, sway = self.face_px[1], 2 * self.sway_px
        across, down = self.cell(self.rows - 1)
        need_across, need_down = CELL_WIDTH * largest + sway, CELL_HEIGHT * largest + sway
        if across < need_across or any(
            self.cell(row)[1] < CELL_HEIGHT * self.largest_in_row(row) + sway for row in range(self.rows)
        ):
            raise ValueError(
                f"{self.rows}×{self.columns} faces of {largest:g} px do not fit into {self.width}×{self.height}: the "
                f"front row has {across:.0f}×{down:.0f} px a seat and needs {need_across:.0f}×{need_down:.0f}"
            )
        return self

    def largest_in_row(self, row: int) -> float:
        """Largest side of a face picture in a row, pixels."""
        low, high = self.face_px
        return low + (high - low) * (row + 0.5 + 0.5 * self.jitter) / self.rows

    def cell(self, row: int) -> tuple[float, float]:
        """Width and height of a seat's place in a row, pixels: rows grow to the front as faces do."""
        sizes = [self.largest_in_row(r) for r in range(self.rows)]
        # Every other row is moved by half a seat.
        across = self.width / (self.columns + (0.5 if self.rows > 1 else 0.0))
        return across, self.height * sizes[row] / sum(sizes)


def load_spec(path: Path) -> HallSpec:
    """Read a specification; its relative paths count from its folder.

    Raises:
        InputError: no such file.
        SettingsError: it is no YAML mapping, gives a name twice, or a setting makes no sense; all that do not are
            named.
    """
    content = read_yaml(path, "the hall")
    if not isinstance(content, dict):
        raise SettingsError(f"the hall {path} is not a YAML mapping of settings.")
    try:
        spec = HallSpec.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'hall'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"the hall {path} makes no sense: {wrong}.") from error
    if spec.faces is not None and not spec.faces.is_absolute():
        spec = spec.model_copy(update={"faces": path.parent / spec.faces})
    return spec

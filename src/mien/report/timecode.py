"""SMPTE timecode: seconds to frames to ``HH:MM:SS:FF`` and back, exactly.

Frame numbers are integers and rates are fractions, so no length of media drifts. Drop-frame (SMPTE ST 12-1) skips
*labels*, never frames: the first two of every minute at 29.97, the first four at 59.94, except in every tenth minute.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from mien.core.errors import SettingsError

FRAME_RATES: Final[Mapping[str, Fraction]] = MappingProxyType(
    {
        "23.976": Fraction(24000, 1001),
        "24": Fraction(24),
        "25": Fraction(25),
        "29.97": Fraction(30000, 1001),
        "30": Fraction(30),
        "50": Fraction(50),
        "59.94": Fraction(60000, 1001),
        "60": Fraction(60),
    }
)
"""Frame rates of edit suites by the name people call them, in frames a second."""

DROPPED_LABELS: Final[Mapping[Fraction, int]] = MappingProxyType({Fraction(30000, 1001): 2, Fraction(60000, 1001): 4})
"""Rates that drop-frame timecode exists for, and how many labels a minute it skips."""

_TIMECODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;])(\d{2})", re.ASCII)


def frame_rate_of(name: str) -> Fraction:
    """The frame rate called ``name`` (one of :data:`FRAME_RATES`).

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in FRAME_RATES:
        raise SettingsError(f"unknown frame rate {name!r}: choose one of {', '.join(FRAME_RATES)}.")
    return FRAME_RATES[name]


@dataclass(frozen=True, slots=True)
class Timebase:
    """How frames are counted and labelled.

    Attributes:
        rate: frames a second, one of :data:`FRAME_RATES`.
        drop_frame: whether labels are skipped to keep up with the clock.

    Raises:
        SettingsError: the rate is not one of them, or there is no drop-frame timecode at it.
    """

    rate: Fraction
    drop_frame: bool = False

    def __post_init__(self) -> None:
        if self.rate not in FRAME_RATES.values():
            raise SettingsError(f"no timecode at {self.rate} frames a second: choose one of {', '.join(FRAME_RATES)}.")
        if self.drop_frame and self.rate not in DROPPED_LABELS:
            raise SettingsError(f"there is no drop-frame timecode at {self.name}, only at 29.97 and 59.94.")

    @property
    def name(self) -> str:
        """What people call the rate, such as ``29.97``."""
        return next(name for name, rate in FRAME_RATES.items() if rate == self.rate)

    @property
    def nominal(self) -> int:
        """Labels a second: the rate as a whole number (30 at 29.97)."""
        return math.ceil(self.rate)

    @property
    def frames_a_day(self) -> int:
        """Frames from ``00:00:00:00`` until the labels start over."""
        return 24 * 6 * self._frames_in_ten_minutes

    def frame_at(self, seconds: float | Fraction) -> int:
        """The frame that begins nearest to ``seconds``; halfway counts as the later one.

        The nearest, not the one on screen: media times are rounded, and one just below a frame's beginning means it.
        """
        return math.floor(Fraction(seconds) * self.rate + Fraction(1, 2))

    def seconds_at(self, frame: int) -> Fraction:
        """When ``frame`` begins, in seconds, exactly."""
        return frame / self.rate

    def timecode(self, frame: int) -> str:
        """The label of ``frame``, with ``;`` before the frames when labels are dropped. Labels start over every day."""
        number = frame % self.frames_a_day
        if self.drop_frame:
            number += self._labels_dropped_before(number)
        seconds, frames = divmod(number, self.nominal)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.drop_frame else ':'}{frames:02}"

    def frame_of(self, timecode: str) -> int:
        """The frame, 0 to :attr:`frames_a_day` less one, that carries a label.

        Drop-frame labels may be written with ``:`` throughout, as many tools do.

        Raises:
            SettingsError: it is no timecode, not one of this rate, or one of the labels that are skipped.
        """
        match = _TIMECODE.fullmatch(timecode)
        if match is None:
            raise SettingsError(f"{timecode!r} is no timecode: write it as HH:MM:SS:FF, such as 01:00:00:00.")
        hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= self.nominal:
            raise SettingsError(
                f"there is no timecode {timecode} at {self.name}: it ends at 23:59:59:{self.nominal - 1}."
            )
        if match[4] == ";" and not self.drop_frame:
            raise SettingsError(f"{timecode} is drop-frame timecode: ask for drop-frame, or write it with ':'.")
        number = ((hours * 60 + minutes) * 60 + seconds) * self.nominal + frames
        if not self.drop_frame:
            return number
        if minutes % 10 and seconds == 0 and frames < self._dropped:
            raise SettingsError(f"there is no timecode {timecode}: drop-frame timecode skips it.")
        whole = hours * 60 + minutes
        return number - self._dropped * (whole - whole // 10)

    @property
    def _dropped(self) -> int:
        return DROPPED_LABELS[self.rate] if self.drop_frame else 0

    @property
    def _frames_in_ten_minutes(self) -> int:
        return 600 * self.nominal - 9 * self._dropped

    def _labels_dropped_before(self, frame: int) -> int:
        tens, rest = divmod(frame, self._frames_in_ten_minutes)
        first = 60 * self.nominal
        later_minutes = 0 if rest < first else 1 + (rest - first) // (first - self._dropped)
        return self._dropped * (9 * tens + later_minutes)

"""Does less while the machine is too hot, before it does worse by itself: a GPU above 85 °C, or a processor that is
slowed down.

One level at a time, and back up only after a while of being cool: what helped is not undone at once. Each level looks
for faces less often and in a smaller picture, and reads each face less often, in smaller batches therefore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mien.core.status import Heat
from mien.runtime.live.pace import Cadence

EVERY_FRAME_HZ: Final = 15.0
"""How often a face counts as read that is read in every frame."""


@dataclass(frozen=True, slots=True)
class Relief:
    """What is done less.

    Attributes:
        factor: the networks run so many times less often.
        side_share: the detector looks at a copy of this share of the picture's sides.
    """

    factor: int
    side_share: float

    def relieved(self, cadence: Cadence) -> Cadence:
        """A cadence, so much less often."""
        if self.factor == 1:
            return cadence
        hz = EVERY_FRAME_HZ if cadence.read_hz is None else cadence.read_hz
        within = cadence.look_within_seconds
        return Cadence(
            cadence.detect_every * self.factor, hz / self.factor, None if within is None else within * self.factor
        )

    def __str__(self) -> str:
        size = f", and looks at a picture of {self.side_share * 100:.0f} % of its size" if self.side_share < 1 else ""
        return f"looks and reads {self.factor} times less often{size}"


LEVELS: Final = (Relief(1, 1.0), Relief(2, 0.75), Relief(3, 0.5), Relief(6, 0.5))
"""From nothing to what keeps a box alive."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """When it acts.

    Attributes:
        hot_celsius: a GPU above this is too hot…
        cool_celsius: …until it is below this.
        settle_seconds: so long a level is left to show what it does, before the next.
        ease_seconds: so long it has to be cool before a level is taken back.
    """

    hot_celsius: float = 85.0
    cool_celsius: float = 80.0
    settle_seconds: float = 15.0
    ease_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Act:
    """Something the guard did.

    Attributes:
        media_time: when, seconds.
        level: position in :data:`LEVELS` from then on.
        why: in words.
    """

    media_time: float
    level: int
    why: str


class Guard:
    """Chooses what is done less.

    Args:
        options: when.
    """

    def __init__(self, options: GuardOptions | None = None) -> None:
        self._options = options or GuardOptions()
        self._level = 0
        self._changed_at = float("-inf")
        self._cool_since: float | None = None
        self.acts: list[Act] = []
        """What it did, in order."""

    @property
    def relief(self) -> Relief:
        """What is done less now."""
        return LEVELS[self._level]

    def tell(self, now: float, media_time: float, heat: Heat) -> Act | None:
        """Once a second or so: how hot it is.

        Args:
            now: seconds, monotonic.
            media_time: seconds, for what it writes down.
            heat: the latest reading.

        Returns:
            What it did; None for nothing.
        """
        gpu, options = heat.gpu_celsius, self._options
        hot = heat.cpu_throttled or (gpu is not None and gpu > options.hot_celsius)
        cool = not heat.cpu_throttled and (gpu is None or gpu < options.cool_celsius)
        self._cool_since = (self._cool_since if self._cool_since is not None else now) if cool else None
        if hot and self._level + 1 < len(LEVELS) and now - self._changed_at >= options.settle_seconds:
            return self._go(now, media_time, self._level + 1, _reason(heat, options))
        if self._level and self._cool_since is not None:
            since = max(self._cool_since, self._changed_at)
            if now - since >= options.ease_seconds:
                return self._go(now, media_time, self._level - 1, "cool again")
        return None

    def _go(self, now: float, media_time: float, level: int, why: str) -> Act:
        self._level, self._changed_at = level, now
        act = Act(media_time, level, why)
        self.acts.append(act)
        return act


def _reason(heat: Heat, options: GuardOptions) -> str:
    if heat.gpu_celsius is not None and heat.gpu_celsius > options.hot_celsius:
        return f"the GPU is at {heat.gpu_celsius:.0f} °C"
    return "the processor is slowed down for its heat or supply"

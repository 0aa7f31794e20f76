"""How often to look for faces and how often to read them, so that what is shown is not late.

A ladder of cadences; the pace goes down a rung when frames come late or are dropped, and up again after a while of
ease. What it chose is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the networks run.

    Attributes:
        detect_every: the detector looks at every kth frame…
        read_hz: each face is read this often; None in every frame.
        look_within_seconds: …and at any that comes so long after the last one it looked at: of a source that gives
            few frames a second, motion cannot be followed from one to the next. None to count frames only.
    """

    detect_every: int
    read_hz: float | None
    look_within_seconds: float | None = None

    def looks(self, number: int, since_seconds: float) -> bool:
        """Whether the detector is to look at a frame.

        Args:
            number: of the frame, from 0.
            since_seconds: media time since the last one it looked at.
        """
        return number % self.detect_every == 0 or (
            self.look_within_seconds is not None and since_seconds >= self.look_within_seconds
        )

    def __str__(self) -> str:
        look = "every frame" if self.detect_every == 1 else f"one frame in {self.detect_every}"
        if self.detect_every > 1 and self.look_within_seconds is not None:
            look += f" and every {self.look_within_seconds:g} s"
        read = "in every frame" if self.read_hz is None else f"{self.read_hz:g} times a second"
        return f"looks for faces in {look}, reads each {read}"


FOLLOWED_SECONDS: Final = 0.5
"""Longer than this a face is not followed without being looked for, whatever the frame rate."""
LADDER: Final = tuple(
    Cadence(every, hz, FOLLOWED_SECONDS)
    for every, hz in (
        (1, None), (1, 15.0), (2, 12.0), (3, 10.0), (4, 10.0), (6, 10.0), (6, 6.0), (8, 4.0), (12, 2.0),
    )
)  # fmt: skip
"""From every frame to what a slow box can keep up with."""


@dataclass(frozen=True, slots=True)
class PaceOptions:
    """What is aimed at.

    Attributes:
        latency_seconds: 95 % of the frames are to be told of within this after they were captured.
        ease_seconds: so long of ease before more is done again.
        settle_seconds: so long a new cadence is left to show what it does.
    """

    latency_seconds: float = 0.1
    ease_seconds: float = 10.0
    settle_seconds: float = 1.0


class Pace:
    """Chooses a cadence.

    Args:
        options: the aim.
        start: rung to begin with.
        ladder: cadences from dearest to cheapest.
    """

    def __init__(self, options: PaceOptions, start: int = 3, ladder: Sequence[Cadence] = LADDER) -> None:
        self._options = options
        self._ladder = ladder
        self._rung = start
        self._changed_at = 0.0
        self._eased_since: float | None = None
        self._tried: dict[int, float] = {}

    @property
    def cadence(self) -> Cadence:
        """What is chosen now."""
        return self._ladder[self._rung]

    def tell(self, now: float, latency_seconds: float, dropped: int) -> Cadence:
        """Once a second or so: how the last stretch went.

        Args:
            now: seconds, monotonic.
            latency_seconds: 95th percentile since the last call.
            dropped: frames that a live source dropped since.

        Returns:
            The cadence to go on with.
        """
        late = latency_seconds > self._options.latency_seconds or dropped > 0
        if now - self._changed_at < self._options.settle_seconds:
            return self.cadence
        if late:
            self._eased_since = None
            if self._rung + 1 < len(self._ladder):
                # A rung that proves too dear again and again is tried ever more seldom; one that held for longer than
                # it was waited for did not prove that.
                waited = self._tried.get(self._rung, self._options.ease_seconds)
                held = now - self._changed_at > waited
                self._tried[self._rung] = 2 * (self._options.ease_seconds if held else waited)
                self._rung, self._changed_at = self._rung + 1, now
            return self.cadence
        if latency_seconds > self._options.latency_seconds / 2:
            self._eased_since = None
            return self.cadence
        if self._eased_since is None:
            self._eased_since = now
        wait = self._tried.get(self._rung - 1, self._options.ease_seconds)
        if self._rung > 0 and now - self._eased_since >= wait:
            self._rung, self._changed_at, self._eased_since = self._rung - 1, now, None
        return self.cadence

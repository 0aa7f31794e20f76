"""Steps of several cameras put side by side as they come, though none comes at the same moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mien.core.audience import AudienceStep
from mien.hall import Hall, HallStep

LATE_STEPS: Final = 4
"""A camera that is so many steps behind another is not waited for."""
_SAME_SECONDS: Final = 1e-6

ZoneSteps = Mapping[str, AudienceStep]


class HallMerger:
    """Sums the zones of a hall once all cameras have told a step, or when one is too far behind.

    Args:
        zones: every zone.
        cameras: how many there are.
    """

    def __init__(self, zones: Sequence[str], cameras: int) -> None:
        self._zones = tuple(zones)
        self._hall = Hall(zones)
        self._waiting: list[deque[ZoneSteps]] = [deque() for _ in range(cameras)]
        self._reached = float("-inf")

    def add(self, camera: int, steps: Sequence[ZoneSteps]) -> Iterator[HallStep]:
        """Take steps of one camera, in order; yields what is whole by them.

        What a camera tells of a step that was summed without it is passed over.
        """
        self._waiting[camera].extend(step for step in steps if _time(step) > self._reached + _SAME_SECONDS)
        while all(self._waiting) or max(map(len, self._waiting)) > LATE_STEPS:
            yield self._sum()

    def finish(self) -> Iterator[HallStep]:
        """Everything that is left."""
        while any(self._waiting):
            yield self._sum()

    def _sum(self) -> HallStep:
        now = min(_time(queue[0]) for queue in self._waiting if queue)
        told: list[ZoneSteps | None] = []
        for queue in self._waiting:
            here = bool(queue) and _time(queue[0]) <= now + _SAME_SECONDS
            told.append(queue.popleft() if here else None)
        self._reached = now
        return self._hall.add({z: [None if t is None else t.get(z) for t in told] for z in self._zones})


def _time(step: ZoneSteps) -> float:
    return next(iter(step.values())).snapshot.media_time

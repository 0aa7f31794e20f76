"""When a worker counts as stuck, and how soon it is started again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from mien.core.errors import MienError

OPENING_SECONDS: Final = 60.0
"""How long opening networks or a source may take."""


def told_error(message: str, exit_code: int) -> MienError:
    """An error that a worker told of, with the exit code it had there."""
    kind = next((e for e in _errors(MienError) if e.exit_code == exit_code), MienError)
    return kind(message)


def _errors(kind: type[MienError]) -> list[type[MienError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _errors(child))]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something may be silent.

    Attributes:
        stuck_seconds: a worker without a sign of life for longer is killed and started again.
        silent_seconds: a camera without a frame for longer is opened again.
        burst: so many restarts…
        burst_seconds: …within this time, and the next ones wait.
        first_wait_seconds, longest_wait_seconds: how long, doubling each time.
    """

    stuck_seconds: float = 10.0
    silent_seconds: float = 20.0
    burst: int = 5
    burst_seconds: float = 60.0
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0


@dataclass(slots=True)
class Restarts:
    """The restarts of one worker.

    Attributes:
        patience: the limits.
        count: restarts so far.
    """

    patience: Patience
    count: int = 0
    _recent: deque[float] = field(default_factory=deque)
    _wait: float = 0.0

    def wait_seconds(self, now: float) -> float:
        """Note a restart, and tell how long to wait before it: 0 but after a burst.

        Args:
            now: seconds, monotonic.
        """
        self.count += 1
        while self._recent and now - self._recent[0] > self.patience.burst_seconds:
            self._recent.popleft()
        self._recent.append(now)
        if len(self._recent) <= self.patience.burst:
            self._wait = 0.0
        else:
            self._wait = min(max(self.patience.first_wait_seconds, 2 * self._wait), self.patience.longest_wait_seconds)
        return self._wait

"""How many faces the classifier is asked about at once.

Nothing waits for a batch to fill: whatever faces are ready when the classifier is free are asked about together, of
all cameras. What is bounded is how long a call may take, so that frames that came later do not wait for those of a
camera that came in bulk. A frame is never taken apart: one with more faces than that is a call of its own.
"""

from __future__ import annotations

from typing import Final

CALL_SHARE: Final = 0.5
"""Of the latency that is aimed at, so much may pass in one call."""
_REMEMBERED: Final = 0.9


class Batching:
    """Learns what a face takes, and bounds a call by it.

    Args:
        latency_seconds: that is aimed at.
    """

    def __init__(self, latency_seconds: float) -> None:
        self._budget_ms = 1e3 * CALL_SHARE * latency_seconds
        self._each_ms: float | None = None

    def tell(self, faces: int, milliseconds: float) -> None:
        """What a call about so many faces took."""
        if faces < 1:
            return
        each = milliseconds / faces
        self._each_ms = each if self._each_ms is None else _REMEMBERED * self._each_ms + (1 - _REMEMBERED) * each

    @property
    def most_faces(self) -> int | None:
        """Of one call; None while it is not known what a face takes."""
        return None if not self._each_ms else max(1, int(self._budget_ms / self._each_ms))


def frames_within(room: int | None, faces_each: int, *, at_least: bool) -> int | None:
    """How many frames of one camera go into a call.

    Args:
        room: faces that the call may still have; None for as many as are ready.
        faces_each: that its frames hold, as far as is known.
        at_least: whether one goes in however many faces it holds: a frame is never taken apart.

    Returns:
        How many; None for as many as are ready.
    """
    if room is None:
        return None
    return max(int(at_least), room // max(1, faces_each))

"""How many faces the classifier is asked about at once.

Nothing waits for a batch to fill: whatever faces are ready when the classifier is free are asked about together, of
all cameras. What is bounded is how long a call may take, so that frames that came later do not wait for those of a
camera that came in bulk.
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

    def most_frames(self, faces_each: int) -> int | None:
        """Of one camera whose frames hold so many faces: one at least. None for as many as are ready."""
        most = self.most_faces
        return None if most is None else max(1, most // max(1, faces_each))

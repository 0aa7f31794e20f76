"""What the engine measures between two tellings of its status."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Stretch:
    """What was measured since the last status.

    Attributes:
        latencies: seconds from capture to reading, one a frame.
        detector_ms, classifier_ms: one a call.
        notes: what happened.
    """

    latencies: list[float] = field(default_factory=list)
    detector_ms: list[float] = field(default_factory=list)
    classifier_ms: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def latency(self, percentile: float) -> float:
        """Seconds; 0 without a frame."""
        return float(np.percentile(self.latencies, percentile)) if self.latencies else 0.0

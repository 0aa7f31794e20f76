"""What the engine measures between two tellings of its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Stretch:
    """What was measured since the last status.

    Attributes:
        latencies: seconds from capture to reading, one a frame.
        waiting: seconds from capture to the engine, one a frame.
        detector_ms, classifier_ms: one a call.
        batches: faces of each call of the classifier.
        engine_ms: in the engine itself, in all.
        notes: what happened.
    """

    latencies: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    detector_ms: list[float] = field(default_factory=list)
    classifier_ms: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    engine_ms: float = 0.0
    notes: list[str] = field(default_factory=list)

    def latency(self, percentile: float) -> float:
        """Seconds; 0 without a frame."""
        return float(np.percentile(self.latencies, percentile)) if self.latencies else 0.0

    @property
    def engine_each_ms(self) -> float:
        """Milliseconds a frame in the engine itself; 0 without a frame."""
        return self.engine_ms / len(self.latencies) if self.latencies else 0.0


def mean(values: Sequence[float]) -> float:
    """Their mean; 0 where there is none."""
    return sum(values) / len(values) if values else 0.0

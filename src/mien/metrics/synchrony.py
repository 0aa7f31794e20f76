"""Synchrony: how alike the faces of an audience moved over the last seconds (BEY2).

The correlation between people is taken inside the privacy gate, where tracks are known; only its mean leaves.
"""

from __future__ import annotations

from typing import Final

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, MetricSample, SampleLog
from mien.core.settings import AudienceSettings
from mien.metrics._paths import StepLengths, why_withheld, withheld

SLUG: Final = "synchrony"
TOO_FEW: Final = "fewer than three faces moved and were read throughout the last seconds"


def create(audience: AudienceSettings) -> Synchrony:
    """The metric for a session."""
    return Synchrony()


class Synchrony:
    """Mean correlation of each face with the mean of the others: 1 all alike, 0 each by itself, -1 against each other.

    There is no interval over people: whose face moved how does not leave the gate.
    """

    slug = SLUG
    display_name = "Synchrony"
    unit = "-1–1"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._lengths = StepLengths()
        self._samples = SampleLog(SLUG, "minus1_to_1")
        self._total = self._seconds = self._coverage = 0.0
        self._steps = 0

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        snapshot = step.snapshot
        seconds = max(self._lengths.of(snapshot), 1e-6)
        if snapshot.synchrony is None:
            self._samples.append(withheld(SLUG, snapshot, why_withheld(snapshot) or TOO_FEW))
            return
        coverage = snapshot.coverage or 0.0
        self._total += snapshot.synchrony * seconds
        self._seconds += seconds
        self._coverage += coverage
        self._steps += 1
        self._samples.append(
            MetricSample(SLUG, snapshot.media_time, snapshot.synchrony, tracks=snapshot.tracks or 0, coverage=coverage)
        )

    def compute(self) -> MetricResult:
        """The series and its mean."""
        known = self._steps > 0
        figure = MetricFigure(
            "synchrony_mean",
            "Mean synchrony",
            self.unit,
            self._total / self._seconds if known else None,
            steps=self._steps,
            coverage=self._coverage / self._steps if known else 0.0,
            withheld=None if known else TOO_FEW,
        )
        return MetricResult({SLUG: self._samples[:]}, (figure,))

"""Attention: how many of the faces seen were turned to the screen, and how many were there (MET6, MET11).

Whether a face is turned to the screen is decided at the privacy gate, from its head pose and where the screen is
(``AudienceSettings.facing_yaw_degrees``, ``screen_yaw_degrees``). A head turned to the screen need not attend.
"""

from __future__ import annotations

from typing import Final

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, MetricSample, SampleLog
from mien.core.settings import AudienceSettings
from mien.metrics._paths import GAP, NO_FACE, SUPPRESSED, StepLengths, withheld

SLUG: Final = "attention"
PRESENCE: Final = "presence"
ATTRACTION_SECONDS: Final = 8.0
NOTHING: Final = "no face was seen"
NOTHING_AFTER: Final = "nothing was seen after the first 8 seconds"
NOTHING_FIRST: Final = "nobody faced the screen in the first 8 seconds"


def create(audience: AudienceSettings) -> Attention:
    """The metric for a session."""
    return Attention()


class _Mean:
    """A mean over media time, with its coverage."""

    def __init__(self) -> None:
        self.seconds = self.total = self.coverage = 0.0
        self.steps = 0

    def add(self, value: float, seconds: float, coverage: float) -> None:
        self.seconds += seconds
        self.total += value * seconds
        self.coverage += coverage
        self.steps += 1

    @property
    def value(self) -> float | None:
        return self.total / self.seconds if self.seconds > 0 else None


class Attention:
    """Share of the faces seen that face the screen (0–100), and how many people there were.

    There is no interval over people: which face was turned does not leave the gate.
    """

    slug = SLUG
    display_name = "Facing the screen"
    unit = "points 0–100"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._lengths = StepLengths()
        self._samples = {SLUG: SampleLog(SLUG, "points"), PRESENCE: SampleLog(PRESENCE, "faces")}
        self._all, self._first, self._after, self._people = _Mean(), _Mean(), _Mean(), _Mean()

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        snapshot = step.snapshot
        seconds = max(self._lengths.of(snapshot), 1e-6)
        coverage, tracks = snapshot.coverage or 0.0, snapshot.tracks or 0
        if snapshot.suppressed or not snapshot.frames:
            for slug, samples in self._samples.items():
                samples.append(withheld(slug, snapshot, SUPPRESSED if snapshot.suppressed else GAP))
            return
        present = float(snapshot.present or 0)
        self._people.add(float(snapshot.readable or 0), seconds, coverage)
        self._samples[PRESENCE].append(
            MetricSample(PRESENCE, snapshot.media_time, present, tracks=tracks, coverage=coverage)
        )
        if snapshot.facing_share is None:
            self._samples[SLUG].append(withheld(SLUG, snapshot, NO_FACE))
            return
        facing = 100.0 * snapshot.facing_share
        self._all.add(facing, seconds, coverage)
        part = self._first if snapshot.media_time < ATTRACTION_SECONDS - 1e-6 else self._after
        part.add(facing, seconds, coverage)
        self._samples[SLUG].append(MetricSample(SLUG, snapshot.media_time, facing, tracks=tracks, coverage=coverage))

    def compute(self) -> MetricResult:
        """The series; attention overall, in the first eight seconds, and how much of that was kept afterwards."""
        first, after = self._first.value, self._after.value
        kept = 100.0 * after / first if first and after is not None else None
        why = None if kept is not None else NOTHING_FIRST if not first else NOTHING_AFTER
        figures = (
            self._figure("attention_mean", "Facing the screen", self.unit, self._all, self._all.value, NOTHING),
            self._figure(
                "attraction", "Attraction: facing in the first 8 seconds", self.unit, self._first, first, NOTHING
            ),
            self._figure("retention", "Retention: facing afterwards, of attraction", "percent", self._after, kept, why),
            self._figure(
                "audience_average", "Average audience size", "faces read", self._people, self._people.value, NOTHING
            ),
        )
        return MetricResult({slug: samples[:] for slug, samples in self._samples.items()}, figures)

    @staticmethod
    def _figure(slug: str, name: str, unit: str, mean: _Mean, value: float | None, why: str | None) -> MetricFigure:
        coverage = mean.coverage / mean.steps if mean.steps else 0.0
        reason = why if value is None else None
        return MetricFigure(slug, name, unit, value, steps=mean.steps, coverage=coverage, withheld=reason)

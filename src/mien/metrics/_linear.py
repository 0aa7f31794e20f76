"""A metric that is a weighted sum of the eight emotions: its weights are all there is to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, SampleLog
from mien.metrics._left_out import lost_end
from mien.metrics._paths import FloatArray, Running, StepLengths, paths_of, sample, why_withheld, withheld

NOTHING = "nothing was read"


@dataclass(frozen=True, slots=True)
class LinearSeries:
    """One weighted sum.

    Attributes:
        slug, display_name, unit: as in ``core.audience.Metric``.
        column_unit: see ``core.findings.SampleLog``.
        weights: float64 8, per share 0–1 of each canonical emotion.
        bounds: between which every value lies.
        counted: bool 8, emotions it is about; the rest are left out and shares renormalised over these. None for all.
    """

    slug: str
    display_name: str
    unit: str
    column_unit: str
    weights: FloatArray
    bounds: tuple[float, float]
    counted: tuple[bool, ...] | None = None

    def why_none(self, left_out: Sequence[str]) -> str | None:
        """Why it has no value where some emotions are not told, or None where it has."""
        about = np.ones(len(self.weights), np.bool_) if self.counted is None else np.array(self.counted)
        return lost_end(np.where(about, self.weights, np.nan), left_out)

    def of(self, paths: FloatArray) -> FloatArray:
        """float64 1+R from float64 (1+R)×8 points; NaN where nothing that counts was seen."""
        if self.counted is None:
            return np.asarray(paths / 100.0 @ self.weights, np.float64)
        part = paths[:, list(self.counted)]
        total = part.sum(axis=1)
        weighted = part @ self.weights[list(self.counted)]
        seen = total > 1e-6
        return np.asarray(np.divide(weighted, total, out=np.full(len(paths), np.nan), where=seen), np.float64)


class LinearMetric:
    """Series of weighted sums, and their means over the session.

    Args:
        slug, display_name, unit: of the metric.
        series: what it computes.
        replicates: of the session's bootstrap.
        left_out: emotions that are not told; their shares are the others' by then.
    """

    def __init__(
        self,
        slug: str,
        display_name: str,
        unit: str,
        series: tuple[LinearSeries, ...],
        replicates: int = 0,
        *,
        left_out: Sequence[str] = (),
    ) -> None:
        self.slug, self.display_name, self.unit = slug, display_name, unit
        self._series, self._replicates = series, replicates
        self._never = {one.slug: one.why_none(left_out) for one in series}
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._lengths = StepLengths()
        self._samples = {one.slug: SampleLog(one.slug, one.column_unit) for one in self._series}
        self._overall = {one.slug: Running(1 + self._replicates) for one in self._series}

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        snapshot = step.snapshot
        seconds = self._lengths.of(snapshot)
        paths = paths_of(step, self._replicates)
        for one in self._series:
            never = self._never[one.slug]
            values = None if paths is None or never is not None else one.of(paths)
            if values is None or np.isnan(values[0]):
                reason = why_withheld(snapshot) or never or "none of the emotions it is about was seen"
                self._samples[one.slug].append(withheld(one.slug, snapshot, reason))
                continue
            self._overall[one.slug].add(values, snapshot, seconds)
            self._samples[one.slug].append(sample(one.slug, snapshot, values, one.bounds))

    def compute(self) -> MetricResult:
        """The series and their means."""
        figures = []
        for one in self._series:
            running = self._overall[one.slug]
            known = running.steps > 0
            low, high = running.ends(running.mean, one.bounds) if known else (None, None)
            figures.append(
                MetricFigure(
                    f"{one.slug}_mean",
                    f"Mean {one.display_name.lower()}",
                    one.unit,
                    float(running.mean[0]) if known else None,
                    low,
                    high,
                    steps=running.steps,
                    coverage=running.coverage,
                    withheld=None if known else self._never[one.slug] or NOTHING,
                )
            )
        return MetricResult({slug: samples[:] for slug, samples in self._samples.items()}, tuple(figures))

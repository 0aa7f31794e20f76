"""Engagement on a scale of 1 to 5, for four kinds of audience (MET7, MET8, MET9).

The expectation of *base score × weight* over the measured distribution of the eight emotions; nothing is drawn at
random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from mien.core.audience import AudienceStep
from mien.core.engagement import BOUNDS, scores
from mien.core.findings import MetricFigure, MetricResult, SampleLog
from mien.core.settings import ENVIRONMENTS, AudienceSettings, Environment
from mien.metrics._left_out import lost_end
from mien.metrics._paths import FloatArray, Running, StepLengths, paths_of, sample, why_withheld, withheld
from mien.metrics._rolling import RollingMean

SLUG: Final = "engagement"

WINDOWS: Final[Mapping[str, float]] = MappingProxyType(
    {"engagement_30s": 30.0, "engagement_60s": 60.0, "engagement_cumulative": float("inf")}
)
"""Series of rolling means, and the seconds they reach back."""
NOTHING: Final = "nothing was read"


def create(audience: AudienceSettings) -> Engagement:
    """The metric for a session."""
    return Engagement(audience.environment, audience.replicates, left_out=audience.left_out)


class Engagement:
    """Step by step, over the last half minute and minute, and so far; clamped last.

    Args:
        environment: whose weights the series use; a figure is given for each.
        replicates: of the session's bootstrap.
        left_out: emotions that are not told; their shares are the others' by then.
    """

    slug = SLUG
    display_name = "Engagement"
    unit = "1–5"

    def __init__(
        self, environment: Environment = "general", replicates: int = 0, *, left_out: Sequence[str] = ()
    ) -> None:
        self._environment, self._paths = environment, 1 + replicates
        self._scores: dict[Environment, FloatArray] = {name: scores(name) for name in ENVIRONMENTS}
        self._never = {name: lost_end(weights, left_out) for name, weights in self._scores.items()}
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._lengths = StepLengths()
        self._rolling = {slug: RollingMean(seconds, self._paths) for slug, seconds in WINDOWS.items()}
        self._overall = {name: Running(self._paths) for name in ENVIRONMENTS}
        self._series = {slug: SampleLog(slug, "1_to_5") for slug in (SLUG, *WINDOWS)}

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        snapshot = step.snapshot
        seconds = self._lengths.of(snapshot)
        paths = paths_of(step, self._paths - 1)
        never = self._never[self._environment]
        shares = None if paths is None else paths / 100.0
        for name, running in self._overall.items():
            if shares is not None and self._never[name] is None:
                running.add(shares @ self._scores[name], snapshot, seconds)
        if shares is None or never is not None:
            for slug, samples in self._series.items():
                samples.append(withheld(slug, snapshot, why_withheld(snapshot) or never or NOTHING))
            return
        values = shares @ self._scores[self._environment]
        self._series[SLUG].append(sample(SLUG, snapshot, values, BOUNDS, can_leave_bounds=True))
        end = snapshot.media_time + seconds
        for slug, rolling in self._rolling.items():
            # A first single frame stands for no time yet; it still is what was seen.
            mean = rolling.add(end, max(seconds, 1e-6), values)
            self._series[slug].append(sample(slug, snapshot, mean, BOUNDS, can_leave_bounds=True))

    def compute(self) -> MetricResult:
        """The series, and the session's mean for each environment."""
        figures = []
        for name, running in self._overall.items():
            known = running.steps > 0
            low, high = running.ends(running.mean, BOUNDS) if known else (None, None)
            figures.append(
                MetricFigure(
                    f"{SLUG}_{name}",
                    f"Engagement ({name.replace('_', ' ')})",
                    self.unit,
                    float(np.clip(running.mean[0], *BOUNDS)) if known else None,
                    low,
                    high,
                    steps=running.steps,
                    coverage=running.coverage,
                    withheld=None if known else self._never[name] or NOTHING,
                )
            )
        return MetricResult({slug: samples[:] for slug, samples in self._series.items()}, tuple(figures))

"""Shock score: how far fear and surprise rose above the session's own first half minute (MET1, MET4, MET6, MET17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, SampleLog
from mien.core.settings import AudienceSettings
from mien.metrics._paths import Running, sample, withheld
from mien.metrics._shock import BOUNDS, BaselineOptions, Shock

SLUG: Final = "shock"
BANDS: Final = ((20.0, "low"), (40.0, "moderate"), (60.0, "high"), (80.0, "very high"), (float("inf"), "extreme"))
"""Upper end of each band, exclusive. *low* and *extreme* are published; the three between are ours."""


def create(audience: AudienceSettings) -> ShockScore:
    """The metric for a session."""
    return ShockScore(audience.replicates, left_out=audience.left_out)


def band(score: float) -> str:
    """The word for a score 0–100."""
    return next(word for end, word in BANDS if score < end)


class ShockScore:
    """0–100, clamped last; the value before clamping is kept beside it (it can reach 250 and fall below 0).

    Withheld until the baseline stands, and where nothing was read.

    Args:
        replicates: of the session's bootstrap.
        options: of the baseline.
        left_out: emotions that are not told.
    """

    slug = SLUG
    display_name = "Shock score"
    unit = "points 0–100"

    def __init__(
        self, replicates: int = 0, options: BaselineOptions | None = None, *, left_out: Sequence[str] = ()
    ) -> None:
        self._replicates, self._options, self._left_out = replicates, options, tuple(left_out)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._shock = Shock(self._replicates, self._options, self._left_out)
        self._samples = SampleLog(SLUG, "points")
        self._all = Running(1 + self._replicates)
        self._peak_at: float | None = None

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        shock = self._shock.update(step)
        if shock.raw is None or shock.score is None:
            self._samples.append(withheld(SLUG, step.snapshot, shock.withheld or ""))
            return
        before = float(self._all.highest[0])
        self._all.add(shock.score, step.snapshot, shock.seconds)
        if self._all.highest[0] > before:
            self._peak_at = step.snapshot.media_time
        self._samples.append(sample(SLUG, step.snapshot, shock.raw, BOUNDS, can_leave_bounds=True))

    def compute(self) -> MetricResult:
        """The score over time, its average and its peak."""
        known = self._all.steps > 0
        figures = []
        for slug, name, values in (
            ("shock_average", "Average shock score", self._all.mean),
            ("shock_peak", "Peak shock score", self._all.highest),
        ):
            low, high = self._all.ends(values, BOUNDS) if known else (None, None)
            figures.append(
                MetricFigure(
                    slug,
                    name,
                    self.unit,
                    float(values[0]) if known else None,
                    low,
                    high,
                    band=band(float(values[0])) if known else None,
                    steps=self._all.steps,
                    coverage=self._all.coverage,
                    withheld=None if known else self._shock.why_none,
                    at_seconds=self._peak_at if slug == "shock_peak" else None,
                )
            )
        return MetricResult({SLUG: self._samples[:]}, tuple(figures))

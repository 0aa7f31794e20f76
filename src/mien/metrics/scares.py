"""Scares: where shock jumps above what it just was (MET3, MET5, MET6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mien.core.audience import AudienceSnapshot, AudienceStep
from mien.core.findings import MetricFigure, MetricResult, MetricSample, Moment, MomentKind
from mien.core.settings import AudienceSettings
from mien.metrics._paths import FloatArray, Running, sample
from mien.metrics._shock import BOUNDS, BaselineOptions, Shock

SLUG: Final = "scares"


@dataclass(frozen=True, slots=True)
class ScareOptions:
    """What a scare is.

    Attributes:
        least_rise: shock above its recent mean, points; more is a scare.
        recent_seconds: what *recent* reaches back to.
        gap_seconds: the latest part of that, which is left out: a scare has begun by then.
        least_recent_seconds: how much of it must have a score.
        refractory_seconds: from one onset to the earliest next.
    """

    least_rise: float = 30.0
    recent_seconds: float = 5.0
    gap_seconds: float = 0.5
    least_recent_seconds: float = 2.0
    refractory_seconds: float = 5.0


@dataclass(slots=True)
class _Open:
    """A scare that goes on: its highest score so far is ``peak``."""

    onset: float
    recent: float
    end: float
    peak: MetricSample
    readable: int


def create(audience: AudienceSettings) -> Scares:
    """The metric for a session."""
    return Scares(audience.replicates, left_out=audience.left_out)


class Scares:
    """Each scare with its onset, peak, intensity (shock at the peak), and rise above what was recent.

    A scare goes on while the score stays above half of its rise, for no longer than the refractory time.

    Args:
        replicates: of the session's bootstrap.
        baseline, options: of the baseline and of what a scare is.
        left_out: emotions that are not told.
    """

    slug = SLUG
    display_name = "Scares"
    unit = "events"

    def __init__(
        self,
        replicates: int = 0,
        baseline: BaselineOptions | None = None,
        options: ScareOptions | None = None,
        *,
        left_out: Sequence[str] = (),
    ) -> None:
        self._replicates, self._baseline, self._left_out = replicates, baseline, tuple(left_out)
        self._options = options or ScareOptions()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._shock = Shock(self._replicates, self._baseline, self._left_out)
        self._recent: deque[tuple[float, float, float]] = deque()
        self._open: _Open | None = None
        self._moments: list[Moment] = []
        self._last_onset = float("-inf")
        self._all = Running(1)

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        snapshot, options = step.snapshot, self._options
        start = snapshot.media_time
        shock = self._shock.update(step)
        raw, score = shock.raw, shock.score
        while self._recent and self._recent[0][0] < start - options.recent_seconds - 1e-6:
            self._recent.popleft()
        if raw is None or score is None:
            return
        now = float(score[0])
        self._all.add(score[:1], snapshot, shock.seconds)
        recent = [(v, s) for at, s, v in self._recent if at + s <= start - options.gap_seconds + 1e-6]
        behind = sum(seconds for _, seconds in recent)
        self._recent.append((start, shock.seconds, now))
        self._go_on(snapshot, shock.seconds, raw, now)
        if behind < options.least_recent_seconds - 1e-6 or start < self._last_onset + options.refractory_seconds - 1e-6:
            return
        level = sum(value * seconds for value, seconds in recent) / behind
        if now - level > options.least_rise:
            self._close()
            self._last_onset = start
            self._open = _Open(start, level, start + shock.seconds, _told(snapshot, raw), snapshot.readable or 0)

    def compute(self) -> MetricResult:
        """Every scare, and how many there were."""
        moments = [*self._moments, *([_moment(self._open)] if self._open is not None else [])]
        known = self._all.steps > 0
        figure = MetricFigure(
            "scares_total",
            "Scares",
            self.unit,
            float(len(moments)) if known else None,
            steps=self._all.steps,
            coverage=self._all.coverage,
            withheld=None if known else self._shock.why_none,
        )
        return MetricResult(figures=(figure,), moments=tuple(moments))

    def over(self) -> tuple[Moment, ...]:
        """Scares that have faded, so that nothing about them changes any more."""
        return tuple(self._moments)

    def _go_on(self, snapshot: AudienceSnapshot, seconds: float, raw: FloatArray, now: float) -> None:
        scare, start = self._open, snapshot.media_time
        if scare is None:
            return
        highest = scare.peak.value or 0.0
        faded = now < scare.recent + (highest - scare.recent) / 2
        if faded or start >= scare.onset + self._options.refractory_seconds - 1e-6:
            self._close()
            return
        scare.end = start + seconds
        if now > highest:
            scare.peak, scare.readable = _told(snapshot, raw), snapshot.readable or 0

    def _close(self) -> None:
        if self._open is not None:
            self._moments.append(_moment(self._open))
            self._open = None


def _told(snapshot: AudienceSnapshot, raw: FloatArray) -> MetricSample:
    return sample("shock", snapshot, raw, BOUNDS)


def _moment(scare: _Open) -> Moment:
    value = scare.peak.value or 0.0
    return Moment(
        kind=MomentKind.SCARE,
        subject="shock",
        start=scare.onset,
        peak=scare.peak.media_time,
        end=scare.end,
        value=value,
        rise=value - scare.recent,
        coverage=scare.peak.coverage,
        readable=scare.readable,
        low=scare.peak.low,
        high=scare.peak.high,
    )

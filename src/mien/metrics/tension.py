"""Sustained tension, and stretches that leave an audience cold (MET18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mien.core.audience import AudienceStep
from mien.core.findings import MetricFigure, MetricResult, Moment, MomentKind
from mien.core.settings import AudienceSettings
from mien.metrics._shock import BaselineOptions, Shock


@dataclass(frozen=True, slots=True)
class TensionOptions:
    """What counts.

    Attributes:
        tense_above: shock, points; above it there is tension.
        tense_seconds: how long it must hold to be *sustained*.
        cold_below: shock, points; below it an opportunity is missed.
        cold_seconds: how long it must stay there. Published without a length; ours.
        bridge_seconds: steps without a score for no longer than this do not end a stretch.
    """

    tense_above: float = 20.0
    tense_seconds: float = 30.0
    cold_below: float = 10.0
    cold_seconds: float = 30.0
    bridge_seconds: float = 2.0


def create(audience: AudienceSettings) -> Tension:
    """The metric for a session."""
    return Tension(left_out=audience.left_out)


@dataclass(slots=True)
class _Stretch:
    start: float
    end: float
    scored: float = 0.0
    total: float = 0.0
    extreme: float = 0.0
    extreme_at: float = 0.0
    coverage: float = 0.0
    readable: int = 0


class Tension:
    """Stretches of shock above one score, and below another, that last.

    Args:
        baseline, options: of the baseline and of what counts.
        left_out: emotions that are not told.
    """

    slug = "tension"
    display_name = "Tension"
    unit = "seconds"

    def __init__(
        self,
        baseline: BaselineOptions | None = None,
        options: TensionOptions | None = None,
        *,
        left_out: Sequence[str] = (),
    ) -> None:
        self._baseline, self._options, self._left_out = baseline, options or TensionOptions(), tuple(left_out)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._shock = Shock(0, self._baseline, self._left_out)
        self._open: dict[MomentKind, _Stretch | None] = {
            MomentKind.SUSTAINED_TENSION: None,
            MomentKind.MISSED_OPPORTUNITY: None,
        }
        self._moments: list[Moment] = []
        self._steps = 0
        self._coverage = 0.0

    def update(self, step: AudienceStep) -> None:
        """Take one step."""
        single = AudienceStep(step.snapshot, None)
        shock = self._shock.update(single)
        start, snapshot = step.snapshot.media_time, step.snapshot
        if shock.score is None:
            for kind, stretch in self._open.items():
                if stretch is not None and start + shock.seconds - stretch.end > self._options.bridge_seconds + 1e-6:
                    self._close(kind)
            return
        now = float(shock.score[0])
        self._steps += 1
        self._coverage += snapshot.coverage or 0.0
        for kind, holds in (
            (MomentKind.SUSTAINED_TENSION, now > self._options.tense_above),
            (MomentKind.MISSED_OPPORTUNITY, now < self._options.cold_below),
        ):
            if not holds:
                self._close(kind)
                continue
            stretch = self._open[kind] or _Stretch(start, start)
            self._open[kind] = stretch
            more = now > stretch.extreme if kind is MomentKind.SUSTAINED_TENSION else now < stretch.extreme
            if stretch.scored == 0.0 or more:
                stretch.extreme, stretch.extreme_at = now, start
                stretch.coverage, stretch.readable = snapshot.coverage or 0.0, snapshot.readable or 0
            stretch.end = start + shock.seconds
            stretch.scored += shock.seconds
            stretch.total += now * shock.seconds

    def compute(self) -> MetricResult:
        """The stretches, and how long they lasted together."""
        moments = list(self._moments)
        for kind, stretch in self._open.items():
            moments += self._moment(kind, stretch)
        moments.sort(key=lambda m: (m.start, m.kind))
        figures = []
        for kind, slug, name in (
            (MomentKind.SUSTAINED_TENSION, "tension_sustained", "Sustained tension"),
            (MomentKind.MISSED_OPPORTUNITY, "tension_missed", "Missed opportunities: enhance tension"),
        ):
            seconds = sum(m.end - m.start for m in moments if m.kind is kind)
            figures.append(
                MetricFigure(
                    slug,
                    name,
                    self.unit,
                    seconds if self._steps else None,
                    steps=self._steps,
                    coverage=self._coverage / self._steps if self._steps else 0.0,
                    withheld=None if self._steps else self._shock.why_none,
                )
            )
        return MetricResult(figures=tuple(figures), moments=tuple(moments))

    def _close(self, kind: MomentKind) -> None:
        self._moments += self._moment(kind, self._open[kind])
        self._open[kind] = None

    def _moment(self, kind: MomentKind, stretch: _Stretch | None) -> list[Moment]:
        tense = kind is MomentKind.SUSTAINED_TENSION
        least = self._options.tense_seconds if tense else self._options.cold_seconds
        if stretch is None or stretch.end - stretch.start < least - 1e-6:
            return []
        threshold = self._options.tense_above if tense else self._options.cold_below
        return [
            Moment(
                kind=kind,
                subject="shock",
                start=stretch.start,
                peak=stretch.extreme_at,
                end=stretch.end,
                value=stretch.extreme,
                rise=stretch.extreme - threshold,
                coverage=stretch.coverage,
                readable=stretch.readable,
            )
        ]

"""What a run keeps of its steps: the timeline in the making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mien.core.audience import AudienceSnapshot, AudienceStep, Metric, Session, Sink, SnapshotLog, Timeline
from mien.core.findings import GROUP_TOO_SMALL, MetricFigure


class Recording:
    """Takes steps as they are made.

    Args:
        metrics: fresh; fed every step.
        sinks: told each snapshot as it is made.
    """

    def __init__(self, metrics: Sequence[Metric], sinks: Sequence[Sink] = ()) -> None:
        self._log = SnapshotLog()
        self._metrics = metrics
        self._sinks = sinks
        self._suppressed = self._told = 0

    def take(self, steps: Iterable[AudienceStep]) -> None:
        """Keep steps, in order of media time. Their replicates end here."""
        for step in steps:
            self._log.append(step.snapshot)
            self._suppressed += step.snapshot.suppressed
            self._told += not step.snapshot.suppressed and (step.snapshot.frames or 0) > 0
            for metric in self._metrics:
                metric.update(step)
            for sink in self._sinks:
                sink.write(step.snapshot)

    def timeline(self, session: Session, *, complete: bool) -> Timeline:
        """Everything that was taken so far; what is taken later is not in it."""
        results = [metric.compute() for metric in self._metrics]
        return Timeline(
            session,
            self._log[:],
            series={slug: samples for result in results for slug, samples in result.series.items()},
            figures=tuple(self._with_reason(figure, session) for result in results for figure in result.figures),
            moments=tuple(moment for result in results for moment in result.moments),
            complete=complete,
        )

    def _with_reason(self, figure: MetricFigure, session: Session) -> MetricFigure:
        """Of a session that was suppressed throughout, no metric can know why it saw nothing."""
        if figure.value is not None or self._told or not self._suppressed:
            return figure
        return replace(figure, withheld=GROUP_TOO_SMALL.format(group=session.grant.min_group))


def retold(
    snapshots: Iterable[AudienceSnapshot], metrics: Sequence[Metric], session: Session, *, complete: bool
) -> Timeline:
    """The timeline of snapshots that were kept. Replicates never were: its metrics have no intervals.

    Args:
        snapshots: in order of media time.
        metrics: fresh.
        session: what was run.
        complete: whether it ended as it should.
    """
    recording = Recording(metrics)
    recording.take(AudienceStep(snapshot, None) for snapshot in snapshots)
    return recording.timeline(session, complete=complete)


def frames_of(snapshots: Iterable[AudienceSnapshot]) -> int | None:
    """How many frames were read for snapshots that were kept; None where some are withheld, which do not tell."""
    frames = 0
    for snapshot in snapshots:
        if snapshot.suppressed:
            return None
        frames += snapshot.frames or 0
    return frames

"""The parts of ``report.json``: what each says, rounded, and how it is made of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from mien.analysis.distribution import EmotionLevel, Reach
from mien.analysis.series import StepState, intervals_of, state_of
from mien.core.audience import (
    AudienceSnapshot,
    Count,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    Interval,
    Percent,
    Seconds,
    Share,
    Slug,
    UnreadCounts,
)
from mien.core.findings import MetricFigure, MetricSample, Moment
from mien.core.labels import EMOTIONS
from mien.core.policy import Basis, Grant, Purpose
from mien.report.wording import DOES_NOT_MEAN, MEANS, clock

DIGITS: Final = 4
"""Decimals of percentages and shares."""
TIME_DIGITS: Final = 6
"""Decimals of media time, seconds."""

MediaClock = Annotated[str, Field(pattern=r"^\d{2,}:[0-5]\d$", description="MM:SS; minutes do not wrap")]


class Part(BaseModel):
    """Base of every part of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SessionPart(Part):
    """What was run. ``min_group`` is the smallest number of readable faces that is told about.

    ``left_out`` names the emotions that were not told, by choice or because the classifier does not know them: their
    shares were given to the others in proportion, and where a row has a place for them it holds 0.
    """

    session_id: Slug
    label_set: Slug
    step_seconds: Seconds
    min_group: Annotated[int, Field(ge=1)]
    left_out: tuple[str, ...] = ()


class PolicyPart(Part):
    """What the operator declared, and what was granted on it."""

    purpose: Purpose
    basis: Basis | None
    jurisdiction: str | None
    exception: str | None
    profile: str
    min_group: Annotated[int, Field(ge=1)]
    notices: tuple[str, ...]

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """From the gate's permission."""
        told = grant.declaration
        return cls(
            purpose=told.purpose,
            basis=told.basis,
            jurisdiction=told.jurisdiction,
            exception=told.exception,
            profile=grant.profile,
            min_group=grant.min_group,
            notices=grant.notices,
        )


class CoveragePart(Part):
    """How much was seen and read (see ``analysis.distribution``); of suppressed steps only the number is told.

    Where no step may or can be told about, everything but the numbers of steps is None.
    """

    steps: Count
    steps_read: Count
    steps_unread: Count
    steps_no_face: Count
    steps_gap: Count
    steps_suppressed: Count
    frames: Count | None
    coverage_share: Share | None
    coverage_while_read_share: Share | None
    steps_with_face_share: Share | None
    present_median: Count | None
    present_most: Count | None
    readable_median: Count | None
    readable_most: Count | None

    @classmethod
    def of(cls, extent: Reach) -> Self:
        """From how much of a timeline was seen."""
        told = extent.steps_read + extent.steps_unread + extent.steps_no_face > 0
        return cls(
            steps=extent.steps,
            steps_read=extent.steps_read,
            steps_unread=extent.steps_unread,
            steps_no_face=extent.steps_no_face,
            steps_gap=extent.steps_gap,
            steps_suppressed=extent.steps_suppressed,
            frames=extent.frames if told else None,
            coverage_share=known(extent.coverage, DIGITS),
            coverage_while_read_share=known(extent.coverage_while_read, DIGITS),
            steps_with_face_share=known(extent.share_with_face, DIGITS),
            present_median=extent.present_median if told else None,
            present_most=extent.present_most if told else None,
            readable_median=extent.readable_median if told else None,
            readable_most=extent.readable_most if told else None,
        )


class LevelPart(Part):
    """One label over the session: its mean over what was read, its highest step, and how long it was the strongest."""

    label: str
    mean_percent: Percent
    highest_percent: Percent
    highest_at_seconds: Seconds
    highest_at: MediaClock
    leading_share: Share

    @classmethod
    def of(cls, level: EmotionLevel) -> Self:
        """From an analysed level."""
        return cls(
            label=level.label,
            mean_percent=_percent(level.mean),
            highest_percent=_percent(level.highest),
            highest_at_seconds=round(level.highest_at, TIME_DIGITS),
            highest_at=clock(level.highest_at),
            leading_share=_share(level.leading_share),
        )


class DistributionPart(Part):
    """Means over the session. A step weighs its frames times its coverage; there is no interval over a session.

    ``view`` is in the session's own label set and None when that is the canonical one.
    """

    weighting: Literal["frames_times_coverage"] = "frames_times_coverage"
    canonical: tuple[LevelPart, ...]
    view: tuple[LevelPart, ...] | None


class MomentPart(Part):
    """A strong moment; ``rise_points`` is above the session's usual level, see ``analysis.moments.usual_level``.

    The interval is over tracks at the peak.
    """

    kind: str
    subject: str
    start_seconds: Seconds
    peak_seconds: Seconds
    end_seconds: Seconds
    start: MediaClock
    peak: MediaClock
    end: MediaClock
    value_percent: Percent
    rise_points: Annotated[float, Field(ge=0, le=100)]
    interval_percent: Interval | None
    coverage_share: Share
    readable_faces: Count

    @classmethod
    def of(cls, moment: Moment) -> Self:
        """From an analysed moment."""
        interval = None
        if moment.low is not None and moment.high is not None:
            interval = Interval(low=_percent(moment.low), high=_percent(moment.high))
        return cls(
            kind=moment.kind.value,
            subject=moment.subject,
            start_seconds=round(moment.start, TIME_DIGITS),
            peak_seconds=round(moment.peak, TIME_DIGITS),
            end_seconds=round(moment.end, TIME_DIGITS),
            start=clock(moment.start),
            peak=clock(moment.peak),
            end=clock(moment.end),
            value_percent=_percent(moment.value),
            rise_points=_percent(moment.rise),
            interval_percent=interval,
            coverage_share=_share(moment.coverage),
            readable_faces=moment.readable,
        )


class EventPart(Part):
    """A moment that a metric found, in points of its subject; ``rise_points`` is above what the metric compares with.

    For a scare that is the recent mean, for tension and missed opportunities their threshold.
    """

    kind: str
    subject: str
    start_seconds: Seconds
    peak_seconds: Seconds
    end_seconds: Seconds
    start: MediaClock
    peak: MediaClock
    end: MediaClock
    value_points: float
    rise_points: float
    low_points: float | None
    high_points: float | None
    coverage_share: Share
    readable_faces: Count

    @classmethod
    def of(cls, moment: Moment) -> Self:
        """From a metric's moment."""
        return cls(
            kind=moment.kind.value,
            subject=moment.subject,
            start_seconds=round(moment.start, TIME_DIGITS),
            peak_seconds=round(moment.peak, TIME_DIGITS),
            end_seconds=round(moment.end, TIME_DIGITS),
            start=clock(moment.start),
            peak=clock(moment.peak),
            end=clock(moment.end),
            value_points=round(moment.value, DIGITS),
            rise_points=round(moment.rise, DIGITS),
            low_points=known(moment.low, DIGITS),
            high_points=known(moment.high, DIGITS),
            coverage_share=_share(moment.coverage),
            readable_faces=moment.readable,
        )


class FigurePart(Part):
    """One number about the whole session, or why there is none; the interval is 95 % over people."""

    slug: Slug
    name: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    band: str | None
    at_seconds: Seconds | None
    steps: Count
    coverage_share: Share
    withheld: str | None

    @classmethod
    def of(cls, figure: MetricFigure) -> Self:
        """From a metric's figure."""
        return cls(
            slug=figure.slug,
            name=figure.display_name,
            unit=figure.unit,
            value=known(figure.value, DIGITS),
            low=known(figure.low, DIGITS),
            high=known(figure.high, DIGITS),
            band=figure.band,
            at_seconds=known(figure.at_seconds, TIME_DIGITS),
            steps=figure.steps,
            coverage_share=_share(figure.coverage),
            withheld=figure.withheld,
        )


class MeasurePart(Part):
    """A metric's value in one step, or why it is withheld; ``raw`` is before clamping. 95 % over people."""

    value: float | None = None
    raw: float | None = None
    low: float | None = None
    high: float | None = None
    withheld: str | None = None

    @classmethod
    def of(cls, sample: MetricSample) -> Self:
        """From a metric's sample."""
        return cls(
            value=known(sample.value, DIGITS),
            raw=known(sample.raw, DIGITS),
            low=known(sample.low, DIGITS),
            high=known(sample.high, DIGITS),
            withheld=sample.withheld,
        )


class NotesPart(Part):
    """What the numbers mean and do not mean."""

    means: tuple[str, ...] = MEANS
    does_not_mean: tuple[str, ...] = DOES_NOT_MEAN


class TimelineRow(Part):
    """One step. Below the minimum group it holds its time and ``state`` only.

    ``intervals_percent`` is over tracks; ``shares_above`` holds per emotion the share of tracks above 0.25, 0.5 and
    0.75; ``view_percent`` is in the session's own label set; ``measures`` holds what metrics say of a step that was
    read, windows with the step they begin with. What does not apply is left out.
    """

    media_time_seconds: Seconds
    duration_seconds: Seconds
    state: StepState
    frames: Count | None = None
    present_faces: Count | None = None
    readable_faces: Count | None = None
    tracks: Count | None = None
    coverage_share: Share | None = None
    facing_share: Share | None = None
    synchrony: Annotated[float, Field(ge=-1, le=1)] | None = None
    emotions_percent: EmotionPercents | None = None
    intervals_percent: EmotionIntervals | None = None
    shares_above: EmotionShares | None = None
    view_percent: dict[str, Percent] | None = None
    unread: UnreadCounts | None = None
    measures: dict[Slug, MeasurePart] | None = None

    @classmethod
    def of(cls, snapshot: AudienceSnapshot, samples: Sequence[MetricSample] = ()) -> Self:
        """From a snapshot and the metrics' samples that begin with it, rounded."""
        time = round(snapshot.media_time, TIME_DIGITS)
        duration = round(snapshot.duration_seconds, TIME_DIGITS)
        state = state_of(snapshot)
        if snapshot.suppressed:
            return cls(media_time_seconds=time, duration_seconds=duration, state=state)
        emotions, intervals, shares = snapshot.emotions, intervals_of(snapshot), snapshot.shares
        return cls(
            media_time_seconds=time,
            duration_seconds=duration,
            state=state,
            frames=snapshot.frames,
            present_faces=snapshot.present,
            readable_faces=snapshot.readable,
            tracks=snapshot.tracks,
            coverage_share=known(snapshot.coverage, DIGITS),
            facing_share=known(snapshot.facing_share, DIGITS),
            synchrony=known(snapshot.synchrony, DIGITS),
            emotions_percent=None if emotions is None else EmotionPercents.of([_percent(v) for v in emotions.values()]),
            intervals_percent=None if intervals is None else _rounded_intervals(intervals),
            shares_above=None if shares is None else _rounded_shares(shares),
            view_percent=None if snapshot.view is None else {k: _percent(v) for k, v in snapshot.view.percents.items()},
            unread=snapshot.unread,
            measures={sample.slug: MeasurePart.of(sample) for sample in samples} or None,
        )


def _percent(value: float) -> float:
    return min(100.0, max(0.0, round(value, DIGITS)))


def _share(value: float) -> float:
    return min(1.0, max(0.0, round(value, DIGITS)))


def known(value: float | None, digits: int) -> float | None:
    """Rounded, where there is a value."""
    return None if value is None else round(value, digits)


def _rounded_intervals(intervals: EmotionIntervals) -> EmotionIntervals:
    each = {e: getattr(intervals, e) for e in EMOTIONS}
    return EmotionIntervals(**{e: Interval(low=_percent(i.low), high=_percent(i.high)) for e, i in each.items()})


def _rounded_shares(shares: EmotionShares) -> EmotionShares:
    return EmotionShares(**{e: tuple(_share(v) for v in getattr(shares, e)) for e in EMOTIONS})


def plain(settings: Mapping[str, object]) -> dict[str, JsonValue]:
    """Settings as plain data, in the order of their names."""
    return {name: _plain_value(settings[name]) for name in sorted(settings)}


def _plain_value(value: object) -> JsonValue:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain_value(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain_value(v) for v in value), key=str)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)

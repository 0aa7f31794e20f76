"""``report.json``: everything a finished run tells, versioned. Its JSON Schema is ``report.schema.json`` beside this.

The same input under the same settings gives the same document but for ``created``. It is :class:`Findings`, and the
timeline row by row; writers take the rows as an iterator, so that hours of them are never in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from mien.analysis.distribution import EmotionLevel, canonical_levels, reach, unread_totals, view_levels
from mien.analysis.moments import find_peaks
from mien.analysis.series import Series, StepState, intervals_of, state_of
from mien.core.audience import (
    Analysis,
    AudienceSnapshot,
    Count,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    Interval,
    Percent,
    Provenance,
    Seconds,
    Sha256,
    Share,
    Slug,
    UnreadCounts,
)
from mien.core.findings import Moment
from mien.core.labels import EMOTIONS
from mien.core.policy import Basis, Grant, Purpose
from mien.core.privacy import PrivacySection, assert_no_personal_keys, privacy_section
from mien.report.wording import DOES_NOT_MEAN, MEANS, clock, headline

SCHEMA_VERSION: Final = 1
SCHEMA_ID: Final = "urn:mien:report:1"
DIGITS: Final = 4
"""Decimals of percentages and shares."""
TIME_DIGITS: Final = 6
"""Decimals of media time, seconds."""

MediaClock = Annotated[str, Field(pattern=r"^\d{2,}:[0-5]\d$", description="MM:SS; minutes do not wrap")]


class Part(BaseModel):
    """Base of every part of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SessionPart(Part):
    """What was run. ``min_group`` is the smallest number of readable faces that is told about."""

    session_id: Slug
    label_set: Slug
    step_seconds: Seconds
    min_group: Annotated[int, Field(ge=1)]


class ModelPart(Part):
    """A model by name and hash."""

    name: str
    sha256: Sha256


class InputPart(Part):
    """What was read. ``sha256`` is of the input's bytes; None for a live source."""

    name: str
    kind: str
    sha256: Sha256 | None
    width_px: Count | None
    height_px: Count | None
    duration_seconds: Seconds | None
    frame_rate_hz: Annotated[float, Field(ge=0)] | None


class ProvenancePart(Part):
    """Where every figure comes from.

    Sightings are faces counted once a frame. They are None where steps were suppressed: with them, the size of a
    group that is not told about could be worked out.
    """

    input: InputPart
    frames_read: Count
    frames_detected: Count
    sightings: Count | None
    sightings_read: Count | None
    detector: ModelPart
    detector_note: str | None
    classifier: ModelPart
    execution_providers: tuple[str, ...]
    software: dict[str, str]
    profile: str
    settings: dict[str, JsonValue]

    @classmethod
    def of(cls, told: Provenance, *, suppressed: bool) -> Self:
        """From what the run recorded; ``suppressed`` when any step was."""
        return cls(
            input=InputPart(
                name=told.input_name,
                kind=told.input_kind,
                sha256=told.input_sha256,
                width_px=told.width,
                height_px=told.height,
                duration_seconds=_known(told.duration_seconds, TIME_DIGITS),
                frame_rate_hz=_known(told.frame_rate, DIGITS),
            ),
            frames_read=told.frames_read,
            frames_detected=told.frames_detected,
            sightings=None if suppressed else told.sightings,
            sightings_read=None if suppressed else told.sightings_read,
            detector=ModelPart(name=told.detector.name, sha256=told.detector.sha256),
            detector_note=told.detector_note,
            classifier=ModelPart(name=told.classifier.name, sha256=told.classifier.sha256),
            execution_providers=told.execution_providers,
            software=dict(sorted(told.software.items())),
            profile=told.profile,
            settings=_plain(told.settings),
        )


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
    """How much was seen and read (see ``analysis.distribution``); of suppressed steps only the number is told."""

    steps: Count
    steps_read: Count
    steps_unread: Count
    steps_no_face: Count
    steps_gap: Count
    steps_suppressed: Count
    frames: Count
    coverage_share: Share | None
    coverage_while_read_share: Share | None
    steps_with_face_share: Share | None
    present_median: Count
    present_most: Count
    readable_median: Count
    readable_most: Count


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


class NotesPart(Part):
    """What the numbers mean and do not mean."""

    means: tuple[str, ...] = MEANS
    does_not_mean: tuple[str, ...] = DOES_NOT_MEAN


class TimelineRow(Part):
    """One step. Below the minimum group it holds its time and ``state`` only.

    ``intervals_percent`` is over tracks; ``shares_above`` holds per emotion the share of tracks above 0.25, 0.5 and
    0.75; ``view_percent`` is in the session's own label set. What does not apply is left out.
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

    @classmethod
    def of(cls, snapshot: AudienceSnapshot) -> Self:
        """From a snapshot, rounded."""
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
            coverage_share=_known(snapshot.coverage, DIGITS),
            facing_share=_known(snapshot.facing_share, DIGITS),
            synchrony=_known(snapshot.synchrony, DIGITS),
            emotions_percent=None if emotions is None else EmotionPercents.of([_percent(v) for v in emotions.values()]),
            intervals_percent=None if intervals is None else _rounded_intervals(intervals),
            shares_above=None if shares is None else _rounded_shares(shares),
            view_percent=None if snapshot.view is None else {k: _percent(v) for k, v in snapshot.view.percents.items()},
            unread=snapshot.unread,
        )


class Findings(Part):
    """A report without its timeline.

    Attributes:
        created: when the report was made; the only field that a repetition changes.
        headline: one sentence, computed.
        complete: False when the run ended before its media did; ``stopped_because`` says why.
        demo: True when the frames were composed, not filmed.
        personal_data: True when single people are told about: then this is personal data, not anonymous.
        privacy: what the report says about its own privacy; of the timeline, each row is looked at as it is written.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    created: AwareDatetime
    headline: str
    complete: bool
    stopped_because: str | None
    demo: bool
    personal_data: bool
    privacy: PrivacySection
    session: SessionPart
    policy: PolicyPart
    provenance: ProvenancePart
    coverage: CoveragePart
    unread: UnreadCounts
    distribution: DistributionPart
    moments: tuple[MomentPart, ...]
    notes: NotesPart


class Report(Findings):
    """A whole report, timeline included."""

    timeline: tuple[TimelineRow, ...]


def build_findings(analysis: Analysis, created: AwareDatetime, series: Series | None = None) -> Findings:
    """Everything but the timeline.

    Args:
        analysis: a finished run. Its moments are taken as they are; where it has none, peaks are looked for.
        created: when, with a time zone.
        series: of the analysis' snapshots, where it is at hand.

    Raises:
        PolicyError: a key of it would tell about one person.
    """
    timeline, provenance = analysis.timeline, analysis.provenance
    session, grant = timeline.session, timeline.session.grant
    series = Series.of(timeline.snapshots) if series is None else series
    moments = timeline.moments or find_peaks(series)
    extent = reach(series)
    view = view_levels(series)
    privacy = privacy_section(grant, frozenset(), extent.steps_suppressed)
    findings = Findings(
        created=created,
        headline=headline(series, extent, moments, grant.min_group),
        complete=timeline.complete,
        stopped_because=provenance.stopped_because,
        demo=provenance.demo,
        personal_data=privacy.personal_data,
        privacy=privacy,
        session=SessionPart(
            session_id=session.session_id,
            label_set=session.label_set,
            step_seconds=round(session.step_seconds, TIME_DIGITS),
            min_group=grant.min_group,
        ),
        policy=PolicyPart.of(grant),
        provenance=ProvenancePart.of(provenance, suppressed=extent.steps_suppressed > 0),
        coverage=CoveragePart(
            steps=extent.steps,
            steps_read=extent.steps_read,
            steps_unread=extent.steps_unread,
            steps_no_face=extent.steps_no_face,
            steps_gap=extent.steps_gap,
            steps_suppressed=extent.steps_suppressed,
            frames=extent.frames,
            coverage_share=_known(extent.coverage, DIGITS),
            coverage_while_read_share=_known(extent.coverage_while_read, DIGITS),
            steps_with_face_share=_known(extent.share_with_face, DIGITS),
            present_median=extent.present_median,
            present_most=extent.present_most,
            readable_median=extent.readable_median,
            readable_most=extent.readable_most,
        ),
        unread=UnreadCounts(**unread_totals(series)),
        distribution=DistributionPart(
            canonical=tuple(LevelPart.of(level) for level in canonical_levels(series)),
            view=tuple(LevelPart.of(level) for level in view) or None,
        ),
        moments=tuple(MomentPart.of(moment) for moment in moments),
        notes=NotesPart(),
    )
    keys = assert_no_personal_keys(findings.model_dump(mode="json"))
    return findings.model_copy(update={"privacy": privacy_section(grant, keys, extent.steps_suppressed)})


def timeline_rows(snapshots: Sequence[AudienceSnapshot]) -> Iterator[TimelineRow]:
    """The timeline row by row."""
    return (TimelineRow.of(snapshot) for snapshot in snapshots)


def build_report(analysis: Analysis, created: AwareDatetime) -> Report:
    """The whole report in memory; ``created`` needs a time zone."""
    findings = build_findings(analysis, created)
    parts = {name: getattr(findings, name) for name in Findings.model_fields}
    return Report(**parts, timeline=tuple(timeline_rows(analysis.timeline.snapshots)))


def _percent(value: float) -> float:
    return min(100.0, max(0.0, round(value, DIGITS)))


def _share(value: float) -> float:
    return min(1.0, max(0.0, round(value, DIGITS)))


def _known(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _rounded_intervals(intervals: EmotionIntervals) -> EmotionIntervals:
    each = {e: getattr(intervals, e) for e in EMOTIONS}
    return EmotionIntervals(**{e: Interval(low=_percent(i.low), high=_percent(i.high)) for e, i in each.items()})


def _rounded_shares(shares: EmotionShares) -> EmotionShares:
    return EmotionShares(**{e: tuple(_share(v) for v in getattr(shares, e)) for e in EMOTIONS})


def _plain(settings: Mapping[str, object]) -> dict[str, JsonValue]:
    """Settings as plain data, in the order of their names."""
    return {name: _plain_value(settings[name]) for name in sorted(settings)}


def _plain_value(value: object) -> JsonValue:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain_value(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain_value(v) for v in value), key=str)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)

"""``report.json``: everything a finished run tells, versioned. Its JSON Schema is ``report.schema.json`` beside this.

The same input under the same settings gives the same document but for ``created``. It is :class:`Findings`, and the
timeline row by row; writers take the rows as an iterator, so that hours of them are never in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from pydantic import AwareDatetime

from mien.analysis.distribution import EmotionLevel, canonical_levels, reach, unread_totals, view_levels
from mien.analysis.moments import find_peaks
from mien.analysis.series import Series, StepState, state_of
from mien.core.audience import Analysis, Provenance, Slug, Timeline, UnreadCounts
from mien.core.content import Content
from mien.core.findings import MomentKind
from mien.core.labels import label_set
from mien.core.privacy import PrivacySection, assert_no_personal_keys, privacy_section
from mien.report.parts import (
    TIME_DIGITS,
    CoveragePart,
    DistributionPart,
    EventPart,
    FigurePart,
    LevelPart,
    MomentPart,
    NotesPart,
    Part,
    PolicyPart,
    SessionPart,
    TimelineRow,
)
from mien.report.provenance_parts import ProvenancePart
from mien.report.screening import FilmPart, ScenesPart, Screening, tell
from mien.report.speech import ContentPart, content_part
from mien.report.wording import headline

SCHEMA_VERSION: Final = 1
SCHEMA_ID: Final = "urn:mien:report:1"
_SAME_TIME: Final = 1e-6


class ZonePart(Part):
    """One part of a hall; its steps are in ``zones.csv``. What is withheld of it is in no figure of the hall either."""

    zone: Slug
    coverage: CoveragePart
    distribution: tuple[LevelPart, ...]
    figures: tuple[FigurePart, ...]
    events: tuple[EventPart, ...]


class Findings(Part):
    """A report without its timeline.

    Attributes:
        created: when the report was made; the only field that a repetition changes.
        headline: one sentence, computed.
        complete: False when the run ended before its media did; ``stopped_because`` says why.
        demo: True when the frames were composed, not filmed.
        personal_data: True when single people are told about: then this is personal data, not anonymous.
        zones: the parts of a hall that was measured by them, in the order they were named in.
        privacy: what the report says about its own privacy; of the timeline, each row is looked at as it is written.
        film: what the audience watched, where its owner gave it.
        scenes: the film scene by scene, where a list of them was given.
        content: what was said, and what was felt beside it, where that was asked for.
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
    unread: UnreadCounts | None
    distribution: DistributionPart
    moments: tuple[MomentPart, ...]
    figures: tuple[FigurePart, ...]
    events: tuple[EventPart, ...]
    zones: tuple[ZonePart, ...] | None = None
    film: FilmPart | None = None
    scenes: ScenesPart | None = None
    content: ContentPart | None = None
    notes: NotesPart


class Report(Findings):
    """A whole report, timeline included."""

    timeline: tuple[TimelineRow, ...]


def build_findings(
    analysis: Analysis,
    created: AwareDatetime,
    series: Series | None = None,
    screening: Screening | None = None,
    content: Content | None = None,
) -> Findings:
    """Everything but the timeline.

    Args:
        analysis: a finished run. Its peaks are taken as they are; where it has none, they are looked for.
        created: when, with a time zone.
        series: of the analysis' snapshots, where it is at hand.
        screening: what the audience watched, where its owner tells.
        content: what was said in the recording, where that was asked for.

    Raises:
        PolicyError: a key of it would tell about one person.
        SettingsError, InputError: the film was not shown while the recording was made.
    """
    timeline, provenance = analysis.timeline, analysis.provenance
    session, grant = timeline.session, timeline.session.grant
    series = Series.of(timeline.snapshots) if series is None else series
    moments = tuple(m for m in timeline.moments if m.kind is MomentKind.PEAK) or find_peaks(series)
    extent = reach(series)
    told = extent.steps_read + extent.steps_unread + extent.steps_no_face > 0
    view = view_levels(series)
    left_out = _left_out(provenance)
    unseen = label_set(session.label_set).without(left_out)
    zones = tuple(zone_part(name, zone, left_out) for name, zone in analysis.zones.items())
    withheld = extent.steps_suppressed + sum(zone.coverage.steps_suppressed for zone in zones)
    film, scenes = tell(screening, timeline, series)
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
            left_out=left_out,
        ),
        policy=PolicyPart.of(grant),
        provenance=ProvenancePart.of(provenance, suppressed=withheld > 0),
        coverage=CoveragePart.of(extent),
        unread=UnreadCounts(**unread_totals(series)) if told else None,
        distribution=DistributionPart(
            canonical=_told(canonical_levels(series), left_out),
            view=tuple(LevelPart.of(level) for level in view if level.label not in unseen) or None,
        ),
        moments=tuple(MomentPart.of(moment) for moment in moments),
        figures=tuple(FigurePart.of(figure) for figure in timeline.figures),
        events=_events(timeline),
        zones=zones or None,
        film=film,
        scenes=scenes,
        content=content_part(content, timeline, series, provenance.settings),
        notes=NotesPart(),
    )
    keys = assert_no_personal_keys(findings.model_dump(mode="json"))
    return findings.model_copy(update={"privacy": privacy_section(grant, keys, extent.steps_suppressed)})


def zone_part(name: str, timeline: Timeline, left_out: Sequence[str] = ()) -> ZonePart:
    """What is told of one zone, but for the emotions left out."""
    series = Series.of(timeline.snapshots)
    return ZonePart(
        zone=name,
        coverage=CoveragePart.of(reach(series)),
        distribution=_told(canonical_levels(series), left_out),
        figures=tuple(FigurePart.of(figure) for figure in timeline.figures),
        events=_events(timeline),
    )


def _told(levels: Sequence[EmotionLevel], left_out: Sequence[str]) -> tuple[LevelPart, ...]:
    return tuple(LevelPart.of(level) for level in levels if level.label not in left_out)


def _left_out(provenance: Provenance) -> tuple[str, ...]:
    """Emotions that were not to be told; runs of earlier versions do not say."""
    audience = provenance.settings.get("audience")
    return tuple(audience.get("left_out", ())) if isinstance(audience, Mapping) else ()


def _events(timeline: Timeline) -> tuple[EventPart, ...]:
    """What the metrics found, in order of media time."""
    events = sorted((m for m in timeline.moments if m.kind is not MomentKind.PEAK), key=lambda m: (m.start, m.kind))
    return tuple(EventPart.of(moment) for moment in events)


def timeline_rows(timeline: Timeline) -> Iterator[TimelineRow]:
    """The timeline row by row."""
    places = dict.fromkeys(timeline.series, 0)
    for snapshot in timeline.snapshots:
        here = []
        is_read = state_of(snapshot) is StepState.READ
        for slug, samples in timeline.series.items():
            place = places[slug]
            while place < len(samples) and samples.time(place) < snapshot.media_time - _SAME_TIME:
                place += 1
            places[slug] = place
            if is_read and place < len(samples) and samples.time(place) <= snapshot.media_time + _SAME_TIME:
                here.append(samples[place])
        yield TimelineRow.of(snapshot, here)


def build_report(
    analysis: Analysis,
    created: AwareDatetime,
    screening: Screening | None = None,
    content: Content | None = None,
) -> Report:
    """The whole report in memory; ``created`` needs a time zone."""
    findings = build_findings(analysis, created, screening=screening, content=content)
    parts = {name: getattr(findings, name) for name in Findings.model_fields}
    return Report(**parts, timeline=tuple(timeline_rows(analysis.timeline)))

"""What a session's snapshots come to once it has ended: metrics, moments and reports, as of a recording.

The same metrics, reports and words that an analysis of a recording gets, fed with what was stored. Replicates never
leave the process that saw the people, so that metrics have no intervals here; those of emotions came with the
snapshots. Who sent the snapshots is not asked which networks read the frames: reports say that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mien.core.audience import (
    Analysis,
    ModelIdentity,
    Provenance,
    Session,
    SnapshotLog,
    Timeline,
)
from mien.core.policy import Declaration, Grant
from mien.core.settings import AudienceSettings
from mien.metrics import create_all
from mien.report import tell
from mien.report.shock_report import FILE as SHOCK_REPORT
from mien.report.shock_report import shock_report
from mien.runtime.provenance import software
from mien.runtime.recording import frames_of
from mien.runtime.recording import retold as retold_timeline
from mien.service.live.session_settings import audience_of
from mien.store.records import SessionRecord

REPORT: Final = "report.json"
KIND: Final = "session"
NOT_TOLD: Final = "not told"
MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class Lane:
    """Snapshots of one source: of the whole audience, and of the hall's parts by their names, in order."""

    source: str
    whole: SnapshotLog
    zones: Mapping[str, SnapshotLog]


@dataclass(frozen=True, slots=True)
class Retold:
    """One source's results.

    Attributes:
        timeline: with metrics and moments.
        report: ``report.json``.
        files: texts beside it by name.
    """

    timeline: Timeline
    report: Mapping[str, Any]
    files: Mapping[str, bytes]


def retold(session: SessionRecord, lane: Lane, *, created: datetime, stopped: str | None) -> Retold:
    """What one source measured. It takes its time: not on the event loop.

    Args:
        session: as it is stored; it has ended.
        lane: what was sent.
        created: when the reports are made.
        stopped: why the session ended before it was asked to, or None.

    Raises:
        PolicyError: a key of the report would tell about one person.
    """
    audience = audience_of(session)
    about = Session(str(session.id), _grant(session), session.label_set, session.step_seconds)
    complete = stopped is None
    timeline = retold_timeline(lane.whole, create_all(audience), about, complete=complete)
    zones = {
        name: retold_timeline(log, create_all(audience), about, complete=complete)
        for name, log in sorted(lane.zones.items())
    }
    analysis = Analysis(timeline, _provenance(session, lane, audience, stopped), zones)
    files = {name: "".join(text).encode() for name, text in tell(analysis, created=created).files()}
    shock = shock_report(timeline)
    if shock is not None:
        files[SHOCK_REPORT] = (json.dumps(shock, indent=2) + "\n").encode()
    return Retold(timeline, json.loads(files.pop(REPORT)), files)


def in_order(sources: Iterable[str]) -> Sequence[str]:
    """``main`` first, then by name: metrics are stored of the first."""
    return sorted(sources, key=lambda source: (source != MAIN, source))


def _grant(session: SessionRecord) -> Grant:
    declared = Declaration(session.purpose, session.basis, session.jurisdiction, session.exception)
    return Grant(declared, session.profile, session.min_group, session.notices)


def _provenance(session: SessionRecord, lane: Lane, audience: AudienceSettings, stopped: str | None) -> Provenance:
    demo, models = False, set()
    for snapshot in lane.whole:
        demo = demo or snapshot.demo
        if snapshot.model is not None:
            models.add(snapshot.model)
    return Provenance(
        input_name=f"session {session.id}" + ("" if lane.source == MAIN else f" {lane.source}"),
        input_kind=KIND,
        input_sha256=None,
        width=None,
        height=None,
        duration_seconds=None,
        frame_rate=None,
        frames_read=frames_of(lane.whole),
        frames_detected=None,
        sightings=None,
        sightings_read=None,
        detector=ModelIdentity(NOT_TOLD, None),
        classifier=ModelIdentity(NOT_TOLD, models.pop() if len(models) == 1 else None),
        detector_note=None,
        execution_providers=(),
        software=software(),
        profile=session.profile,
        settings={"audience": audience.model_dump(mode="json")},
        demo=demo,
        stopped_because=stopped,
        head_pose=(NOT_TOLD, None),
        frames_brightened=None,
    )

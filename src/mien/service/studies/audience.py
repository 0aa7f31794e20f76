"""The sessions of a study that saw one version, as the analyses take them.

Sessions that have ended count, with what the privacy gate let through. What respondents declared of themselves is asked
for only where they agreed to that (the consent's scope ``segments``), and used for filters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np

from mien.analysis.resampling import onto
from mien.analysis.session_files import ReadOptions, gridded
from mien.analysis.session_rows import Rows
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.audience import WHOLE_AUDIENCE
from mien.core.errors import InputError
from mien.core.labels import EMOTIONS
from mien.store.packing import TimelineColumns
from mien.store.records import SessionRecord, SessionState, Version
from mien.store.work import Work

SEGMENTS_SCOPE: Final = "segments"
"""Of a consent: what was declared may be used to tell parts of an audience apart."""
MOST_SESSIONS: Final = 1000
_PAGE: Final = 500
_SAME_TIME: Final = 1e-6
_SHORTEST_STEP: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Gathered:
    """One version's sessions as they lie in the store.

    Attributes:
        title: what was watched.
        version: the cut.
        rows: of each session, for the series that was asked for.
        segments: what each declared, by attribute; empty where nothing may be used.
    """

    title: str
    version: Version
    rows: tuple[Rows, ...]
    segments: tuple[Mapping[str, str], ...]


async def gather(work: Work, study_id: UUID, version_id: UUID, series: str) -> Gathered:
    """Read what a study has of a version.

    Args:
        work: a unit of work.
        study_id, version_id: whose.
        series: an emotion, or a metric by its slug.

    Raises:
        NotFoundError: there is no such study, or no such version.
        InputError: the version is of another title, there is no session, or none has the series.
    """
    study, version = await work.studies.get(study_id), await work.versions.get(version_id)
    if version.title_id != study.title_id:
        raise InputError(f"version '{version.name}' is of another title than the study.")
    sessions = await _ended(work, study_id, version_id)
    rows, segments = [], []
    for session in sessions:
        found = await _rows(work, session, series)
        if found is not None:
            rows.append(found)
            segments.append(await _declared(work, session))
    if not rows:
        raise InputError(f"no session of version '{version.name}' that has ended tells of '{series}' in this study.")
    title = await work.titles.get(study.title_id)
    return Gathered(title.name, version, tuple(rows), tuple(segments))


def audience_of(gathered: Gathered, series: str) -> SessionSet:
    """The sessions on one time base: the longest of their steps, over the time that any of them covers."""
    options = ReadOptions((series,))
    parts = [gridded(rows, options) for rows in gathered.rows]
    base = TimeBase.covering(
        min(part.base.start_seconds for part in parts),
        max(part.base.end_seconds for part in parts),
        max(part.base.step_seconds for part in parts),
    )
    joined = SessionSet.joined([onto(part, base) for part in parts])
    names = sorted({attribute for told in gathered.segments for attribute in told})
    return replace(
        joined,
        title=gathered.title,
        version=gathered.version.name,
        attributes={name: tuple(told.get(name, "") for told in gathered.segments) for name in names},
    )


async def _ended(work: Work, study_id: UUID, version_id: UUID) -> list[SessionRecord]:
    found: list[SessionRecord] = []
    after: UUID | None = None
    while True:
        page = await work.sessions.list(
            after=after, limit=_PAGE, study_id=study_id, version_id=version_id, state=SessionState.ENDED
        )
        found += page.items
        if len(found) > MOST_SESSIONS:
            raise InputError(f"more than {MOST_SESSIONS} sessions cannot be looked at together: split the study.")
        if page.after is None:
            return found
        after = page.after


async def _declared(work: Work, session: SessionRecord) -> Mapping[str, str]:
    if session.respondent_id is None or session.consent_id is None:
        return {}
    consent = await work.consents.get(session.consent_id)
    if consent.withdrawn_at is not None or SEGMENTS_SCOPE not in consent.scopes:
        return {}
    return (await work.respondents.get(session.respondent_id)).segments


async def _rows(work: Work, session: SessionRecord, series: str) -> Rows | None:
    """One session's rows; None where it has no timeline, or none of the series."""
    columns = await work.snapshots.timeline(session.id)
    if not len(columns):
        lanes = [lane for lane in await work.snapshots.lanes(session.id) if lane.zone == WHOLE_AUDIENCE]
        if not lanes:
            return None
        columns = await work.snapshots.timeline(session.id, source=lanes[0].source)
    start = np.asarray(columns["media_time"], np.float64)
    if series in EMOTIONS:
        values = np.asarray(columns["emotions"][:, EMOTIONS.index(series)], np.float32)
    else:
        log = await work.samples.read(session.id, series)
        if not len(log):
            return None
        values = _placed(start, np.array([s.media_time for s in log]), [s.value for s in log])
    return _as_rows(session, columns, start, series, values)


def _as_rows(
    session: SessionRecord, columns: TimelineColumns, start: np.ndarray[tuple[int], np.dtype[np.float64]],
    series: str, values: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> Rows:  # fmt: skip
    length = np.asarray(columns["duration_seconds"], np.float64)
    name = str(session.id)
    withheld = np.asarray(columns["suppressed"], np.bool_)
    coverage = np.nan_to_num(np.asarray(columns["coverage"], np.float32))
    return Rows(
        file=Path(name),
        names=(name,),
        session=np.zeros(len(start), np.intp),
        start=start,
        end=start + np.where(length > 0, length, max(session.step_seconds, _SHORTEST_STEP)),
        values={series: np.where(withheld, np.float32(np.nan), values)},
        weight=np.where(withheld, np.float32(0), coverage),
        readable=np.maximum(np.asarray(columns["readable"], np.float32), 0),
        min_group=session.min_group,
        demo=bool(np.asarray(columns["demo"]).any()),
    )


def _placed(
    start: np.ndarray[tuple[int], np.dtype[np.float64]],
    times: np.ndarray[tuple[int], np.dtype[np.float64]],
    told: list[float | None],
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Samples at the steps that they are of; NaN where a step has none."""
    values = np.array([np.nan if value is None else value for value in told], np.float32)
    place = np.clip(np.searchsorted(times, start - _SAME_TIME), 0, len(times) - 1)
    return np.where(np.abs(times[place] - start) <= _SAME_TIME, values[place], np.float32(np.nan))

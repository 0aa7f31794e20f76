"""The sessions of a study that saw one version, as the analyses take them.

Sessions that have ended count, with what the privacy gate let through; those whose consent was taken back do not. What
respondents declared of themselves is asked for only where they agreed to that (the consent's scope ``segments``), and
used for filters alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mien.analysis.people import one_each
from mien.analysis.resampling import onto
from mien.analysis.session_files import ReadOptions, gridded
from mien.analysis.session_rows import Rows
from mien.analysis.sessions import SessionSet, TimeBase
from mien.analysis.standing import Crowd
from mien.core.audience import WHOLE_AUDIENCE
from mien.core.errors import InputError, MediaTooLargeError, PolicyError
from mien.core.findings import SampleLog
from mien.core.labels import EMOTIONS
from mien.core.policy import LEAST_GROUP_WITHOUT_BASIS
from mien.store.packing import TimelineColumns
from mien.store.records import SessionRecord, SessionState, Version
from mien.store.work import Work

SEGMENTS_SCOPE: Final = "segments"
"""Of a consent: what was declared may be used to tell parts of an audience apart."""
MOST_SESSIONS: Final = 1000
_ATTENTION: Final = "attention"
"""Reckoned from where faces are turned; every other series is reckoned from emotions or is one."""
_READ: Final = "emotions_read"
_PAGE: Final = 500
_SAME_TIME: Final = 1e-6
_SHORTEST_STEP: Final = 1e-3
MOST_CELLS: Final = 20_000_000
"""Sessions × steps on one time base: a thousand sessions of a long film at half a second a step. Some 500 MB."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """One version's sessions as they lie in the store.

    Attributes:
        title: what was watched.
        version: the cut.
        rows: of each session, for the series that was asked for; beside it, where emotions were read.
        segments: what each declared, by attribute; empty where nothing may be used.
        persons: whose each is; None where nobody in particular was measured.
    """

    title: str
    version: Version
    rows: tuple[Rows, ...]
    segments: tuple[Mapping[str, str], ...]
    persons: tuple[UUID | None, ...]


def quantity_of(series: str) -> str:
    """What a series is reckoned from: series of one quantity tell of each other."""
    return _ATTENTION if series == _ATTENTION else "emotions"


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
    sessions = await _standing(work, await _ended(work, study_id, version_id))
    rows, segments = await _rows(work, sessions, series), await _declared(work, sessions)
    counted = [session for session in sessions if session.id in rows]
    if not counted:
        raise InputError(f"no session of version '{version.name}' that has ended tells of '{series}' in this study.")
    title = await work.titles.get(study.title_id)
    return Gathered(
        title.name,
        version,
        tuple(rows[session.id] for session in counted),
        tuple(segments.get(session.id, {}) for session in counted),
        tuple(session.respondent_id for session in counted),
    )


def audience_of(gathered: Gathered, series: str) -> SessionSet:
    """The sessions on one time base: the longest of their steps, over the time that any of them covers.

    Sessions of one respondent are one row, their mean: whatever counts here counts people.

    Raises:
        MediaTooLargeError: there are more than :data:`MOST_CELLS`; nothing was reserved for them.
    """
    told = _on_steps(gathered, series, None, gathered.rows, gathered.segments)
    return one_each(told, gathered.persons)


def crowd_of(gathered: Gathered, series: str, step_seconds: float | None) -> Crowd:
    """The sessions one by one, as the memory of what was told needs them.

    Sessions that lack the series are not there for it: what comes later, as attention does some seconds after the end,
    is new then. One that may be read by itself is nobody's in particular, though a respondent was in it.

    Args:
        gathered: they.
        series: what was asked for.
        step_seconds: of the steps that the audience was told of on before; sessions of longer ones do not fit. None
            where it was not: the longest of any session's settles it.

    Raises:
        MediaTooLargeError: as :func:`audience_of`.
        PolicyError: no session fits.
    """
    steps = [float(np.median(rows.end - rows.start)) for rows in gathered.rows]
    fit = [n for n, step in enumerate(steps) if step_seconds is None or step <= step_seconds * (1 + _SAME_TIME)]
    if not fit:
        raise PolicyError(
            f"this audience is told of at steps of {step_seconds:g} seconds, and all sessions have longer."
        )
    rows = tuple(gathered.rows[number] for number in fit)
    told = _on_steps(gathered, series, step_seconds, rows, [gathered.segments[number] for number in fit])
    public = [gathered.rows[number].min_group >= LEAST_GROUP_WITHOUT_BASIS for number in fit]
    persons = [None if is_public else gathered.persons[n] for n, is_public in zip(fit, public, strict=True)]
    is_quantity = series in EMOTIONS or quantity_of(series) == series
    return Crowd(
        told,
        quantity_of(series),
        told.cells(series)[1] if is_quantity else _emotions_read(rows, told.base),
        tuple(persons),
        np.array(public, np.bool_),
        len(steps) - len(fit),
    )


def _emotions_read(rows: Sequence[Rows], base: TimeBase) -> npt.NDArray[np.float32]:
    """float32 S×T: the weight with which emotions of each session were read."""
    options = ReadOptions((_READ,))
    read = [onto(gridded(replace(one, values={_READ: one.values[_READ]}), options), base) for one in rows]
    return np.concatenate([one.cells(_READ)[1] for one in read])


def _on_steps(
    gathered: Gathered,
    series: str,
    step_seconds: float | None,
    told: Sequence[Rows],
    declared: Sequence[Mapping[str, str]],
) -> SessionSet:
    """Sessions on one time base."""
    options = ReadOptions((series,))
    spans = [(float(r.start.min()), float(r.end.max()), float(np.median(r.end - r.start))) for r in told]
    check_cells(sum((end - start) / step for start, end, step in spans))
    first, last = min(start for start, *_ in spans), max(end for _, end, _ in spans)
    longest = step_seconds or max(step for *_, step in spans)
    check_cells((last - first) / longest * len(declared))
    parts = [gridded(replace(rows, values={series: rows.values[series]}), options) for rows in told]
    base = TimeBase.covering(
        min(part.base.start_seconds for part in parts),
        max(part.base.end_seconds for part in parts),
        step_seconds or max(part.base.step_seconds for part in parts),
    )
    sets = [onto(part, base) for part in parts]
    names = sorted({attribute for one in declared for attribute in one})
    return replace(
        SessionSet.joined(sets),
        title=gathered.title,
        version=gathered.version.name,
        attributes={name: tuple(one.get(name, "") for one in declared) for name in names},
    )


def check_cells(cells: float) -> None:
    """Refuse a grid that would not fit into memory, before it is made.

    Args:
        cells: sessions × steps.

    Raises:
        MediaTooLargeError: they are more than :data:`MOST_CELLS`.
    """
    if not cells <= MOST_CELLS:
        raise MediaTooLargeError(
            f"{cells:.1e} cells (sessions × steps) cannot be looked at together, {MOST_CELLS:.0e} can: is the media "
            "time of some session that of a wrong clock, or its step very short?"
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


async def _standing(work: Work, sessions: list[SessionRecord]) -> list[SessionRecord]:
    """Those whose consent was not taken back."""
    consents = await work.consents.some({s.consent_id for s in sessions if s.consent_id})
    withdrawn = {key for key, consent in consents.items() if consent.withdrawn_at is not None}
    return [session for session in sessions if session.consent_id not in withdrawn]


async def _declared(work: Work, sessions: Sequence[SessionRecord]) -> dict[UUID, Mapping[str, str]]:
    """What may be used of what respondents said of themselves, by session."""
    asked = [(s.id, s.respondent_id, s.consent_id) for s in sessions if s.respondent_id and s.consent_id]
    consents = await work.consents.some({consent for *_, consent in asked})
    agreed = {key for key, c in consents.items() if c.withdrawn_at is None and SEGMENTS_SCOPE in c.scopes}
    respondents = await work.respondents.some({who for _, who, consent in asked if consent in agreed})
    return {key: respondents[who].segments for key, who, consent in asked if consent in agreed and who in respondents}


async def _rows(work: Work, sessions: Sequence[SessionRecord], series: str) -> dict[UUID, Rows]:
    """Rows by session; those are left out that have no timeline, or no value of the series."""
    of = {session.id: session for session in sessions}
    logs = {} if series in EMOTIONS else await work.samples.of_sessions(of, series)
    logs = {key: log for key, log in logs.items() if any(sample.value is not None for sample in log)}
    found: dict[UUID, Rows] = {}
    wanted = of.keys() if series in EMOTIONS else logs.keys()
    missing = set(wanted)
    async for key, columns in work.snapshots.sealed(wanted):
        missing.discard(key)
        found[key] = _rows_of(of[key], columns, series, logs.get(key))
    for key in missing:
        # Ended by what does not seal.
        unsealed = await _unsealed(work, key)
        if unsealed is not None:
            found[key] = _rows_of(of[key], unsealed, series, logs.get(key))
    return found


async def _unsealed(work: Work, session_id: UUID) -> TimelineColumns | None:
    columns = await work.snapshots.timeline(session_id)
    if len(columns):
        return columns
    lanes = [lane for lane in await work.snapshots.lanes(session_id) if lane.zone == WHOLE_AUDIENCE]
    return await work.snapshots.timeline(session_id, source=lanes[0].source) if lanes else None


def _rows_of(session: SessionRecord, columns: TimelineColumns, series: str, log: SampleLog | None) -> Rows:
    start = np.array(columns["media_time"], np.float64)
    if log is None:
        values = np.array(columns["emotions"][:, EMOTIONS.index(series)], np.float32)
    else:
        values = _placed(start, np.array([s.media_time for s in log]), [s.value for s in log])
    emotions = columns["emotions"][:, 0]
    return _as_rows(session, columns, start, {series: values, _READ: np.where(np.isnan(emotions), emotions, 1)})


def _as_rows(
    session: SessionRecord, columns: TimelineColumns, start: np.ndarray[tuple[int], np.dtype[np.float64]],
    values: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float32]]],
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
        end=start + np.where(length > 0, np.maximum(length, _SHORTEST_STEP), max(session.step_seconds, _SHORTEST_STEP)),
        values={name: np.where(withheld, np.float32(np.nan), told).astype(np.float32) for name, told in values.items()},
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

"""What a session measured: its timeline by columns, its moments, its metrics. Each reading is audited."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mien.core.audience import WHOLE_AUDIENCE
from mien.core.findings import MomentKind
from mien.core.labels import EMOTIONS
from mien.service import etags
from mien.service.dependencies import Caller, Parts, Reading, Writing
from mien.service.live.timelines import TimelineAsked, TimelineForm
from mien.service.problems import responses
from mien.service.schemas.sessions import Lane, Lanes, Moment, MomentKindName, Moments, Series, SeriesList
from mien.store.packing import TimelineColumns
from mien.store.records import SessionState

router = APIRouter(prefix="/api/v1/sessions/{session_id}", tags=["results"])

_LANE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_NUMBERS: Final[dict[str, Any]] = {"type": "array", "items": {"type": ["number", "null"]}}
_FLAGS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "boolean"}}
_EMOTIONS: Final[dict[str, Any]] = {"type": "object", "properties": dict.fromkeys(EMOTIONS, _NUMBERS)}
_COLUMNS: Final = {
    **dict.fromkeys(("time_seconds", "duration_seconds"), _NUMBERS),
    **dict.fromkeys(("suppressed", "demo"), _FLAGS),
    **dict.fromkeys(("frames", "present", "readable", "tracks", "coverage", "facing_share", "synchrony"), _NUMBERS),
    **dict.fromkeys(("emotions", "low", "high"), _EMOTIONS),
}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["session_id", "source", "zone", "count", "columns"],
    "properties": {
        "session_id": {"type": "string", "format": "uuid"},
        "source": {"type": "string"},
        "zone": {"type": "string"},
        "count": {"type": "integer"},
        "columns": {"type": "object", "properties": _COLUMNS},
    },
}
_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The timeline; null is what was not told. In npz counts not told are -1, figures NaN.",
        "content": {
            "application/json": {"schema": _ANSWER},
            "application/x-npz": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    304: {"description": "The reader has it already."},
}


@router.get("/lanes", operation_id="list_lanes", responses=responses(404))
async def list_lanes(_caller: Caller, work: Reading, session_id: UUID) -> Lanes:
    """Which sources and zones there are snapshots of."""
    found = await work.snapshots.lanes(session_id)
    return Lanes(
        lanes=[
            Lane(
                source=lane.source,
                zone=lane.zone,
                count=lane.count,
                first_seconds=lane.first_time,
                last_seconds=lane.last_time,
            )
            for lane in found
        ]
    )


@router.get("/timeline", operation_id="get_timeline", response_class=Response, responses={**_FORMS, **responses(404)})
async def get_timeline(
    request: Request,
    caller: Caller,
    parts: Parts,
    session_id: UUID,
    source: Annotated[str, Query(pattern=_LANE)] = "main",
    zone: Annotated[str, Query(pattern=_LANE)] = WHOLE_AUDIENCE,
    start_seconds: Annotated[float | None, Query(allow_inf_nan=False, description="Media time from which.")] = None,
    end_seconds: Annotated[float | None, Query(allow_inf_nan=False, description="Media time before which.")] = None,
    intervals: Annotated[bool, Query(description="Tell the bounds of the intervals over people too.")] = False,
    form: Annotated[TimelineForm, Query(description="`json`, or `npz` for NumPy.")] = TimelineForm.JSON,
) -> Response:
    """A session's timeline by columns, in order of media time."""
    asked = TimelineAsked(caller.organisation_id, session_id, source, zone, form, intervals)

    async def read() -> TimelineColumns:
        async with parts.store.begin(caller.organisation_id, read_only=True) as work:
            return await work.snapshots.timeline(
                session_id, source=source, zone=zone, start_seconds=start_seconds, end_seconds=end_seconds
            )

    async with parts.store.begin(caller.organisation_id) as work:
        session = await work.sessions.get(session_id)
        detail = {"source": source, "zone": zone, "form": form.value}
        await work.audit.record(caller.actor, "timeline.read", "session", session_id, detail)
    whole = start_seconds is None and end_seconds is None
    if whole and session.state is SessionState.ENDED:
        written = await parts.timelines.ended(asked, read)
    else:
        written = await parts.timelines.written(asked, await read())
    if etags.matches(request, written.etag):
        return etags.not_modified(written.etag)
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    answer = etags.tagged(request, written.zipped if zipped else written.plain(), form.media_type, etag=written.etag)
    answer.headers["Vary"] += ", Accept-Encoding"
    if zipped:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


@router.get("/moments", operation_id="list_moments", responses=responses(404))
async def list_moments(caller: Caller, work: Writing, session_id: UUID, kind: MomentKindName | None = None) -> Moments:
    """Moments that metrics and analyses found."""
    found = await work.moments.read(session_id, kind=None if kind is None else MomentKind(kind))
    await work.audit.record(caller.actor, "moments.read", "session", session_id)
    return Moments(
        moments=[
            Moment(
                kind=m.kind.value,
                subject=m.subject,
                start_seconds=m.start,
                peak_seconds=m.peak,
                end_seconds=m.end,
                value=m.value,
                rise=m.rise,
                coverage=m.coverage,
                readable=m.readable,
                low=m.low,
                high=m.high,
            )
            for m in found
        ]
    )


@router.get("/series", operation_id="list_series", responses=responses(404))
async def list_series(_caller: Caller, work: Reading, session_id: UUID) -> SeriesList:
    """Which series of metrics there are."""
    return SeriesList(series=list(await work.samples.series(session_id)))


@router.get("/series/{slug}", operation_id="get_series", responses=responses(404))
async def get_series(caller: Caller, work: Writing, session_id: UUID, slug: str) -> Series:
    """Samples of one metric by columns; empty where there is none."""
    log = await work.samples.read(session_id, slug)
    await work.audit.record(caller.actor, "series.read", "session", session_id, {"slug": slug[:80]})
    samples = list(log)
    return Series(
        slug=slug,
        unit=log.unit,
        time_seconds=[s.media_time for s in samples],
        value=[s.value for s in samples],
        low=[s.low for s in samples],
        high=[s.high for s in samples],
        tracks=[s.tracks for s in samples],
        coverage=[s.coverage for s in samples],
        withheld=[s.withheld for s in samples],
    )

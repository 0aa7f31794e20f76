"""What a session measured: its timeline by columns, its moments, its metrics. Each reading is audited."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mien.core.audience import WHOLE_AUDIENCE
from mien.core.findings import MomentKind
from mien.service import etags
from mien.service.dependencies import Caller, Parts, Writing
from mien.service.live.timelines import TimelineAsked, TimelineForm
from mien.service.permissions import readable
from mien.service.problems import responses
from mien.service.schemas.documents import shape_of
from mien.service.schemas.sessions import Lane, Lanes, Moment, MomentKindName, Moments, Series, SeriesList
from mien.store.packing import TimelineColumns
from mien.store.records import SessionState

router = APIRouter(prefix="/api/v1/sessions/{session_id}", tags=["results"])

_LANE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The timeline; null is what was not told. In npz counts not told are -1, figures NaN.",
        "content": {
            "application/json": {"schema": shape_of("TimelineDocument")},
            "application/x-npz": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    304: {"description": "The reader has it already."},
}


@router.get("/lanes", operation_id="list_lanes", responses=responses(404))
async def list_lanes(caller: Caller, work: Writing, session_id: UUID) -> Lanes:
    """Which sources and zones there are snapshots of."""
    await readable(work, caller, session_id)
    found = await work.snapshots.lanes(session_id)
    await work.audit.record(caller.actor, "lanes.read", "session", session_id)
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
    """A session's timeline by columns, in order of media time.

    A zone's steps are suppressed where the whole less the zones would be a group too small to be told; while a session
    is open they wait for the whole.
    """
    asked = TimelineAsked(caller.organisation_id, session_id, source, zone, form, intervals)

    async def read() -> TimelineColumns:
        async with parts.store.begin(caller.organisation_id, read_only=True) as work:
            return await work.snapshots.told(
                session_id, source=source, zone=zone, start_seconds=start_seconds, end_seconds=end_seconds
            )

    whole = start_seconds is None and end_seconds is None
    version = None
    async with parts.store.begin(caller.organisation_id) as work:
        session = await readable(work, caller, session_id)
        if whole and session.state is not SessionState.ENDED:
            version = await work.snapshots.count(session_id)
        detail = {"source": source, "zone": zone, "form": form.value}
        await work.audit.record(caller.actor, "timeline.read", "session", session_id, detail)
    if whole:
        written = await parts.timelines.whole(asked, version, read)
    else:
        written = await parts.timelines.part(asked, await read())
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
    await readable(work, caller, session_id)
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
async def list_series(caller: Caller, work: Writing, session_id: UUID) -> SeriesList:
    """Which series of metrics there are."""
    await readable(work, caller, session_id)
    await work.audit.record(caller.actor, "series.listed", "session", session_id)
    return SeriesList(series=list(await work.samples.series(session_id)))


@router.get("/series/{slug}", operation_id="get_series", responses=responses(404))
async def get_series(caller: Caller, work: Writing, session_id: UUID, slug: str) -> Series:
    """Samples of one metric by columns; empty where there is none."""
    await readable(work, caller, session_id)
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

"""What a study's sessions say together: parts of its audience, and versions against each other."""

from __future__ import annotations

import math
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from mien.service.dependencies import Caller, Parts, RequireAnalyst, Writing, writing
from mien.service.etags import tagged
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import ProblemError, responses
from mien.service.schemas.documents import shape_of
from mien.service.schemas.studies import (
    AudienceSlice,
    Comparison,
    ComparisonOrder,
    MadeComparison,
    NewComparison,
    Series,
)
from mien.service.schemas.work import Job
from mien.service.studies.asking import ask, asking_of
from mien.service.studies.comparison import KIND, compared, keep
from mien.service.studies.slices import Asked
from mien.service.studies.withdrawals import consented, require_still_consented
from mien.store.errors import NotFoundError
from mien.store.repositories.jobs import JobOptions

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

_MOST_SEGMENTS = 20


@router.get("/{study_id}/audience", operation_id="get_study_audience", responses=responses(404, 409, 413))
async def get_study_audience(
    caller: Caller,
    parts: Parts,
    study_id: UUID,
    version_id: Annotated[UUID, Query(description="Whose audience.")],
    series: Annotated[Series, Query(description="An emotion or a metric, such as fear or shock.")],
    segment: Annotated[
        list[str] | None,
        Query(max_length=_MOST_SEGMENTS, description="`attribute:value,value`: only who declared one of these."),
    ] = None,
    from_seconds: Annotated[float, Query(ge=0, le=1e6, description="Steps that begin from here on…")] = 0.0,
    to_seconds: Annotated[float | None, Query(gt=0, le=1e6, description="… and before this.")] = None,
) -> AudienceSlice:
    """A study's audience of one version, or a part of it by what respondents declared, emotion and time.

    Parts tell of ten people or more, also where they are subtracted from each other or from what was told on another
    day; a part that would not is refused (403). A viewer is told of everybody as of a part, where some of the sessions
    are of single people.
    """
    asked = Asked(series, _segments(segment or []), from_seconds, math.inf if to_seconds is None else to_seconds)
    version, _, answer = await ask(asking_of(parts, caller), study_id, version_id, asked)
    async with parts.store.begin(caller.organisation_id) as work:
        detail = {"series": series, "filtered": sorted(asked.segments)}
        await work.audit.record(caller.actor, "audience.read", "study", study_id, detail)
    return AudienceSlice.of(version.id, asked, answer)


@router.post(
    "/{study_id}/comparisons",
    operation_id="compare_study_versions",
    status_code=201,
    responses=responses(404, 409, 413, 503),
)
async def compare_study_versions(
    analyst: RequireAnalyst,
    parts: Parts,
    study_id: UUID,
    asked: NewComparison,
    request: Request,
    response: Response,
) -> MadeComparison:
    """Compare versions of a study's title over its sessions that have ended; the result stays with the study.

    It is reckoned while the request waits: what would take long is refused (413), and made by `comparison_jobs`.
    """
    async with parts.store.begin(analyst.organisation_id, read_only=True) as work:
        before = await consented(work, study_id, [one.version_id for one in asked.versions])
    document = await compared(asking_of(parts, analyst), study_id, asked, parts.clock.now())
    async with writing(request) as work:
        await require_still_consented(work, before)
        report = await keep(work, study_id, analyst.actor, document)
    response.headers["Location"] = f"/api/v1/studies/{study_id}/comparisons/{report.id}"
    made = Comparison.of(report).model_dump()
    return MadeComparison(**made, headline=document["headline"], document=document)


@router.post(
    "/{study_id}/comparison_jobs",
    operation_id="begin_study_comparison",
    status_code=202,
    responses=responses(404, 409),
)
async def begin_study_comparison(
    analyst: RequireAnalyst, work: Writing, study_id: UUID, asked: NewComparison, response: Response
) -> Job:
    """Compare versions as `comparisons` does, however long it takes. The job's result names the comparison."""
    await work.studies.get(study_id)
    for version in asked.versions:
        await work.versions.get(version.version_id)
    order = ComparisonOrder.of(study_id, analyst.actor, analyst.role, asked)
    job = await work.jobs.enqueue(KIND, order.model_dump(mode="json"), options=JobOptions(timeout_seconds=6 * 3600.0))
    await work.audit.record(analyst.actor, "comparison.begun", "job", job.id, {"study_id": str(study_id)})
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return Job.of(job)


@router.get("/{study_id}/comparisons", operation_id="list_comparisons", responses=responses(404))
async def list_comparisons(caller: Caller, work: Writing, study_id: UUID, paging: PageQuery) -> PageOf[Comparison]:
    """Comparisons that were made in a study."""
    await work.studies.get(study_id)
    page = await work.reports.list(after=paging.after, limit=paging.limit, study_id=study_id, kind=KIND)
    await work.audit.record(caller.actor, "comparisons.listed", "study", study_id)
    return page_of(page, Comparison.of)


@router.get(
    "/{study_id}/comparisons/{comparison_id}",
    operation_id="get_comparison",
    responses={
        **responses(404),
        200: {"content": {"application/json": {"schema": shape_of("ComparisonDocument")}}},
        304: {},
    },
    response_class=Response,
)
async def get_comparison(
    caller: Caller, work: Writing, study_id: UUID, comparison_id: UUID, request: Request
) -> Response:
    """A comparison's document, as `comparison.schema.json` describes it."""
    report = await work.reports.get(comparison_id)
    if report.study_id != study_id or report.kind != KIND:
        raise NotFoundError.of("comparison", comparison_id)
    await work.audit.record(caller.actor, "comparison.read", "report", comparison_id)
    content = await work.reports.content(comparison_id)
    return tagged(request, content, "application/json", etag=f'"{report.sha256.hex()}"')


def _segments(told: list[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for text in told:
        attribute, colon, values = text.partition(":")
        chosen = frozenset(value.strip() for value in values.split(","))
        if not colon or not attribute or "" in chosen or attribute in found:
            raise ProblemError(422, "invalid", "Write a segment as attribute:value,value, each attribute once.")
        found[attribute] = chosen
    return found

"""Studies: questions put to sessions of a title's versions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from mien.service.dependencies import Caller, Reading, RequireAnalyst, Writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.catalogue import NewStudy, Study, StudyChange

router = APIRouter(prefix="/api/v1/studies", tags=["studies"])


@router.get("", operation_id="list_studies")
async def list_studies(
    _caller: Caller,
    work: Reading,
    paging: PageQuery,
    title_id: Annotated[UUID | None, Query(description="Only those of this title.")] = None,
) -> PageOf[Study]:
    """What is asked, and of what."""
    where: dict[str, Any] = {} if title_id is None else {"title_id": title_id}
    return page_of(await work.studies.list(after=paging.after, limit=paging.limit, **where), Study.of)


@router.post("", operation_id="add_study", status_code=201, responses=responses(404, 409))
async def add_study(analyst: RequireAnalyst, work: Writing, asked: NewStudy) -> Study:
    """A new study of a title."""
    await work.titles.get(asked.title_id)
    study = await work.studies.add(asked.title_id, asked.name, asked.question)
    await work.audit.record(analyst.actor, "study.added", "study", study.id)
    return Study.of(study)


@router.get("/{study_id}", operation_id="get_study", responses=responses(404))
async def get_study(_caller: Caller, work: Reading, study_id: UUID) -> Study:
    """One study."""
    return Study.of(await work.studies.get(study_id))


@router.patch("/{study_id}", operation_id="change_study", responses=responses(404, 409))
async def change_study(analyst: RequireAnalyst, work: Writing, study_id: UUID, asked: StudyChange) -> Study:
    """Another name or question for a study."""
    now = await work.studies.get(study_id)
    study = await work.studies.change(study_id, asked.name or now.name, asked.question or now.question)
    await work.audit.record(analyst.actor, "study.changed", "study", study_id)
    return Study.of(study)


@router.delete("/{study_id}", operation_id="delete_study", status_code=204, responses=responses(404, 409))
async def delete_study(analyst: RequireAnalyst, work: Writing, study_id: UUID) -> None:
    """Delete a study that no session belongs to, with its comparisons."""
    await work.studies.delete(study_id)
    await work.audit.record(analyst.actor, "study.deleted", "study", study_id)

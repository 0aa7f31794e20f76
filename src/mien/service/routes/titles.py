"""Titles and their versions."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from mien.service.dependencies import Caller, Reading, RequireAnalyst, Writing
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.catalogue import NewTitle, NewVersion, Title, Version, VersionChange

router = APIRouter(prefix="/api/v1", tags=["titles"])


@router.get("/titles", operation_id="list_titles")
async def list_titles(_caller: Caller, work: Reading, paging: PageQuery) -> PageOf[Title]:
    """Everything that is watched."""
    return page_of(await work.titles.list(after=paging.after, limit=paging.limit), Title.of)


@router.post("/titles", operation_id="add_title", status_code=201, responses=responses(409))
async def add_title(analyst: RequireAnalyst, work: Writing, asked: NewTitle) -> Title:
    """A new title."""
    title = await work.titles.add(asked.name)
    await work.audit.record(analyst.actor, "title.added", "title", title.id)
    return Title.of(title)


@router.get("/titles/{title_id}", operation_id="get_title", responses=responses(404))
async def get_title(_caller: Caller, work: Reading, title_id: UUID) -> Title:
    """One title."""
    return Title.of(await work.titles.get(title_id))


@router.patch("/titles/{title_id}", operation_id="rename_title", responses=responses(404, 409))
async def rename_title(analyst: RequireAnalyst, work: Writing, title_id: UUID, asked: NewTitle) -> Title:
    """Another name for a title."""
    title = await work.titles.rename(title_id, asked.name)
    await work.audit.record(analyst.actor, "title.renamed", "title", title_id)
    return Title.of(title)


@router.delete("/titles/{title_id}", operation_id="delete_title", status_code=204, responses=responses(404, 409))
async def delete_title(analyst: RequireAnalyst, work: Writing, title_id: UUID) -> None:
    """Delete a title that has no version and no study."""
    await work.titles.delete(title_id)
    await work.audit.record(analyst.actor, "title.deleted", "title", title_id)


@router.get("/titles/{title_id}/versions", operation_id="list_versions", responses=responses(404))
async def list_versions(_caller: Caller, work: Reading, title_id: UUID, paging: PageQuery) -> PageOf[Version]:
    """Cuts of a title."""
    await work.titles.get(title_id)
    page = await work.versions.list(after=paging.after, limit=paging.limit, title_id=title_id)
    return page_of(page, Version.of)


@router.post("/titles/{title_id}/versions", operation_id="add_version", status_code=201, responses=responses(404, 409))
async def add_version(analyst: RequireAnalyst, work: Writing, title_id: UUID, asked: NewVersion) -> Version:
    """A new cut of a title."""
    await work.titles.get(title_id)
    version = await work.versions.add(title_id, asked.name, duration_seconds=asked.duration_seconds)
    await work.audit.record(analyst.actor, "version.added", "version", version.id)
    return Version.of(version)


@router.get("/versions/{version_id}", operation_id="get_version", responses=responses(404))
async def get_version(_caller: Caller, work: Reading, version_id: UUID) -> Version:
    """One cut of a title."""
    return Version.of(await work.versions.get(version_id))


@router.patch("/versions/{version_id}", operation_id="change_version", responses=responses(404, 409))
async def change_version(analyst: RequireAnalyst, work: Writing, version_id: UUID, asked: VersionChange) -> Version:
    """Another name or duration for a cut."""
    now = await work.versions.get(version_id)
    told = asked.model_fields_set
    version = await work.versions.change(
        version_id,
        asked.name or now.name,
        asked.duration_seconds if "duration_seconds" in told else now.duration_seconds,
    )
    await work.audit.record(analyst.actor, "version.changed", "version", version_id)
    return Version.of(version)


@router.delete("/versions/{version_id}", operation_id="delete_version", status_code=204, responses=responses(404, 409))
async def delete_version(analyst: RequireAnalyst, work: Writing, version_id: UUID) -> None:
    """Delete a cut that no session is of."""
    await work.versions.delete(version_id)
    await work.audit.record(analyst.actor, "version.deleted", "version", version_id)

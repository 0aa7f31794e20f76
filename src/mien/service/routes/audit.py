"""Who did what to what. Nothing changes an entry; the sweep removes those of more than two years ago."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from mien.service.dependencies import Reading, RequireAdmin
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import responses
from mien.service.schemas.duties import AuditEntry
from mien.store.repositories.audit import AuditFilter

router = APIRouter(prefix="/api/v1/audit_entries", tags=["audit"])

Word = Annotated[str | None, Query(min_length=1, max_length=80, pattern=r"^[^\x00]*$")]


@router.get("", operation_id="list_audit_entries")
async def list_audit_entries(
    _admin: RequireAdmin,
    work: Reading,
    paging: PageQuery,
    actor: Word = None,
    action: Word = None,
    subject_kind: Word = None,
    subject: Word = None,
    since: Annotated[AwareDatetime | None, Query(description="Written at this time or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Written before this time.")] = None,
) -> PageOf[AuditEntry]:
    """Entries that fit all that is told, oldest first."""
    since_at: datetime | None = since
    chosen = AuditFilter(
        actor=actor,
        actions=None if action is None else (action,),
        subject_kind=subject_kind,
        subject=subject,
        since=since_at,
        until=until,
    )
    return page_of(await work.audit.search(chosen, after=paging.after, limit=paging.limit), AuditEntry.of)


@router.get("/{entry_id}", operation_id="get_audit_entry", responses=responses(404))
async def get_audit_entry(_admin: RequireAdmin, work: Reading, entry_id: UUID) -> AuditEntry:
    """One entry."""
    return AuditEntry.of(await work.audit.get(entry_id))

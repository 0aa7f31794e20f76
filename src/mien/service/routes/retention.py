"""Deletion of what is due, and the proofs that it is gone. A session's own retention is changed at the session."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from mien.service.dependencies import Parts, Reading, RequireAdmin
from mien.service.forgetting import forget_sessions
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import ProblemError, responses
from mien.service.schemas.duties import DeletionRecord, Swept
from mien.store.repositories.audit import DELETIONS, AuditFilter

router = APIRouter(prefix="/api/v1", tags=["retention"])


@router.post("/retention/sweep", operation_id="sweep_retention")
async def sweep_retention(admin: RequireAdmin, parts: Parts) -> Swept:
    """Delete the organisation's sessions whose time is over now, without waiting for the next sweep."""
    found: list[DeletionRecord] = []
    while True:
        async with parts.store.begin_system() as system:
            proof = await system.retention.sweep(admin.organisation_id)
        if proof is None:
            break
        await forget_sessions(parts, admin.organisation_id, proof.subjects)
        async with parts.store.begin(admin.organisation_id, read_only=True) as work:
            found.append(DeletionRecord.of(await work.audit.get(proof.audit_id)))
    async with parts.store.begin(admin.organisation_id) as work:
        await work.audit.record(admin.actor, "retention.swept", "organisation", None, {"deletions": len(found)})
    return Swept(deletions=found)


@router.get("/deletions", operation_id="list_deletions")
async def list_deletions(_admin: RequireAdmin, work: Reading, paging: PageQuery) -> PageOf[DeletionRecord]:
    """Proofs of everything that was deleted in the last two years: what, when, by whom, how many rows."""
    page = await work.audit.search(AuditFilter(actions=DELETIONS), after=paging.after, limit=paging.limit)
    return page_of(page, DeletionRecord.of)


@router.get("/deletions/{deletion_id}", operation_id="get_deletion", responses=responses(404))
async def get_deletion(_admin: RequireAdmin, work: Reading, deletion_id: UUID) -> DeletionRecord:
    """One proof."""
    entry = await work.audit.get(deletion_id)
    if entry.action not in DELETIONS:
        raise ProblemError(404, "not-found", f"there is no deletion {deletion_id}: check the id.")
    return DeletionRecord.of(entry)

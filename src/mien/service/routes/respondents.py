"""Respondents: enrolled with their consent, asked about themselves only if they agreed to that too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from mien.service import principal
from mien.service.dependencies import Parts, Reading, RequireAdmin, RequireAnalyst, Writing, writing
from mien.service.forgetting import forget_sessions
from mien.service.live import events
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.problems import ProblemError, responses
from mien.service.schemas.duties import DeletionRecord
from mien.service.schemas.respondents import (
    Consent,
    ConsentScope,
    Declaration,
    EnrolledRespondent,
    NewConsent,
    NewRespondent,
    Respondent,
    Withdrawal,
)
from mien.service.webhooks.events import Event
from mien.service.work.sweeping import sweep_due
from mien.store import records
from mien.store.work import Work

router = APIRouter(prefix="/api/v1", tags=["respondents"])

STILL_HELD = (
    "What was measured before stays for its retention. To delete it now, with everything that is held about the "
    "respondent, delete the respondent."
)
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "One JSON document.", "content": {"application/json": {"schema": {"type": "object"}}}}
}


@router.get("/respondents", operation_id="list_respondents")
async def list_respondents(caller: RequireAnalyst, work: Writing, paging: PageQuery) -> PageOf[Respondent]:
    """Everybody who takes part."""
    page = await work.respondents.list(after=paging.after, limit=paging.limit)
    await work.audit.record(caller.actor, "respondents.listed", "respondent", None, {"respondents": len(page.items)})
    return page_of(page, Respondent.of)


@router.post("/respondents", operation_id="enrol_respondent", status_code=201)
async def enrol_respondent(caller: RequireAnalyst, work: Writing, asked: NewRespondent) -> EnrolledRespondent:
    """A new respondent with their consent. Segments need the scope `segments` in it."""
    if asked.segments:
        _covered(asked.consent.scopes)
    respondent = await work.respondents.add(asked.segments)
    await work.audit.record(caller.actor, "respondent.enrolled", "respondent", respondent.id)
    consent = await _give(caller, work, respondent.id, asked.consent)
    return EnrolledRespondent(respondent=Respondent.of(respondent), consent=Consent.of(consent))


@router.get("/respondents/{respondent_id}", operation_id="get_respondent", responses=responses(404))
async def get_respondent(caller: RequireAnalyst, work: Writing, respondent_id: UUID) -> Respondent:
    """One respondent."""
    found = await work.respondents.get(respondent_id)
    await work.audit.record(caller.actor, "respondent.read", "respondent", respondent_id)
    return Respondent.of(found)


@router.put("/respondents/{respondent_id}/segments", operation_id="declare_segments", responses=responses(404))
async def declare_segments(
    caller: RequireAnalyst, work: Writing, respondent_id: UUID, asked: Declaration
) -> Respondent:
    """What a respondent says of themselves, in place of what they said before; only if they agreed to that."""
    await work.respondents.get(respondent_id)
    if asked.segments:
        _covered(scope for consent in await _live(work, respondent_id) for scope in consent.scopes)
    changed = await work.respondents.declare(respondent_id, asked.segments)
    await work.audit.record(caller.actor, "respondent.segments_declared", "respondent", respondent_id)
    return Respondent.of(changed)


@router.get(
    "/respondents/{respondent_id}/export",
    operation_id="export_respondent",
    responses={**responses(404), **EXPORTED},
    response_class=StreamingResponse,
)
async def export_respondent(caller: RequireAdmin, parts: Parts, respondent_id: UUID) -> StreamingResponse:
    """Everything that is held about a respondent (GDPR Articles 15 and 20), as one JSON document.

    Annotated videos, tables of faces and recordings that lie encrypted are named in `spooled_files`, with when they go;
    those of the kind `result` are to be had as personal results (`download_personal_result`) under the same id.
    """
    async with parts.store.begin(caller.organisation_id) as work:
        await work.respondents.get(respondent_id)
        await work.audit.record(caller.actor, "respondent.exported", "respondent", respondent_id)

    async def content() -> AsyncIterator[bytes]:
        async with parts.store.begin(caller.organisation_id, read_only=True) as work:
            async for part in work.erasure.stream(respondent_id):
                yield part

    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{respondent_id}.json"'}
    return StreamingResponse(content(), media_type="application/json", headers=headers)


@router.delete("/respondents/{respondent_id}", operation_id="erase_respondent", responses=responses(404))
async def erase_respondent(request: Request, caller: RequireAdmin, parts: Parts, respondent_id: UUID) -> DeletionRecord:
    """Delete a respondent with everything that is held about them, now (GDPR Article 17); answers with the proof."""
    async with writing(request) as work:
        proof = await work.erasure.erase(respondent_id, caller.actor)
        record = DeletionRecord.of(await work.audit.get(proof.audit_id))
    await forget_sessions(parts, caller.organisation_id, proof.subjects[1:])
    return record


@router.get("/respondents/{respondent_id}/consents", operation_id="list_consents", responses=responses(404))
async def list_consents(
    _analyst: RequireAnalyst, work: Reading, paging: PageQuery, respondent_id: UUID
) -> PageOf[Consent]:
    """What a respondent agreed to, what they took back too."""
    await work.respondents.get(respondent_id)
    page = await work.consents.list(after=paging.after, limit=paging.limit, respondent_id=respondent_id)
    return page_of(page, Consent.of)


@router.post(
    "/respondents/{respondent_id}/consents",
    operation_id="give_consent",
    status_code=201,
    responses=responses(404),
)
async def give_consent(caller: RequireAnalyst, work: Writing, respondent_id: UUID, asked: NewConsent) -> Consent:
    """A further consent; those before hold beside it."""
    await work.respondents.get(respondent_id)
    return Consent.of(await _give(caller, work, respondent_id, asked))


@router.get("/consents/{consent_id}", operation_id="get_consent", responses=responses(404))
async def get_consent(_analyst: RequireAnalyst, work: Reading, consent_id: UUID) -> Consent:
    """One consent."""
    return Consent.of(await work.consents.get(consent_id))


@router.post("/consents/{consent_id}/withdraw", operation_id="withdraw_consent", responses=responses(404))
async def withdraw_consent(caller: RequireAnalyst, parts: Parts, consent_id: UUID) -> Withdrawal:
    """Take a consent back. Sessions under it end at once, and their jobs keep nothing from now on.

    Segments go unless another consent covers them.
    """
    async with parts.store.begin(caller.organisation_id) as work:
        before = await work.consents.get(consent_id)
        withdrawn = await work.consents.withdraw(consent_id)
        consent, ended = withdrawn.consent, list(withdrawn.sessions_ended)
        for key in ended:
            data = {"session_id": str(key), "reason": "consent_withdrawn"}
            await work.deliveries.publish(Event.SESSION_ENDED, data, session_id=key)
        respondent = await work.respondents.get(consent.respondent_id)
        covered = any(ConsentScope.SEGMENTS in other.scopes for other in await _live(work, consent.respondent_id))
        erased = bool(respondent.segments) and not covered
        if erased:
            await work.respondents.declare(respondent.id, {})
        if before.withdrawn_at is None:
            detail = {
                "sessions_ended": [str(key) for key in ended],
                "jobs_cancelled": [str(job.id) for job in withdrawn.jobs_cancelled],
                "segments_erased": erased,
            }
            await work.audit.record(caller.actor, "consent.withdrawn", "consent", consent_id, detail)
    parts.watcher.forget(ended)
    for key in ended:
        await events.announce_end(parts.bus.live, caller.organisation_id, key)
    if withdrawn.jobs_cancelled:
        await sweep_due(parts.store, parts.spool)
    return Withdrawal(
        consent=Consent.of(consent),
        sessions_ended=ended,
        jobs_cancelled=[job.id for job in withdrawn.jobs_cancelled],
        segments_erased=erased,
        still_held=STILL_HELD,
    )


async def _give(caller: principal.Caller, work: Work, respondent_id: UUID, asked: NewConsent) -> records.Consent:
    scopes = list(dict.fromkeys(scope.value for scope in asked.scopes))
    consent = await work.consents.give(respondent_id, bytes.fromhex(asked.wording_sha256), scopes)
    await work.audit.record(caller.actor, "consent.given", "consent", consent.id, {"scopes": scopes})
    return consent


async def _live(work: Work, respondent_id: UUID) -> list[records.Consent]:
    """Consents that hold."""
    page = await work.consents.list(limit=1000, respondent_id=respondent_id)
    return [consent for consent in page.items if consent.withdrawn_at is None]


def _covered(scopes: Iterable[str]) -> None:
    if ConsentScope.SEGMENTS not in set(scopes):
        raise ProblemError(
            403,
            "not-permitted",
            "What somebody says of themselves is kept only if they agreed to it: record a consent with the scope "
            "'segments' first.",
        )

"""What was said in a recording, what was felt beside it, and scholarly sources about it, from its stored report."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mien.report.speech import ContentPart, SearchPart, SourcePart, TermPart
from mien.service.dependencies import Caller, Parts
from mien.service.parts import ServiceParts
from mien.service.permissions import readable
from mien.service.principal import Caller as Known
from mien.service.problems import ProblemError, responses
from mien.store.errors import NotFoundError
from mien.store.records import ReportRecord
from mien.store.work import Work

router = APIRouter(prefix="/api/v1/sessions/{session_id}", tags=["content"])

REPORT_KIND = "report"


class ContentSources(BaseModel):
    """Scholarly sources on a recording's content."""

    terms: list[TermPart] = Field(description="Key terms that were looked for, the weightiest first.")
    sources: list[SourcePart]
    searches: list[SearchPart] = Field(description="Ready-made searches for more.")


@router.get("/content", operation_id="get_session_content", responses=responses(404))
async def get_session_content(caller: Caller, parts: Parts, session_id: UUID) -> ContentPart:
    """What was said in a session's recording, segment by segment, and what the audience showed meanwhile.

    It is content, not audience: it may name people, as the talk did.
    """
    return await _content(parts, caller, session_id, "content.read")


@router.get("/sources", operation_id="get_session_sources", responses=responses(404))
async def get_session_sources(caller: Caller, parts: Parts, session_id: UUID) -> ContentSources:
    """Scholarly sources on what was said in a session's recording."""
    told = await _content(parts, caller, session_id, "sources.read")
    return ContentSources(terms=list(told.terms), sources=list(told.sources), searches=list(told.searches))


async def _content(parts: ServiceParts, caller: Known, session_id: UUID, action: str) -> ContentPart:
    async with parts.store.begin(caller.organisation_id) as work:
        await readable(work, caller, session_id)
        report = await _latest(work, session_id)
        content = None if report is None else await work.reports.content(report.id)
        await work.audit.record(caller.actor, action, "session", session_id)
    if content is None:
        raise NotFoundError("this session has no report: have its recording analysed first.")
    # Of a long recording it is megabytes.
    document: dict[str, Any] = await asyncio.to_thread(json.loads, content)
    told = document.get("content")
    if told is None:
        raise ProblemError(404, "not-found", "Nobody asked what was said in this recording when it was analysed.")
    return ContentPart.model_validate(told)


async def _latest(work: Work, session_id: UUID) -> ReportRecord | None:
    found: ReportRecord | None = None
    after: UUID | None = None
    while True:
        page = await work.reports.list(after=after, limit=1000, session_id=session_id, kind=REPORT_KIND)
        found = page.items[-1] if page.items else found
        if page.after is None:
            return found
        after = page.after

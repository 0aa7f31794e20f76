"""Sessions: begun through the purpose gate, ended, read, deleted."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from mien.core.policy import Declaration
from mien.core.settings import PROFILES, Profile
from mien.service.dependencies import Caller, Parts, Reading, RequireAnalyst, Writing, writing
from mien.service.forgetting import forget_sessions
from mien.service.live import ending, events
from mien.service.paging import PageOf, PageQuery, page_of
from mien.service.permissions import note_exception, permit
from mien.service.problems import ProblemError, responses
from mien.service.schemas.sessions import Deletion, NewSession, Presence, Session, SessionChange
from mien.service.webhooks.events import Event
from mien.store.records import SessionState
from mien.store.repositories.sessions import SessionDraft

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])


@router.post("", operation_id="begin_session", status_code=201, responses=responses(403, 404, 409))
async def begin_session(caller: RequireAnalyst, work: Writing, asked: NewSession, response: Response) -> Session:
    """A new session that takes snapshots, if the declared purpose, basis and jurisdiction permit it."""
    profile = _profile(asked)
    grant = permit(caller, Declaration(asked.purpose, asked.basis, asked.jurisdiction, asked.exception), profile)
    audience = profile.audience
    session = await work.sessions.begin(
        SessionDraft(
            grant=grant,
            label_set=audience.label_set,
            step_seconds=audience.step_seconds,
            retention_days=asked.retention_days,
            version_id=asked.version_id,
            study_id=asked.study_id,
            respondent_id=asked.respondent_id,
            consent_id=asked.consent_id,
        )
    )
    detail = {"purpose": session.purpose.value, "profile": session.profile, "min_group": session.min_group}
    await work.audit.record(caller.actor, "session.begun", "session", session.id, detail)
    await note_exception(work, caller, grant, "session", session.id)
    await work.deliveries.publish(Event.SESSION_STARTED, {"session_id": str(session.id)}, session_id=session.id)
    response.headers["Location"] = f"{router.prefix}/{session.id}"
    return Session.of(session)


@router.get("", operation_id="list_sessions")
async def list_sessions(
    _caller: Caller,
    work: Reading,
    paging: PageQuery,
    state: SessionState | None = None,
    version_id: UUID | None = None,
    study_id: UUID | None = None,
    respondent_id: Annotated[UUID | None, Query(description="Whose sessions.")] = None,
) -> PageOf[Session]:
    """Sessions, oldest first."""
    asked = {"state": state, "version_id": version_id, "study_id": study_id, "respondent_id": respondent_id}
    where: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    return page_of(await work.sessions.list(after=paging.after, limit=paging.limit, **where), Session.of)


@router.get("/{session_id}", operation_id="get_session", responses=responses(404))
async def get_session(_caller: Caller, work: Reading, session_id: UUID) -> Session:
    """One session."""
    return Session.of(await work.sessions.get(session_id))


@router.post("/{session_id}/end", operation_id="end_session", responses=responses(404, 409))
async def end_session(caller: RequireAnalyst, parts: Parts, request: Request, session_id: UUID) -> Session:
    """Take no further snapshot; followers are told. Asking again changes nothing; one that is kept for 0 days is gone
    by then: 404.

    A job of the kind `session_report` makes the report: ask for it with `GET /jobs?session_id=`. A session that an
    analysis fills ends with its job: cancel that.
    """
    async with writing(request) as work:
        ended = await ending.end_session(work, session_id, caller.actor)
    if ended.now:
        await parts.watcher.finish(caller.organisation_id, session_id)
        await events.announce_end(parts.bus.live, caller.organisation_id, session_id)
    return Session.of(ended.session)


@router.patch("/{session_id}", operation_id="change_session", responses=responses(404, 409))
async def change_session(caller: RequireAnalyst, work: Writing, session_id: UUID, asked: SessionChange) -> Session:
    """Keep a session for less time than was said."""
    session = await work.sessions.shorten_retention(session_id, asked.retention_days)
    detail = {"retention_days": asked.retention_days}
    await work.audit.record(caller.actor, "session.retention_shortened", "session", session_id, detail)
    return Session.of(session)


@router.delete("/{session_id}", operation_id="delete_session", responses=responses(404))
async def delete_session(caller: RequireAnalyst, parts: Parts, request: Request, session_id: UUID) -> Deletion:
    """Delete a session with everything that belongs to it, now; says what was deleted."""
    async with writing(request) as work:
        proof = await work.sessions.delete(session_id, caller.actor)
        await work.deliveries.publish(Event.SESSION_DELETED, {"session_id": str(session_id)})
    await forget_sessions(parts, caller.organisation_id, [session_id])
    return Deletion.of(proof)


@router.get("/{session_id}/presence", operation_id="get_session_presence", responses=responses(404))
async def get_session_presence(caller: Caller, parts: Parts, session_id: UUID) -> Presence:
    """How many follow a session live."""
    async with parts.store.begin(caller.organisation_id, read_only=True) as work:
        await work.sessions.get(session_id)
    room = events.channel(caller.organisation_id, session_id)
    return Presence(followers=await parts.bus.presence.count(room))


def _profile(asked: NewSession) -> Profile:
    profile = PROFILES.get(asked.profile)
    if profile is None:
        raise ProblemError(422, "invalid", f"There is no such profile: choose one of {', '.join(PROFILES)}.")
    changes: dict[str, float] = {}
    if asked.min_group is not None:
        changes["min_group"] = asked.min_group
    if asked.step_seconds is not None:
        changes["step_seconds"] = asked.step_seconds
    return profile.model_copy(update={"audience": profile.audience.model_copy(update=changes)})

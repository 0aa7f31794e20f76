"""What a purpose needs, what is kept, and what is never kept."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query

from mien.analysis.filters import LEAST_SLICE
from mien.core.audience import AudienceSnapshot
from mien.core.policy import NOTICE_TEXT, Purpose
from mien.core.privacy import is_personal_key
from mien.core.settings import PROFILES
from mien.service import permissions
from mien.service.dependencies import Caller, Parts
from mien.service.problems import ProblemError, responses
from mien.service.schemas.duties import (
    PrivacyStatement,
    PurposeRules,
    Requirement,
    SessionPrivacy,
    StoredShape,
)
from mien.store.repositories.sessions import LONGEST_OPEN, LONGEST_RETENTION_DAYS

router = APIRouter(prefix="/api/v1", tags=["privacy"])

NEVER_STORED: Final = (
    "frames, pictures and crops of faces",
    "boxes, landmarks and positions of faces",
    "identities and embeddings of faces",
    "tracks of single people, and figures per person",
    "age, sex, ethnicity or anything else guessed from a face",
    "bootstrap replicates, which would reveal individuals",
)
RIGHTS: Final = (
    "Export: everything that is held about a respondent, as JSON.",
    "Erasure: a respondent with everything that is held about them, with a proof.",
    "Withdrawal: sessions under a consent end at once and keep nothing more; what was self-declared is deleted.",
    "Retention: every session has an end, which can be brought forward and never put off.",
)


@router.get("/purposes/{purpose}", operation_id="get_purpose_rules", responses=responses(404))
async def get_purpose_rules(
    _caller: Caller,
    purpose: Annotated[Purpose, Path(description="Why an audience would be measured.")],
    profile: Annotated[str, Query(description="Settings that would run.", max_length=40)] = "cinema",
    jurisdiction: Annotated[
        str | None,
        Query(description="ISO 3166 code of the country whose law applies, or `EU`.", pattern=r"^[A-Za-z]{2}$"),
    ] = None,
) -> PurposeRules:
    """What must be declared so that a session is permitted: basis, jurisdiction, exception."""
    known = PROFILES.get(profile)
    if known is None:
        raise ProblemError(404, "not-found", f"there is no profile {profile!r}: choose from {', '.join(PROFILES)}.")
    place = None if jurisdiction is None else jurisdiction.upper()
    found = permissions.ways(purpose, place, known)
    return PurposeRules(
        purpose=purpose,
        jurisdiction=place,
        profile=profile,
        min_group=known.audience.min_group,
        ways=[
            Requirement(
                basis=way.basis,
                jurisdiction=way.jurisdiction,
                exception=way.exception,
                notices=[notice for notice in way.grant.notices if permissions.REASON not in notice],
            )
            for way in found
        ],
        refusal_without=permissions.refusal(purpose, place, known),
    )


@router.get("/privacy", operation_id="get_privacy_statement")
async def get_privacy_statement(_caller: Caller) -> PrivacyStatement:
    """What the service keeps, what it never keeps, and for how long: read from the code that keeps it."""
    fields = list(AudienceSnapshot.model_fields)
    return PrivacyStatement(
        stored=StoredShape(
            fields=fields,
            json_schema=AudienceSnapshot.model_json_schema(),
            contains_pii=any(is_personal_key(field) for field in fields),
        ),
        never_stored=list(NEVER_STORED),
        demographic_inference=False,
        min_groups={name: profile.audience.min_group for name, profile in PROFILES.items()},
        filtered_min_group=LEAST_SLICE,
        longest_retention_days=LONGEST_RETENTION_DAYS,
        longest_open_days=LONGEST_OPEN.total_seconds() / 86_400,
        rights=list(RIGHTS),
        notice=NOTICE_TEXT,
    )


@router.get("/sessions/{session_id}/privacy", operation_id="get_session_privacy", responses=responses(404))
async def get_session_privacy(caller: Caller, parts: Parts, session_id: UUID) -> SessionPrivacy:
    """Under what permission a session ran, how small its groups may be, how much was suppressed, and when it goes."""
    async with parts.store.begin(caller.organisation_id) as work:
        session = await work.sessions.get(session_id)
        await work.audit.record(caller.actor, "session.privacy_read", "session", session_id)
    # All of its timelines are read: not while others wait to write.
    async with parts.store.begin(caller.organisation_id, read_only=True) as work:
        steps, suppressed = await work.snapshots.suppressed(session_id)
    personal = session.min_group == 1
    return SessionPrivacy(
        session_id=session.id,
        purpose=session.purpose,
        basis=session.basis,
        jurisdiction=session.jurisdiction,
        notices=list(session.notices),
        min_group=session.min_group,
        privacy_level="personal" if personal else "anonymized",
        contains_pii=personal,
        steps=steps,
        steps_suppressed=suppressed,
        retention_days=session.retention_days,
        delete_after=session.delete_after,
    )

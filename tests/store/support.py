"""What tests of the store are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mien.core.audience import AudienceSnapshot
from mien.core.policy import Basis, Declaration, Grant, Purpose, authorise
from mien.core.settings import PROFILES
from mien.store.database import Store
from mien.store.records import Respondent, SessionRecord
from mien.store.repositories.sessions import SessionDraft
from mien.store.work import Work
from tests.report.factory import percents, read_step

NOW = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
WORDING = bytes(range(32))


class VirtualClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> None:
        """By ``seconds=…``, ``days=…``."""
        self.time += timedelta(**duration)


def grant(*, profile: str = "cinema", basis: Basis = Basis.NOTICE) -> Grant:
    return authorise(Declaration(Purpose.AUDIENCE_RESEARCH, basis), PROFILES[profile])


def draft(**changes: Any) -> SessionDraft:
    told: dict[str, Any] = {"grant": grant(), "label_set": "cinema7", "step_seconds": 0.5, "retention_days": 30}
    return SessionDraft(**{**told, **changes})


async def add_organisation(store: Store, name: str) -> UUID:
    async with store.begin_system() as work:
        return (await work.directory.add_organisation(name)).id


def step(session: SessionRecord | UUID, at: float, **changes: Any) -> AudienceSnapshot:
    """A step of a hall with thirty readable faces."""
    key = session if isinstance(session, UUID) else session.id
    told = {"present": 40, "readable": 30, "tracks": 31, **changes}
    return read_step(at, told.pop("emotions", percents(fear=40.0)), session_id=str(key), **told)


def suppressed(session: SessionRecord, at: float) -> AudienceSnapshot:
    return AudienceSnapshot(session_id=str(session.id), media_time=at, duration_seconds=0.5, suppressed=True)


async def add_respondent(work: Work, **segments: str) -> tuple[Respondent, SessionRecord]:
    """Somebody who agreed, and their session."""
    respondent = await work.respondents.add(segments)
    consent = await work.consents.give(respondent.id, WORDING, ["measure"])
    session = await work.sessions.begin(
        draft(
            grant=grant(profile="interview", basis=Basis.CONSENT),
            respondent_id=respondent.id,
            consent_id=consent.id,
        )
    )
    return respondent, session

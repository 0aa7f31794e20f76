"""People who agreed to take part, what they said of themselves, and what they agreed to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from mien.core.errors import PolicyError
from mien.store import tables
from mien.store.errors import InvalidError, NotFoundError
from mien.store.records import FILLS, Consent, Respondent, SessionState, Withdrawn
from mien.store.repositories._repository import Repository, text
from mien.store.repositories.jobs import Jobs
from mien.store.repositories.snapshots import Snapshots
from mien.store.rows import Shape
from mien.store.withdrawals import withdrawn

ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_SEGMENTS: Final = 20
LONGEST_VALUE: Final = 80
MEASURE: Final = "measure"
"""The scope of a consent without which nobody is measured under it."""


class Respondents(Repository[Respondent]):
    """Respondents of one organisation. Nothing here is a name or an address, and nothing was inferred."""

    table = tables.respondents
    shape = Shape(Respondent, tables.respondents)
    what = "respondent"

    async def add(self, segments: Mapping[str, str] | None = None) -> Respondent:
        """A new respondent.

        Args:
            segments: self-declared, by attribute.

        Raises:
            InvalidError: too many or too long to be segments; free text would tell who somebody is.
        """
        return await self._add(segments=_segments(segments or {}), created_at=self._scope.now)

    async def declare(self, key: UUID, segments: Mapping[str, str]) -> Respondent:
        """What a respondent says of themselves now, in place of what they said before."""
        return await self._change(key, segments=_segments(segments))


class Consents(Repository[Consent]):
    """What respondents agreed to."""

    table = tables.consents
    shape = Shape(Consent, tables.consents)
    what = "consent"

    async def give(self, respondent_id: UUID, wording_sha256: bytes, scopes: Sequence[str]) -> Consent:
        """Record a consent.

        Args:
            respondent_id: whose.
            wording_sha256: 32 bytes, of the text that was shown.
            scopes: what for; at least one.

        Raises:
            ConflictError: there is no such respondent.
        """
        if len(wording_sha256) != 32 or not scopes:
            raise InvalidError("a consent names what for, and the SHA-256 (32 bytes) of the words that were agreed to.")
        return await self._add(
            "the respondent is not here.",
            respondent_id=respondent_id,
            wording_sha256=wording_sha256,
            scopes=[text(scope, "a scope", 40) for scope in scopes],
            given_at=self._scope.now,
            withdrawn_at=None,
        )

    async def withdraw(self, key: UUID) -> Withdrawn:
        """Take a consent back: the sessions under it take no further snapshot, and their jobs keep nothing more.

        Erasing them is asked for apart. A job that is just completed is waited for.

        Raises:
            NotFoundError: there is no such consent.
        """
        found = await self.get(key)
        if found.withdrawn_at is not None:
            return Withdrawn(found)
        # Sessions begin under consents.
        from mien.store.repositories.sessions import Sessions

        await self._scope.lock_sessions(exclusive=True)
        table = tables.sessions
        under = self._scope.select(table, table.c.id, table.c.state)
        sessions = (await self._scope.run(under.where(table.c.consent_id == key).order_by(table.c.id))).all()
        ended = tuple(session_id for session_id, state in sessions if state == SessionState.OPEN)
        for session_id in ended:
            await Sessions(self._scope).end(session_id)
        cancelled = await Jobs(self._scope).cancel_of([session_id for session_id, _ in sessions])
        for job in cancelled:
            # A worker that still runs it says so later; what it has stored counts from now on in nothing.
            if job.kind == FILLS and job.session_id is not None:
                await Snapshots(self._scope).drop(job.session_id)
        consent = await self._change(key, withdrawn_at=self._scope.now)
        return Withdrawn(consent, ended, cancelled)

    async def live(self, respondent_id: UUID) -> Consent | None:
        """A respondent's latest consent that was not taken back, or None."""
        statement = self._select().where(
            tables.consents.c.respondent_id == respondent_id, tables.consents.c.withdrawn_at.is_(None)
        )
        return await self._first(statement.order_by(sa.desc(tables.consents.c.id)).limit(1))

    async def withdrawn_under(self, session_id: UUID) -> bool:
        """Whether the consent that a session rests on was taken back; no where it rests on none, or is not here."""
        return await withdrawn(self._scope.connection, self._scope.organisation_id, session_id)

    async def of_study(self, study_id: UUID, versions: Collection[UUID], *, hold: bool = False) -> dict[UUID, bool]:
        """The consents that a study's sessions of some versions rest on, and whether each stands.

        Args:
            study_id, versions: whose sessions.
            hold: none of them is taken back until the unit of work ends.
        """
        if hold:
            await self._scope.lock_sessions(exclusive=False)
        table, sessions = tables.consents, tables.sessions
        under = self._scope.select(sessions, sessions.c.consent_id).where(
            sessions.c.study_id == study_id, sessions.c.version_id.in_(versions)
        )
        statement = self._scope.select(table, table.c.id, table.c.withdrawn_at).where(table.c.id.in_(under))
        return {key: withdrawn_at is None for key, withdrawn_at in await self._scope.run(statement)}

    async def require(self, key: UUID, respondent_id: UUID) -> Consent:
        """A consent to be measured that still holds and is this respondent's.

        Raises:
            NotFoundError: there is none.
            PolicyError: it is for something else.
        """
        found = await self.get(key)
        if found.withdrawn_at is not None or found.respondent_id != respondent_id:
            raise NotFoundError(f"consent {key} is not this respondent's, or was withdrawn: record a new one first.")
        if MEASURE not in found.scopes:
            raise PolicyError(f"consent {key} is not to being measured: record one with the scope '{MEASURE}' first.")
        return found


def _segments(segments: Mapping[str, str]) -> dict[str, str]:
    if len(segments) > MOST_SEGMENTS:
        raise InvalidError(f"a respondent declares at most {MOST_SEGMENTS} segments, not {len(segments)}.")
    for attribute in segments:
        if not ATTRIBUTE.fullmatch(attribute):
            raise InvalidError(f"an attribute is a word of small letters, digits and _, not {attribute!r}.")
    return {name: text(value, f"segment {name}", LONGEST_VALUE) for name, value in segments.items()}

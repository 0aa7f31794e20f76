"""People who agreed to take part, what they said of themselves, and what they agreed to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from mien.store import tables
from mien.store.errors import InvalidError, NotFoundError
from mien.store.records import Consent, Respondent, SessionState
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape

ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST_SEGMENTS: Final = 20
LONGEST_VALUE: Final = 80


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

    async def withdraw(self, key: UUID) -> Consent:
        """Take a consent back: the sessions under it take no further snapshot. Erasing them is asked for apart."""
        found = await self.get(key)
        if found.withdrawn_at is not None:
            return found
        await self._scope.lock_sessions(exclusive=True)
        now, table = self._scope.now, tables.sessions
        running = self._scope.select(table, table.c.id, table.c.retention_days).where(
            table.c.consent_id == key, table.c.state == SessionState.OPEN
        )
        for session_id, days in (await self._scope.run(running)).all():
            ended = self._scope.update(table).where(table.c.id == session_id)
            due = now + timedelta(days=days)
            await self._scope.run(ended.values(state=SessionState.ENDED, ended_at=now, delete_after=due))
        return await self._change(key, withdrawn_at=now)

    async def live(self, respondent_id: UUID) -> Consent | None:
        """A respondent's latest consent that was not taken back, or None."""
        statement = self._select().where(
            tables.consents.c.respondent_id == respondent_id, tables.consents.c.withdrawn_at.is_(None)
        )
        return await self._first(statement.order_by(sa.desc(tables.consents.c.id)).limit(1))

    async def require(self, key: UUID, respondent_id: UUID) -> Consent:
        """A consent that still holds and is this respondent's.

        Raises:
            NotFoundError: there is none.
        """
        found = await self.get(key)
        if found.withdrawn_at is not None or found.respondent_id != respondent_id:
            raise NotFoundError(f"consent {key} is not this respondent's, or was withdrawn: record a new one first.")
        return found


def _segments(segments: Mapping[str, str]) -> dict[str, str]:
    if len(segments) > MOST_SEGMENTS:
        raise InvalidError(f"a respondent declares at most {MOST_SEGMENTS} segments, not {len(segments)}.")
    for attribute in segments:
        if not ATTRIBUTE.fullmatch(attribute):
            raise InvalidError(f"an attribute is a word of small letters, digits and _, not {attribute!r}.")
    return {name: text(value, f"segment {name}", LONGEST_VALUE) for name, value in segments.items()}

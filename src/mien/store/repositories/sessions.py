"""Sessions: under what permission they run, how long they are kept, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from mien.core.errors import PolicyError
from mien.core.policy import Basis, Grant
from mien.store import deletion, partitions, tables
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from mien.store.records import DeletionProof, SessionRecord, SessionState
from mien.store.repositories._repository import Repository, text
from mien.store.repositories.audit import Audit
from mien.store.repositories.respondents import Consents
from mien.store.repositories.snapshots import Snapshots
from mien.store.rows import Shape

EPHEMERAL: Final = 0
LONGEST_RETENTION_DAYS: Final = 3650
LONGEST_OPEN: Final = timedelta(days=2)
"""A session that nobody ended counts as ended after this, so that nothing is kept for ever by being forgotten."""


CONSENT_ON_RECORD: Final = (
    "the basis 'consent' needs the consent itself: enrol who is shown as a respondent, and name respondent_id and "
    "consent_id."
)


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """What a session is begun with.

    Attributes:
        grant: what the policy gate permitted; without one there is no session.
        label_set: its labels.
        step_seconds: length of a step of its timeline; 0 for every frame.
        retention_days: kept so long after its end, 1 to 3650; 0 is ephemeral: gone when it ends.
        version_id, study_id: what was watched, and for which study.
        respondent_id, consent_id: whose session it is, and what they agreed to; both or neither.
    """

    grant: Grant
    label_set: str
    step_seconds: float
    retention_days: int
    version_id: UUID | None = None
    study_id: UUID | None = None
    respondent_id: UUID | None = None
    consent_id: UUID | None = None


class Sessions(Repository[SessionRecord]):
    """Sessions of one organisation. One whose time is over is not here any more, though it may not be deleted yet.

    :meth:`stored`, :meth:`hold_open`, :meth:`end`, :meth:`measured` and :meth:`delete` find it until then: what is
    under way in it is finished, and it may be deleted sooner.
    """

    table = tables.sessions
    shape = Shape(SessionRecord, tables.sessions)
    what = "session"

    async def begin(self, draft: SessionDraft) -> SessionRecord:
        """A new session that takes snapshots.

        Raises:
            InvalidError: the retention is out of range, a respondent without a consent or the other way round.
            NotFoundError: the consent does not hold.
            PolicyError: the basis is consent, and no consent is named, or one to something else.
            ConflictError: the version, the study or the respondent is not here.
        """
        if not EPHEMERAL <= draft.retention_days <= LONGEST_RETENTION_DAYS:
            raise InvalidError(
                f"a session is kept for 0 (until it ends) to {LONGEST_RETENTION_DAYS} days, not {draft.retention_days}."
            )
        if draft.step_seconds < 0:
            raise InvalidError(f"a step lasts 0 seconds or more, not {draft.step_seconds}.")
        declared = draft.grant.declaration
        if (draft.respondent_id is None) != (draft.consent_id is None):
            raise InvalidError("a respondent's session needs their consent, and a consent its respondent.")
        if draft.respondent_id is not None and draft.consent_id is not None:
            if declared.basis is not Basis.CONSENT:
                raise InvalidError("a respondent's session rests on consent: declare the basis 'consent'.")
            # Whoever takes it back meanwhile waits, and then finds this session.
            await self._scope.lock_sessions(exclusive=False)
            await Consents(self._scope).require(draft.consent_id, draft.respondent_id)
        elif declared.basis is Basis.CONSENT:
            raise PolicyError(CONSENT_ON_RECORD)
        now = self._scope.now
        await partitions.ensure(self._scope.connection, now.date())
        return await self._add(
            "the version, the study or the respondent is not here.",
            version_id=draft.version_id,
            study_id=draft.study_id,
            respondent_id=draft.respondent_id,
            consent_id=draft.consent_id,
            state=SessionState.OPEN,
            purpose=declared.purpose,
            basis=declared.basis,
            jurisdiction=declared.jurisdiction,
            exception=declared.exception,
            profile=text(draft.grant.profile, "a profile", 40),
            min_group=draft.grant.min_group,
            notices=list(draft.grant.notices),
            label_set=text(draft.label_set, "a label set", 40),
            step_seconds=draft.step_seconds,
            retention_days=draft.retention_days,
            started_on=now.date(),
            started_at=now,
            ended_at=None,
            delete_after=now + LONGEST_OPEN + timedelta(days=draft.retention_days),
        )

    async def hold_open(self, key: UUID) -> bool:
        """Whether a session takes snapshots; it stays as it is until the unit of work ends.

        Of several that would end it at once, one hears yes. As for :meth:`end`, in a unit of work that took no
        snapshots in.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.lock_sessions(exclusive=True)
        return (await self.stored(key)).state is SessionState.OPEN

    async def end(self, key: UUID) -> SessionRecord:
        """Take no further snapshot, and let the time until deletion run; asking again changes nothing.

        Do so in a unit of work that took no snapshots in: two such would wait for each other.
        """
        # No batch that still saw it open may be under way, or a snapshot would follow the end.
        await self._scope.lock_sessions(exclusive=True)
        found = await self.stored(key)
        if found.state is SessionState.ENDED:
            return found
        now = self._scope.now
        await Snapshots(self._scope).seal(key)
        return await self._change(
            key,
            state=SessionState.ENDED,
            ended_at=now,
            # One that is ended late is kept no longer for that.
            delete_after=min(found.delete_after, now + timedelta(days=found.retention_days)),
        )

    async def measured(self, key: UUID, step_seconds: float) -> SessionRecord:
        """Note how long a step of its timeline became, where that was not known when it began.

        Raises:
            InvalidError: it is below 0.
            NotFoundError: there is no such session.
        """
        if step_seconds < 0:
            raise InvalidError(f"a step lasts 0 seconds or more, not {step_seconds}.")
        return await self._change(key, step_seconds=step_seconds)

    async def shorten_retention(self, key: UUID, retention_days: int) -> SessionRecord:
        """Keep a session for less time than was said; more would break what its audience was told.

        Raises:
            NotFoundError: there is no such session.
            ConflictError: that would be longer.
        """
        found = await self.get(key)
        if not EPHEMERAL <= retention_days <= found.retention_days:
            raise ConflictError(
                f"session {key} was to be kept for {found.retention_days} days: it cannot be kept longer."
            )
        since = found.ended_at or found.started_at + LONGEST_OPEN
        return await self._change(
            key, retention_days=retention_days, delete_after=since + timedelta(days=retention_days)
        )

    async def delete(self, key: UUID, actor: str) -> DeletionProof:
        """Delete a session with everything that belongs to it, now.

        Args:
            key: which.
            actor: who asked, for the audit entry.

        Raises:
            NotFoundError: there is no such session.
        """
        await self.stored(key)
        await self._scope.lock_sessions(exclusive=True)
        counts = await deletion.delete_sessions(self._scope, [key])
        if not counts["sessions"]:
            raise NotFoundError.of(self.what, key)
        entry = await Audit(self._scope).record(actor, "session.deleted", "session", key, {"rows_deleted": counts})
        return DeletionProof(self._scope.organisation_id, (key,), counts, entry.at, entry.id)

    def _select(self) -> sa.Select[*tuple[Any, ...]]:
        return super()._select().where(self.table.c.delete_after > self._scope.now)

    async def stored(self, key: UUID) -> SessionRecord:
        """One that is still stored, its time over or not: for what must be finished with it. Callers get none such.

        Raises:
            NotFoundError: it was deleted, or there never was one.
        """
        found = await self._first(super()._select().where(self.table.c.id == key))
        if found is None:
            raise NotFoundError.of(self.what, key)
        return found

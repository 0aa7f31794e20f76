"""What the store hands out: frozen dataclasses whose fields are named as their columns.

Times of day are aware and in UTC; media time is in seconds. No record names its organisation: a unit of work sees one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from mien.core.policy import Basis, Purpose

T_co = TypeVar("T_co", covariant=True)

Json = Mapping[str, Any]


class Role(StrEnum):
    """What somebody may do; each includes those before it."""

    VIEWER = "viewer"
    """Reads results."""
    ANALYST = "analyst"
    """Runs sessions and analyses."""
    ADMIN = "admin"
    """Manages users, keys, webhooks and retention."""

    def includes(self, other: Role) -> bool:
        """Whether this role may do what ``other`` may."""
        order = tuple(Role)
        return order.index(self) >= order.index(other)


class SessionState(StrEnum):
    """Whether a session takes snapshots."""

    OPEN = "open"
    ENDED = "ended"


FILLS: Final = "analysis"
"""Kind of a job that fills the session it is about, from the session's beginning on: nobody else writes there."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether it stays so."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class DeliveryState(StrEnum):
    """Where a webhook's message stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up after too many attempts; it can be replayed."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """Some of a list, in the order things were made.

    Attributes:
        items: at most as many as were asked for.
        after: hand in to go on behind the last item; None at the end.
    """

    items: tuple[T_co, ...]
    after: UUID | None


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """Who signs in.

    Attributes:
        number: for tokens that want a whole number, 1 to 2**52.
        name: unique over all organisations.
        token_generation: of the tokens that are good; grows with whatever ends those that are out.
    """

    id: UUID
    number: int
    name: str
    role: Role
    active: bool
    created_at: datetime
    token_generation: int = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and what a password is checked against."""

    organisation_id: UUID
    user: User
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A program's key, without the secret.

    Attributes:
        hint: the secret's first characters, to tell keys apart.
    """

    id: UUID
    name: str
    hint: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key with its secret, which nothing tells again."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Title:
    """A film, a trailer, a talk: what is watched."""

    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """A cut of a title; ``duration_seconds`` is None when unknown."""

    id: UUID
    title_id: UUID
    name: str
    duration_seconds: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Study:
    """A question put to sessions of a title's versions."""

    id: UUID
    title_id: UUID
    name: str
    question: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Respondent:
    """Somebody who agreed to take part: no name, only what they said of themselves.

    Attributes:
        segments: self-declared, by attribute (``{"age_band": "25-34"}``).
    """

    id: UUID
    segments: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """What a respondent agreed to, and when.

    Attributes:
        wording_sha256: of the text that was agreed to.
        scopes: what for, such as ``measure`` and ``segments``.
    """

    id: UUID
    respondent_id: UUID
    wording_sha256: bytes
    scopes: tuple[str, ...]
    given_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What came of taking a consent back.

    Attributes:
        consent: as it is now.
        sessions_ended: that were open under it.
        jobs_cancelled: of its sessions; those that ran stop within seconds, and keep nothing.
    """

    consent: Consent
    sessions_ended: tuple[UUID, ...] = ()
    jobs_cancelled: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One run of measuring as it is stored.

    Attributes:
        purpose, basis, jurisdiction, exception, profile, min_group, notices: what the policy gate permitted.
        retention_days: kept so long after its end; 0 is ephemeral.
        delete_after: when the sweep deletes it with everything that belongs to it. An open session has one too.
    """

    id: UUID
    version_id: UUID | None
    study_id: UUID | None
    respondent_id: UUID | None
    consent_id: UUID | None
    state: SessionState
    purpose: Purpose
    basis: Basis | None
    jurisdiction: str | None
    exception: str | None
    profile: str
    min_group: int
    notices: tuple[str, ...]
    label_set: str
    step_seconds: float
    retention_days: int
    started_at: datetime
    ended_at: datetime | None
    delete_after: datetime


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A stored document without its content.

    Attributes:
        sha256: of the canonical JSON, which is what a reader gets: an entity tag.
    """

    id: UUID
    session_id: UUID | None
    study_id: UUID | None
    kind: str
    sha256: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """Work to be done once.

    Attributes:
        payload: what to do; holds nothing personal.
        attempts: how often a worker took it.
        progress: 0–1; survives a worker.
        error: why the last attempt failed.
    """

    id: UUID
    session_id: UUID | None
    kind: str
    payload: Json
    state: JobState
    rank: int
    idempotency_key: str | None
    max_attempts: int
    backoff_seconds: float
    timeout_seconds: float
    attempts: int
    run_after: datetime
    cancel_requested: bool
    progress: float
    progress_note: str | None
    result: Json | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended; ``error`` is why it failed."""

    organisation_id: UUID
    job: Job
    state: JobState
    error: str | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a job.

    Attributes:
        fence: grows with every claim; an older one can change nothing.
        lease_until: others may take the job after it unless it was extended.
        deadline_at: the attempt may not last longer.
    """

    organisation_id: UUID
    job: Job
    owner: str
    fence: int
    lease_until: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages about events go.

    Attributes:
        secret: what messages are signed with, as it was handed in (the service seals it).
        events: names of events, or ``*``.
    """

    id: UUID
    url: str
    secret: bytes = field(repr=False)
    events: tuple[str, ...]
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one webhook."""

    id: UUID
    webhook_id: UUID
    session_id: UUID | None
    event: str
    payload: Json
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A sender's hold on one message.

    Attributes:
        webhook: where it goes.
        delivery: what goes; its ``attempts`` counts this one.
        fence: grows with every claim; an older one can change nothing.
    """

    organisation_id: UUID
    webhook: Webhook
    delivery: Delivery
    fence: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject_kind: str
    subject: str | None
    detail: Json


@dataclass(frozen=True, slots=True)
class DeletionProof:
    """What a deletion removed.

    Attributes:
        subjects: what was deleted.
        counts: rows deleted by table; after the deletion each of them was asked again and held none.
        audit_id: the entry that says the same, written in the same transaction.
    """

    organisation_id: UUID
    subjects: tuple[UUID, ...]
    counts: Mapping[str, int]
    deleted_at: datetime
    audit_id: UUID


@dataclass(frozen=True, slots=True)
class SignIn:
    """Something a user can renew their access with, once.

    Attributes:
        family_id: id of the first of those that were renewed one from the other.
        used_at: when it was renewed; it renews nothing any more.
        ended_at: when its family was ended.
    """

    id: UUID
    user_id: UUID
    family_id: UUID
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """A sign-in with its secret, which nothing tells again."""

    sign_in: SignIn
    secret: str = field(repr=False)


class Renewal(StrEnum):
    """What came of asking to renew a sign-in."""

    RENEWED = "renewed"
    UNKNOWN = "unknown"
    """It opens nothing: never issued, over, ended, or its user was shut out."""
    JUST_USED = "just_used"
    """Another request has renewed it within seconds: a second page of the same browser, most likely."""
    STOLEN = "stolen"
    """It was renewed before: somebody has a copy, and its whole family was ended."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of it; a user and a new sign-in where it was renewed, and whose it was where it is known.

    Attributes:
        organisation_id, user: whose.
        next: what renews the next time.
    """

    outcome: Renewal
    organisation_id: UUID | None = None
    user: User | None = None
    next: NewSignIn | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request with an idempotency key came to.

    Attributes:
        actor: whose key it is.
        request_sha256: of everything that was asked.
        carried_out: whether what it changed is kept.
        sealed: the answer as the service sealed it; None while there is none, or where it was lost.
    """

    id: UUID
    actor: str
    key: str
    request_sha256: bytes
    carried_out: bool
    sealed: bytes | None = field(repr=False)
    created_at: datetime

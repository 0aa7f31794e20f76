"""Deletion, audit, the purpose gate and what is told about privacy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from mien.core.policy import Basis, Purpose
from mien.service.schemas.fields import Time
from mien.store import records


class DeletionRecord(BaseModel):
    """The proof of a deletion: an entry of the audit, written in the transaction that deleted."""

    id: UUID
    at: Time
    actor: str = Field(description="Who deleted; `retention` where the time was over.")
    action: str
    subject: str | None = Field(description="The session or the respondent; null where several sessions went at once.")
    sessions: list[UUID] = Field(description="Sessions that went with everything that belonged to them.")
    rows_deleted: dict[str, int] = Field(description="By table; each was asked again afterwards and held none.")

    @classmethod
    def of(cls, entry: records.AuditEntry) -> DeletionRecord:
        """From the entry of the audit."""
        told = entry.detail.get("sessions") or ([entry.subject] if entry.subject_kind == "session" else [])
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            sessions=[UUID(str(key)) for key in told],
            rows_deleted={str(k): int(v) for k, v in entry.detail.get("rows_deleted", {}).items()},
        )


class Swept(BaseModel):
    """What a sweep deleted."""

    deletions: list[DeletionRecord]


class AuditEntry(BaseModel):
    """Who did what to what."""

    id: UUID
    at: Time
    actor: str = Field(description="`user:NUMBER`, `key:ID`, or a part of the service.")
    action: str
    subject_kind: str
    subject: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: records.AuditEntry) -> AuditEntry:
        """As it is answered."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject_kind=entry.subject_kind,
            subject=entry.subject,
            detail=dict(entry.detail),
        )


class Requirement(BaseModel):
    """One way in which a session may be permitted."""

    basis: Basis | None = Field(
        description="null where none needs to be declared; `consent` also names the consent on record."
    )
    jurisdiction: bool = Field(description="Whether the country must be declared.")
    exception: bool = Field(description="Whether an admin must record a reason, which reports then print.")
    notices: list[str] = Field(description="What the operator must heed then.")


class PurposeRules(BaseModel):
    """What must be declared for a purpose."""

    purpose: Purpose
    jurisdiction: str | None
    profile: str
    min_group: int = Field(description="Smallest group that the profile reports.")
    ways: list[Requirement] = Field(
        description="Any of these is enough; empty where nothing permits it, or the country must be told first."
    )
    refusal_without: str | None = Field(description="What is said where nothing more is declared; null if permitted.")


class StoredShape(BaseModel):
    """What is kept of an audience."""

    fields: list[str] = Field(description="Every field that a snapshot can have.")
    json_schema: dict[str, Any] = Field(description="Of a snapshot: nothing else can be stored.")
    contains_pii: bool = Field(description="Whether a field can hold something about one person: it cannot.")


class PrivacyStatement(BaseModel):
    """What the service keeps and what it never keeps: the content of a privacy page."""

    stored: StoredShape
    never_stored: list[str]
    demographic_inference: bool
    min_groups: dict[str, int] = Field(description="Smallest group that is told about, by profile.")
    filtered_min_group: int = Field(description="Smallest number of respondents that a filter may leave.")
    longest_retention_days: int
    longest_open_days: float = Field(description="A session that nobody ends counts as ended after this.")
    rights: list[str]
    notice: str = Field(description="What people must be told before an emotion recognition system sees them.")


class SessionPrivacy(BaseModel):
    """What is true of one session."""

    session_id: UUID
    purpose: Purpose
    basis: Basis | None
    jurisdiction: str | None
    notices: list[str]
    min_group: int
    privacy_level: str = Field(description="`anonymized`, or `personal` where groups of one are reported.")
    contains_pii: bool = Field(description="True where groups of one are reported: a person of one is a person.")
    steps: int
    steps_suppressed: int = Field(description="Steps in which the group was too small: only their time is kept.")
    retention_days: int
    delete_after: Time

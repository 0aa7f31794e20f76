"""People who agreed to take part, and what they agreed to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mien.service.schemas.fields import Time
from mien.store import records
from mien.store.repositories.respondents import LONGEST_VALUE, MOST_SEGMENTS


class ConsentScope(StrEnum):
    """What somebody may agree to."""

    MEASURE = "measure"
    """That their reactions are measured."""
    SEGMENTS = "segments"
    """That what they say of themselves is kept, to filter by."""


Attribute = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Value = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_VALUE, pattern=r"^[^\x00-\x1f]*$")
]
Segments = Annotated[
    dict[Attribute, Value],
    Field(max_length=MOST_SEGMENTS, description='Self-declared, by attribute: `{"age_band": "25-34"}`.'),
]


class NewConsent(BaseModel):
    """What somebody agreed to."""

    model_config = ConfigDict(extra="forbid")

    wording_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256, in hex, of the text that was shown to them, UTF-8. Keep the text: it is not kept here."
    )
    scopes: Annotated[list[ConsentScope], Field(min_length=1, max_length=len(ConsentScope))]


class Consent(BaseModel):
    """What somebody agreed to, and when."""

    id: UUID
    respondent_id: UUID
    wording_sha256: str
    scopes: list[str]
    given_at: Time
    withdrawn_at: Time | None

    @classmethod
    def of(cls, consent: records.Consent) -> Consent:
        """As it is answered."""
        return cls(
            id=consent.id,
            respondent_id=consent.respondent_id,
            wording_sha256=consent.wording_sha256.hex(),
            scopes=list(consent.scopes),
            given_at=consent.given_at,
            withdrawn_at=consent.withdrawn_at,
        )


class Respondent(BaseModel):
    """Somebody who agreed to take part: a number and what they said of themselves, no name."""

    id: UUID
    segments: dict[str, str]
    created_at: Time

    @classmethod
    def of(cls, respondent: records.Respondent) -> Respondent:
        """As it is answered."""
        return cls(id=respondent.id, segments=dict(respondent.segments), created_at=respondent.created_at)


class NewRespondent(BaseModel):
    """Somebody who has just agreed."""

    model_config = ConfigDict(extra="forbid")

    consent: NewConsent
    segments: Segments = Field(default_factory=dict)


class EnrolledRespondent(BaseModel):
    """A new respondent with the consent that sessions of theirs name."""

    respondent: Respondent
    consent: Consent


class Declaration(BaseModel):
    """What somebody says of themselves, in place of what they said before."""

    model_config = ConfigDict(extra="forbid")

    segments: Segments


class Withdrawal(BaseModel):
    """What followed from a consent that was taken back."""

    consent: Consent
    sessions_ended: list[UUID] = Field(description="Sessions under it that ran: they take no further snapshot.")
    jobs_cancelled: list[UUID] = Field(
        description="Their jobs that waited, or ran: those stop within seconds. None keeps anything from now on."
    )
    segments_erased: bool = Field(description="Whether what they said of themselves was deleted: no consent covers it.")
    still_held: str = Field(description="What is still held, and how it goes.")

"""Sessions: what is declared about them, and how they stand."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mien.core.policy import Basis, Purpose
from mien.service.schemas.fields import Time, without_nul
from mien.store import records
from mien.store.records import SessionState
from mien.store.repositories.sessions import LONGEST_RETENTION_DAYS

_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), without_nul]


class NewSession(BaseModel):
    """A session to be. The purpose gate decides whether it may; a refusal says what to declare."""

    model_config = ConfigDict(extra="forbid")

    purpose: Purpose = Field(description="Why the audience is measured.")
    basis: Basis | None = Field(None, description="What permits filming the people shown.")
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = Field(
        None, description="ISO 3166 code of the country whose law applies, or EU."
    )
    exception: _Reason | None = Field(None, description="Reason on record for a purpose that is restricted.")
    profile: Annotated[str, Field(pattern=r"^[a-z]{1,40}$")] = Field("cinema", description="Kind of audience.")
    min_group: int | None = Field(None, ge=1, le=10_000, description="Smallest group told of; the profile's if null.")
    retention_days: int = Field(
        30, ge=0, le=LONGEST_RETENTION_DAYS, description="Kept so long after its end; 0 is gone when it ends."
    )
    step_seconds: float | None = Field(None, ge=0, le=3600, description="Of its timeline; the profile's if null.")
    version_id: UUID | None = Field(None, description="Which version is watched.")
    study_id: UUID | None = None
    respondent_id: UUID | None = Field(None, description="Whose session it is; with the consent they gave.")
    consent_id: UUID | None = None


class Session(BaseModel):
    """One run of measuring."""

    id: UUID
    state: SessionState
    purpose: Purpose
    basis: Basis | None
    jurisdiction: str | None
    exception: str | None
    profile: str
    min_group: int
    notices: list[str] = Field(description="What the operator must heed.")
    label_set: str
    step_seconds: float
    retention_days: int
    version_id: UUID | None
    study_id: UUID | None
    respondent_id: UUID | None
    consent_id: UUID | None
    started_at: Time
    ended_at: Time | None
    delete_after: Time = Field(description="When it is deleted with everything that belongs to it.")

    @classmethod
    def of(cls, session: records.SessionRecord) -> Session:
        """As it is answered."""
        return cls.model_validate({name: getattr(session, name) for name in cls.model_fields})


class SessionChange(BaseModel):
    """What is to be different about a session."""

    model_config = ConfigDict(extra="forbid")

    retention_days: int = Field(ge=0, le=LONGEST_RETENTION_DAYS, description="Less than it was; more is refused.")


class Deletion(BaseModel):
    """Proof of a deletion."""

    subjects: list[UUID] = Field(description="What was deleted.")
    rows_deleted: dict[str, int] = Field(description="By table; each was asked again afterwards and held none.")
    deleted_at: Time
    audit_id: UUID = Field(description="The entry that says the same.")

    @classmethod
    def of(cls, proof: records.DeletionProof) -> Deletion:
        """As it is answered."""
        return cls(
            subjects=list(proof.subjects),
            rows_deleted=dict(proof.counts),
            deleted_at=proof.deleted_at,
            audit_id=proof.audit_id,
        )


class Presence(BaseModel):
    """Who is there."""

    followers: int = Field(description="Following the session live just now, over all replicas.")


class SnapshotRefusal(BaseModel):
    """A snapshot that was not taken."""

    position: int = Field(description="Its place in the batch, from 0.")
    reason: str


class Taken(BaseModel):
    """What became of a batch."""

    accepted: int = Field(description="Stored now, or here already: what came first stays.")
    refused: list[SnapshotRefusal]


class Lane(BaseModel):
    """Snapshots of one source about one zone."""

    source: str
    zone: str
    count: int
    first_seconds: float
    last_seconds: float


class Lanes(BaseModel):
    """What there is of a session."""

    lanes: list[Lane]


class Moment(BaseModel):
    """A stretch of media time worth looking at."""

    kind: str
    subject: str = Field(description="The emotion or metric it was found in.")
    start_seconds: float
    peak_seconds: float
    end_seconds: float
    value: float = Field(description="At the peak, in points 0–100 or the metric's unit.")
    rise: float = Field(description="Above the typical level, same unit.")
    coverage: float = Field(description="Share of the faces seen that was read, 0–1.")
    readable: int
    low: float | None = Field(description="95 % interval over people.")
    high: float | None


class Moments(BaseModel):
    """What was found in a session, in order of the peaks."""

    moments: list[Moment]


class SeriesList(BaseModel):
    """Series of metrics that there are samples of."""

    series: list[str]


class Series(BaseModel):
    """Samples of one metric by columns, in order of media time; null where a value was withheld."""

    slug: str
    unit: str
    time_seconds: list[float]
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]
    tracks: list[int]
    coverage: list[float]
    withheld: list[str | None]


MomentKindName = Literal["peak", "scare", "sustained_tension", "missed_opportunity"]

"""Parts of a study's audience, and comparisons of versions."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from mien.analysis.alignment import Offset, OffsetTable
from mien.service.schemas.fields import Time
from mien.service.studies.comparing import Plan, unit_of
from mien.service.studies.slices import Answer, Asked
from mien.store import records

Series = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,79}$")]
Attribute = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Segments = Annotated[
    dict[Attribute, Annotated[list[Value], Field(min_length=1, max_length=50)]],
    Field(max_length=20, description="Only respondents who declared one of these values, by attribute."),
]
DIGITS = 4


class AudienceSlice(BaseModel):
    """A part of one version's audience over a stretch of time, or all of it. Columns have one entry a step."""

    version_id: UUID
    series: str
    unit: str = Field(description="`points` (0–100), or empty.")
    start_seconds: float
    step_seconds: float
    sessions: int = Field(description="Behind the figures; all those of one respondent count as one.")
    min_group: int = Field(description="Fewest people that a step tells about.")
    mean: list[float | None] = Field(description="Over sessions, by coverage; null where it is withheld or unread.")
    coverage_share: list[float] = Field(description="Mean over sessions.")
    steps_withheld: int = Field(description="Steps in which somebody was read but nothing is told.")
    sessions_not_counted_yet: int = Field(
        description="Sessions that are there and in no figure: with them, what was told before would tell of fewer "
        "than ten people, or their steps are longer than those it was told on."
    )
    demo: bool

    @classmethod
    def of(cls, version_id: UUID, asked: Asked, answer: Answer) -> AudienceSlice:
        """From an answer."""
        audience = answer.audience
        mean = audience.mean(asked.series).tolist()
        _, weights = audience.cells(asked.series)
        return cls(
            version_id=version_id,
            series=asked.series,
            unit=unit_of(asked.series),
            start_seconds=round(audience.base.start_seconds, 6),
            step_seconds=round(audience.base.step_seconds, 6),
            sessions=len(audience),
            min_group=audience.min_group,
            mean=[None if math.isnan(value) else round(value, DIGITS) for value in mean],
            coverage_share=[
                0.0 if math.isnan(value) else round(share, DIGITS)
                for value, share in zip(mean, weights.mean(axis=0).tolist(), strict=True)
            ],
            steps_withheld=answer.withheld_steps,
            sessions_not_counted_yet=answer.left_out,
            demo=audience.demo,
        )


class OffsetStretch(BaseModel):
    """A stretch of a version's media time, and how much later the reference shows it."""

    model_config = ConfigDict(extra="forbid")

    from_seconds: float = Field(ge=0, le=1e6)
    to_seconds: float = Field(gt=0, le=1e6)
    shift_seconds: float = Field(ge=-1e6, le=1e6)


class ComparedVersion(BaseModel):
    """A version to be compared."""

    model_config = ConfigDict(extra="forbid")

    version_id: UUID
    offsets: list[OffsetStretch] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Where its scenes lie in the first version; null where it has the same.",
    )

    def table(self) -> OffsetTable | None:
        """For the alignment."""
        if self.offsets is None:
            return None
        return OffsetTable(tuple(Offset(o.from_seconds, o.to_seconds, o.shift_seconds) for o in self.offsets))


class NewComparison(BaseModel):
    """Versions to be compared: the first with each of the others."""

    model_config = ConfigDict(extra="forbid")

    versions: list[ComparedVersion] = Field(min_length=2, max_length=6)
    series: list[Series] = Field(min_length=1, max_length=12, description="Emotions or metrics, such as fear or shock.")
    segments: Segments = {}
    from_seconds: float = Field(0.0, ge=0, le=1e6)
    to_seconds: float | None = Field(None, gt=0, le=1e6)
    step_seconds: float | None = Field(None, ge=0.04, le=600, description="Of the timeline; null: the longest of any.")
    control: Literal["max_t", "cluster"] = Field(
        "max_t", description="What a finding is: single steps, or stretches (better for long faint differences)."
    )
    level: float = Field(0.05, gt=0, lt=1, description="Chance of any false finding, over everything compared.")
    power: float = Field(0.8, gt=0, lt=1, description="For the least difference that would have been found.")
    shuffles: int = Field(1999, ge=19, le=9999)
    seed: int = Field(0, ge=0, lt=2**63, description="The same seed, the same result.")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if len({v.version_id for v in self.versions}) < len(self.versions):
            raise ValueError("a version is named twice")
        if len(set(self.series)) < len(self.series):
            raise ValueError("a series is named twice")
        if self.versions[0].offsets is not None:
            raise ValueError("the first version is the reference: it has no offsets")
        if self.to_seconds is not None and self.to_seconds <= self.from_seconds:
            raise ValueError("no time lies between from_seconds and to_seconds")
        return self

    def plan(self) -> Plan:
        """How they are compared."""
        return Plan(
            shuffles=self.shuffles,
            level=self.level,
            power=self.power,
            control=self.control,
            seed=self.seed,
            step_seconds=self.step_seconds,
            from_seconds=self.from_seconds,
            to_seconds=math.inf if self.to_seconds is None else self.to_seconds,
            offsets=tuple(version.table() for version in self.versions[1:]),
            filtered=self._filtered(),
        )

    def _filtered(self) -> str | None:
        words = [f"{name} is {' or '.join(sorted(values))}" for name, values in self.segments.items()]
        if self.from_seconds > 0:
            words.append(f"from {self.from_seconds:g} s")
        if self.to_seconds is not None:
            words.append(f"up to {self.to_seconds:g} s")
        return ", ".join(words) or None


_DOCUMENT = {"allOf": [{"$ref": "#/components/schemas/ComparisonDocument"}]}


class ComparisonOrder(BaseModel):
    """The payload of a comparison job.

    Attributes:
        actor, role: who asked, in the audit, and their role then.
        asked: what, without its segments.
        segments: names and values of attributes. As keys, names such as ``age_band`` would be taken for somebody's.
    """

    study_id: UUID
    actor: str
    role: records.Role
    asked: NewComparison
    segments: list[tuple[Attribute, list[Value]]] = []

    @classmethod
    def of(cls, study_id: UUID, actor: str, role: records.Role, asked: NewComparison) -> Self:
        """What is to be compared, as it lies in the job."""
        bare = asked.model_copy(update={"segments": {}})
        return cls(study_id=study_id, actor=actor, role=role, asked=bare, segments=list(asked.segments.items()))

    def comparison(self) -> NewComparison:
        """What was asked for."""
        return self.asked.model_copy(update={"segments": self.asked.segments | dict(self.segments)})


class Comparison(BaseModel):
    """A comparison that was made; its document is at ``/comparisons/{id}``."""

    id: UUID
    study_id: UUID
    created_at: Time

    @classmethod
    def of(cls, report: records.ReportRecord) -> Comparison:
        """As it is answered."""
        assert report.study_id is not None
        return cls(id=report.id, study_id=report.study_id, created_at=report.created_at)


class MadeComparison(Comparison):
    """A comparison that was just made."""

    headline: str = Field(description="What was found, in words.")
    document: Annotated[dict[str, Any], WithJsonSchema(_DOCUMENT)] = Field(
        description="As `comparison.schema.json` (urn:mien:comparison:1) describes it."
    )

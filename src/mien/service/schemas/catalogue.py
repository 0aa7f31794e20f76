"""Titles, their versions, and studies."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mien.service.schemas.fields import Name, Question, Time
from mien.store import records

Duration = Annotated[float, Field(gt=0, le=1e6, description="Seconds.")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Title(BaseModel):
    """A film, a trailer, a talk: what is watched."""

    id: UUID
    name: str
    created_at: Time

    @classmethod
    def of(cls, title: records.Title) -> Title:
        """As it is answered."""
        return cls(id=title.id, name=title.name, created_at=title.created_at)


class NewTitle(_Asked):
    """A title to be, or what it is called from now on."""

    name: Name


class Version(BaseModel):
    """A cut of a title."""

    id: UUID
    title_id: UUID
    name: str
    duration_seconds: float | None
    created_at: Time

    @classmethod
    def of(cls, version: records.Version) -> Version:
        """As it is answered."""
        return cls(
            id=version.id,
            title_id=version.title_id,
            name=version.name,
            duration_seconds=version.duration_seconds,
            created_at=version.created_at,
        )


class NewVersion(_Asked):
    """A version to be."""

    name: Name
    duration_seconds: Duration | None = None


class VersionChange(_Asked):
    """What is to be different about a version; what is left out stays."""

    name: Name | None = None
    duration_seconds: Duration | None = None


class Study(BaseModel):
    """A question put to sessions of a title's versions."""

    id: UUID
    title_id: UUID
    name: str
    question: str
    created_at: Time

    @classmethod
    def of(cls, study: records.Study) -> Study:
        """As it is answered."""
        return cls(
            id=study.id,
            title_id=study.title_id,
            name=study.name,
            question=study.question,
            created_at=study.created_at,
        )


class NewStudy(_Asked):
    """A study to be."""

    title_id: UUID
    name: Name
    question: Question


class StudyChange(_Asked):
    """What is to be different about a study; what is left out stays."""

    name: Name | None = None
    question: Question | None = None

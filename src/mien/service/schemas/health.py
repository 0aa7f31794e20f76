"""Whether the service can be used."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class PartHealth(BaseModel):
    """A part of the service."""

    ready: bool


class MissingWeights(BaseModel):
    """Weights that this process lacks."""

    name: str
    remedy: str = Field(description="What the operator can do.")


class AnalysisHealth(BaseModel):
    """Whether this process can read faces."""

    ready: bool
    missing: list[MissingWeights]


class Health(BaseModel):
    """The service as a load balancer sees it."""

    status: Literal["ready", "unavailable", "draining"]
    database: PartHealth
    bus: PartHealth
    analysis: AnalysisHealth = Field(description="A service that cannot analyse still answers: it stays ready.")

"""Whether the service can be used."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class PartHealth(BaseModel):
    """A part of the service."""

    ready: bool


class Health(BaseModel):
    """The service as a load balancer sees it."""

    status: Literal["ready", "unavailable", "draining"]
    database: PartHealth
    bus: PartHealth

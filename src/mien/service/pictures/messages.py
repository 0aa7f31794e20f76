"""What the service and the processes that read pictures tell each other: one JSON object a packet.

What comes from a process that has seen a stranger's file is trusted in nothing but its shape.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from mien.core.settings import Settings
from mien.runtime.predict import Prediction
from mien.service.work.requests import Declared

LONGEST_PACKET: Final = 16_384
READY: Final = b"ready"
FORK: Final = b"fork"
_SUM_TOLERANCE: Final = 1e-3


class Preparation(Settings):
    """What the template is to open, and what the processes that it forks may use."""

    control_handle: int = Field(ge=3)
    """Descriptor of the socket that it hears orders by."""
    parent: int
    """Process that started it."""
    declared: Declared
    memory_bytes: int
    cpu_seconds: int


class PictureJob(Settings):
    """How the file that comes along is to be read."""

    longest_seconds: float
    """Of a clip."""


class Told(Settings):
    """What the faces show."""

    kind: Literal["read"] = "read"
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(min_length=1, max_length=64)
    readings: int = Field(ge=1)
    sightings: int = Field(ge=1)
    frames: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_a_distribution(self) -> Self:
        if not math.isclose(math.fsum(self.shares.values()), 1.0, abs_tol=_SUM_TOLERANCE):
            raise ValueError("shares do not sum to 1")
        return self

    def prediction(self) -> Prediction:
        """The same as it is worked with."""
        return Prediction(self.shares, self.readings, self.sightings, self.frames)


class Refused(Settings):
    """Why it cannot be read, in words for whoever sent it."""

    kind: Literal["nobody", "unsupported", "too_large", "invalid"]
    message: str = Field(max_length=1000)


class Failed(Settings):
    """What went wrong inside: an error's type and where, without its message, which may quote what was sent."""

    kind: Literal["failed"] = "failed"
    error: str = Field(max_length=200)
    where: str = Field(max_length=1000)


Answer = Annotated[Told | Refused | Failed, Field(discriminator="kind")]
ANSWERS: Final[TypeAdapter[Told | Refused | Failed]] = TypeAdapter(Answer)

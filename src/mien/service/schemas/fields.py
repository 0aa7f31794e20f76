"""Fields that several resources have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, StringConstraints, WithJsonSchema


def _written(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _without_nul(value: Any) -> Any:
    if "\0" in value:
        raise ValueError("a text cannot hold NUL")
    return value


Time = Annotated[
    AwareDatetime,
    PlainSerializer(_written, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-21T20:15:00.000Z"]}),
]
"""A time of day: with its zone in requests, in UTC with a Z in answers."""

without_nul = AfterValidator(_without_nul)
"""Of texts: PostgreSQL stores no NUL."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    without_nul,
]
"""What a person calls something."""

Question = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(_without_nul),
]
"""What a study asks."""

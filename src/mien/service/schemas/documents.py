"""Documents that are sent as they are stored or taken as they come: what the description says of their shapes is read
from who writes and reads them, so that clients are generated with types for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaMode

from mien.core.audience import AudienceSnapshot
from mien.report.comparison import ComparisonDocument
from mien.report.document import Report
from mien.service.schemas.work import JOB_RESULTS

Numbers = list[float | None]


class EmotionColumns(BaseModel):
    """A column an emotion, 0–100 points; null where it was not told."""

    neutral: Numbers
    happiness: Numbers
    surprise: Numbers
    sadness: Numbers
    anger: Numbers
    disgust: Numbers
    fear: Numbers
    contempt: Numbers


class TimelineColumns(BaseModel):
    """A timeline by columns, an entry a step in order of media time; null is what was not told."""

    time_seconds: list[float]
    duration_seconds: list[float]
    suppressed: list[bool]
    demo: list[bool]
    frames: list[int | None]
    present: list[int | None]
    readable: list[int | None]
    tracks: list[int | None]
    coverage: Numbers
    facing_share: Numbers
    synchrony: Numbers
    emotions: EmotionColumns
    low: EmotionColumns | None = Field(None, description="Where intervals were asked for.")
    high: EmotionColumns | None = None


class TimelineDocument(BaseModel):
    """One lane of a session's timeline."""

    session_id: str
    source: str
    zone: str
    count: int
    columns: TimelineColumns


DOCUMENTS: Final[Mapping[str, tuple[type[BaseModel], JsonSchemaMode]]] = {
    "AudienceSnapshot": (AudienceSnapshot, "validation"),
    "ReportDocument": (Report, "serialization"),
    "ComparisonDocument": (ComparisonDocument, "serialization"),
    "TimelineDocument": (TimelineDocument, "serialization"),
    **{model.__name__: (model, "serialization") for model in JOB_RESULTS},
}
"""Names under ``#/components/schemas``, and what each is the shape of."""
_PLACE: Final = "#/components/schemas/"


def shape_of(name: str) -> dict[str, Any]:
    """A reference to one of :data:`DOCUMENTS`."""
    if name not in DOCUMENTS:
        raise KeyError(name)
    return {"$ref": _PLACE + name}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """A description of the API with every document's shape, and those of its parts, among its schemas.

    A part whose name something else has already is called after its document.
    """
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name, (model, mode) in DOCUMENTS.items():
        shape = model.model_json_schema(ref_template=_PLACE + "{model}", mode=mode)
        parts = shape.pop("$defs", {})
        shape["title"] = name
        taken = {one: f"{name}{one}" for one, part in parts.items() if schemas.get(one, part) != part}
        for one, part in parts.items():
            known = taken.get(one, one)
            schemas[known] = {**_renamed(part, taken), "title": known}
        schemas[name] = _renamed(shape, taken)
    told: dict[str, Any] = for_generators(schema)
    return told


def for_generators(shape: Any) -> Any:
    """The same shape, said in a way that generators of clients understand.

    Keys that follow a pattern are ``propertyNames`` beside ``additionalProperties``, not ``patternProperties``; a whole
    number that is always the same is an ``enum`` of one, not a ``const``.
    """
    if isinstance(shape, list):
        return [for_generators(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    told = {key: for_generators(value) for key, value in shape.items()}
    if type(told.get("const")) is int:
        told["enum"] = [told.pop("const")]
    patterns = told.get("patternProperties")
    if isinstance(patterns, dict) and len(patterns) == 1 and "properties" not in told:
        [(pattern, values)] = patterns.items()
        del told["patternProperties"]
        told.update(additionalProperties=values, propertyNames={"pattern": pattern})
    return told


def _renamed(shape: Any, names: Mapping[str, str]) -> Any:
    if isinstance(shape, list):
        return [_renamed(one, names) for one in shape]
    if not isinstance(shape, dict):
        return shape
    told = {key: _renamed(value, names) for key, value in shape.items()}
    reference = told.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PLACE):
        one = reference.removeprefix(_PLACE)
        told["$ref"] = _PLACE + names.get(one, one)
    return told

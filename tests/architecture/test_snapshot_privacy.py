"""A serialised snapshot cannot hold a box, an id or pixels: its schema has no room for them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from mien.core.audience import AudienceSnapshot, AudienceStep, EmotionPercents, LabelView, Replicates, UnreadCounts
from mien.core.faces import UnreadReason
from mien.core.labels import EMOTIONS
from mien.core.privacy import is_personal_key

SCHEMA: dict[str, Any] = AudienceSnapshot.model_json_schema()

TIME_AND_PLACE = {"schema_version", "session_id", "source", "zone", "media_time", "duration_seconds"}
ALLOWED = {
    *TIME_AND_PLACE,
    "suppressed", "demo", "frames", "present", "readable", "tracks", "coverage", "unread", "emotions", "covariance",
    "shares", "facing_share", "synchrony", "intervals", "view", "model",
    *EMOTIONS, "low", "high", "too_small", "blurred", "turned_away", "cut_off", "over_cap", "label_set", "percents",
}  # fmt: skip
"""Every name a snapshot may hold. Before adding one, say in a decision record why it cannot tell of one person."""
FEW_NUMBERS = {3, 36}
"""Lengths of its arrays: shares above three thresholds, and the upper triangle of an 8×8 covariance."""


def nodes(node: Any, place: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a JSON Schema with its place."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from nodes(value, f"{place}.{key}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from nodes(value, f"{place}[{position}]")


def faults(schema: dict[str, Any]) -> list[str]:
    """What in a schema leaves room for a face."""
    found = []
    for place, node in nodes(schema):
        properties = node.get("properties", {})
        if not isinstance(properties, dict):
            properties = {}
        if not place.endswith(".properties"):
            found += [f"{place}: {n} is not an allowed name" for n in properties if n not in ALLOWED]
            found += [f"{place}: {n} is a personal name" for n in properties if is_personal_key(n)]
        kind = node.get("type")
        if kind == "object" and node.get("additionalProperties") is not False:
            found.append(f"{place}: takes further properties")
        if "patternProperties" in node and "maxProperties" not in node:
            found.append(f"{place}: takes any number of properties")
        if kind == "string" and not ("pattern" in node or "const" in node or "enum" in node):
            found.append(f"{place}: a text without bounds")
        if kind == "array":
            found += [f"{place}: {fault}" for fault in array_faults(node)]
        if kind is None and not node.keys() & {"anyOf", "$ref", "const", "enum"} and "title" in node:
            found.append(f"{place}: any value at all")
    return found


def array_faults(node: dict[str, Any]) -> list[str]:
    """What in an array's schema leaves room for a box, landmarks, an embedding or pixels."""
    length = node.get("maxItems")
    if length is None or node.get("minItems") != length:
        return ["an array without a fixed length"]
    if length not in FEW_NUMBERS:
        return [f"an array of {length}"]
    items = [*node.get("prefixItems", []), *([node["items"]] if isinstance(node.get("items"), dict) else [])]
    return [f"an array of {item.get('type')}" for item in items if item.get("type") != "number"]


def test_the_schema_has_no_room_for_a_face() -> None:
    assert faults(SCHEMA) == []


def test_every_allowed_name_is_used() -> None:
    used = {n for place, node in nodes(SCHEMA) if not place.endswith(".properties") for n in node.get("properties", {})}
    assert used == ALLOWED


def test_the_ids_it_holds_name_a_session_and_a_model_not_a_person() -> None:
    texts = {place.split(".")[2] for place, node in nodes(SCHEMA["properties"], "$.p") if node.get("type") == "string"}
    assert texts == {"session_id", "source", "zone", "model"}


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("box", {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}),
        ("corners", {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}),
        ("zone", {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}),
        ("zone", {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
        ("zone", {"type": "array", "items": {"type": "number"}}),
        ("zone", {"type": "array", "items": {"type": "string", "pattern": "^a$"}, "minItems": 3, "maxItems": 3}),
        ("zone", {"type": "string"}),
        ("zone", {"type": "object", "additionalProperties": {"type": "number"}}),
        ("zone", {"title": "Zone"}),
        ("track_id", {"type": "integer"}),
        ("faces", {"type": "integer"}),
    ],
)
def test_a_planted_field_is_found(name: str, planted: dict[str, Any]) -> None:
    schema = copy.deepcopy(SCHEMA)
    schema["properties"][name] = planted
    assert faults(schema)


@pytest.mark.parametrize("name", ["box", "bbox", "track_id", "person", "pixels", "landmarks", "embedding", "note"])
def test_a_further_field_is_refused_by_type_and_by_schema(name: str) -> None:
    document = {**full().model_dump(mode="json", exclude_none=True), name: 1}
    with pytest.raises(ValidationError, match="Extra inputs"):
        AudienceSnapshot.model_validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_every_part_forbids_further_fields_and_is_frozen() -> None:
    def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
        yield model
        for child in model.__subclasses__():
            yield from parts(child)

    for part in parts(AudienceSnapshot.__mro__[1]):
        assert part.model_config.get("extra") == "forbid", part
        assert part.model_config.get("frozen") is True, part


@pytest.mark.parametrize(
    "percents",
    [{"box": 1.0}, {"happy": 1.0}, {}, {"angry": 1.0, "disgust": 1, "fear": 1, "happy": 1, "sad": 1, "surprise": 1}],
)
def test_a_view_holds_the_labels_of_its_set_and_nothing_else(percents: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="holds its labels in order"):
        LabelView(label_set="cinema7", percents=percents)


def test_the_reasons_counted_are_the_reasons_known() -> None:
    assert set(UnreadCounts.model_fields) == {reason.value for reason in UnreadReason}


def test_replicates_cannot_be_serialised() -> None:
    replicates = Replicates(np.zeros((200, 8), np.float32))
    step = AudienceStep(AudienceSnapshot(session_id="s", media_time=0, duration_seconds=1, suppressed=True), replicates)
    for held in (replicates, step):
        with pytest.raises(TypeError, match="never leave the process"):
            pickle.dumps(held)
        with pytest.raises(TypeError, match="never leave the process"):
            copy.deepcopy(held)
        with pytest.raises(TypeError):
            json.dumps(held)


def test_a_suppressed_snapshot_holds_time_only() -> None:
    snapshot = AudienceSnapshot(session_id="s", media_time=2, duration_seconds=0.5, suppressed=True)
    told = {name for name, value in snapshot.model_dump(mode="json").items() if value is not None}
    assert told == {*TIME_AND_PLACE, "suppressed", "demo"}
    held = full().model_dump(exclude_none=True)
    for name in held.keys() - {*TIME_AND_PLACE, "suppressed", "demo"}:
        with pytest.raises(ValidationError, match=f"holds time only, but has {name}"):
            AudienceSnapshot(session_id="s", media_time=2, duration_seconds=0.5, suppressed=True, **{name: held[name]})


def full() -> AudienceSnapshot:
    """A snapshot with every field that a value of one track can have."""
    return AudienceSnapshot(
        session_id="s",
        media_time=2.0,
        duration_seconds=0.5,
        suppressed=False,
        frames=15,
        present=3,
        readable=2,
        tracks=2,
        coverage=0.7,
        unread=UnreadCounts(blurred=4),
        emotions=EmotionPercents.of([12.5] * 8),
        covariance=tuple([0.0] * 36),
        facing_share=1.0,
        synchrony=0.0,
        model="0" * 64,
    )

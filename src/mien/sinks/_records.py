"""What a snapshot is written as, one JSON object, by every sink that writes JSON."""

from __future__ import annotations

import json
from typing import Literal, TypedDict

from mien.core.audience import AudienceSnapshot
from mien.core.errors import PolicyError
from mien.core.policy import LEAST_GROUP_WITHOUT_BASIS

Shape = Literal["snapshot", "anonymised"]


class AnonymisedRecord(TypedDict):
    """An audience at one moment, as earlier systems' clients expect it: emotions 0–100 over the faces read."""

    session_id: str
    timestamp: float
    audience_size: int
    emotions: dict[str, float]
    privacy_level: Literal["anonymized"]
    contains_pii: Literal[False]


def check_shape(shape: Shape, min_group: int) -> None:
    """Refuse to call a few people anonymous.

    Args:
        shape: asked for.
        min_group: the session's minimum group.

    Raises:
        PolicyError: ``anonymised`` for a session that reports groups too small to be told about without a basis.
    """
    if shape == "anonymised" and min_group < LEAST_GROUP_WITHOUT_BASIS:
        raise PolicyError(
            f"the anonymised shape cannot be written for a session that reports groups of {min_group}: so few people "
            f"are not anonymous. Use '--min-group {LEAST_GROUP_WITHOUT_BASIS}', or the snapshot shape."
        )


def record(snapshot: AudienceSnapshot, shape: Shape, min_group: int) -> str | None:
    """A snapshot as one line of JSON, or None where it has none in this shape.

    Args:
        snapshot: what was measured.
        shape: ``snapshot`` is its own schema; ``anonymised`` is :class:`AnonymisedRecord`, of groups only.
        min_group: the session's minimum group.
    """
    if shape == "snapshot":
        return snapshot.model_dump_json(exclude_none=True)
    if snapshot.suppressed or not snapshot.emotions or (snapshot.readable or 0) < min_group:
        return None
    return json.dumps(anonymised_record(snapshot), ensure_ascii=False)


def anonymised_record(snapshot: AudienceSnapshot) -> AnonymisedRecord:
    """The record of one snapshot, in the session's own label set.

    Raises:
        ValueError: the snapshot is suppressed, or holds fewer than :data:`LEAST_GROUP_WITHOUT_BASIS` people.
    """
    if snapshot.suppressed or snapshot.emotions is None or (snapshot.readable or 0) < LEAST_GROUP_WITHOUT_BASIS:
        raise ValueError(f"the snapshot at {snapshot.media_time} s holds no group: it has no anonymised record")
    percents = snapshot.view.percents if snapshot.view is not None else snapshot.emotions.model_dump()
    return {
        "session_id": snapshot.session_id,
        "timestamp": float(snapshot.media_time),
        "audience_size": snapshot.readable or 0,
        "emotions": {label: round(value, 1) for label, value in percents.items()},
        "privacy_level": "anonymized",
        "contains_pii": False,
    }

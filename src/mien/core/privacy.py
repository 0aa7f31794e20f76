"""The last look at a document before it is written: no key in it may promise something about one person.

Types already keep faces out (``core/audience.py``); this catches what a later change might carry past them, in the
words that people use for it. It reads keys, and values that hold a picture; it cannot know what a number means.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from mien.core.errors import PolicyError
from mien.core.policy import Grant

FORBIDDEN_WORDS: Final = frozenset(
    (
        "bbox", "bboxes", "box", "boxes", "keypoint", "keypoints", "landmark", "landmarks",
        "biometric", "biometrics", "descriptor", "embedding", "embeddings", "faceprint", "identity",
        "base64", "crop", "crops", "jpeg", "jpg", "png", "thumbnail", "thumbnails",
        "age", "ethnicity", "gender", "race", "sex",
        "address", "birthday", "birthdate", "email", "firstname", "lastname", "phone", "surname", "username",
    )
)  # fmt: skip
"""A key that holds one of these among its words is personal: ``face_box``, ``faceBox``, ``face-boxes``."""

FORBIDDEN_KEYS: Final = frozenset(
    (
        "face", "faces", "face_id", "face_ids", "face_image", "frame_image", "image", "images", "picture", "pictures",
        "pixel", "pixels", "rectangle", "roi", "vector",
        "id", "ids", "people", "person", "person_id", "person_ids", "respondent", "respondent_id", "track", "track_id",
        "track_ids", "tracking_id", "user", "user_id", "viewer", "viewer_id",
        "first_name", "full_name", "last_name", "person_name", "user_name",
        "replicate", "bootstrap",
    )
)  # fmt: skip
"""Keys that are personal as a whole, though their words occur in harmless ones (``max_faces``, ``session_id``)."""

_PICTURE: Final = re.compile(r"data:(image|video)/|(/9j/|iVBORw0KGgo|R0lGOD)[A-Za-z0-9+/]{64}")
"""A data URI, or the base64 start of a JPEG, PNG or GIF."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")


class PrivacySection(BaseModel):
    """What a report says about its own privacy.

    Attributes:
        personal_data: True when single people are told about; nothing of ours then calls the report anonymous.
        min_group: the smallest number of readable faces that is told about.
        steps_suppressed: steps that held fewer, of which only the time is told.
        keys_checked: different keys that were looked at; had one been personal, there would be no report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    personal_data: bool
    min_group: int = Field(ge=1)
    steps_suppressed: int = Field(ge=0)
    keys_checked: int = Field(ge=0)


def privacy_section(grant: Grant, keys: frozenset[str], steps_suppressed: int) -> PrivacySection:
    """The section for a report made under ``grant`` whose ``keys`` passed :func:`assert_no_personal_keys`."""
    return PrivacySection(
        personal_data=grant.min_group == 1,
        min_group=grant.min_group,
        steps_suppressed=steps_suppressed,
        keys_checked=len(keys),
    )


@functools.lru_cache(4096)
def is_personal_key(key: str) -> bool:
    """Whether a key, however it is spelled, promises something about one person."""
    words = [word.lower() for word in _WORD.findall(key) if word[0].isalnum()]
    return "_".join(words) in FORBIDDEN_KEYS or any(word in FORBIDDEN_WORDS for word in words)


def assert_no_personal_keys(document: object) -> frozenset[str]:
    """Look through a document of mappings, sequences and plain values before it is written.

    Args:
        document: what would be written, as ``model_dump(mode="json")`` gives it.

    Returns:
        Every key in it.

    Raises:
        PolicyError: a key is personal or a text holds a picture; the message says where. Write nothing.
    """
    keys: set[str] = set()
    try:
        _walk(document, keys)
    except _OffenceError as offence:
        raise _refusal("$" + "".join(reversed(offence.place)), offence.problem) from None
    return frozenset(keys)


class _OffenceError(Exception):
    """What may not be written, and where: the innermost step first, as it is known on the way out."""

    def __init__(self, problem: str, *place: str) -> None:
        self.problem, self.place = problem, list(place)


_PLAIN: Final = frozenset({int, float, bool, type(None)})


def _walk(node: object, keys: set[str]) -> None:
    if type(node) in _PLAIN:
        return
    if isinstance(node, str):
        if _PICTURE.search(node):
            raise _OffenceError("holds a picture")
    elif isinstance(node, Mapping):
        for key, value in node.items():
            name = str(key)
            if name not in keys and is_personal_key(name):
                raise _OffenceError("names something about one person", f".{name}")
            keys.add(name)
            try:
                _walk(value, keys)
            except _OffenceError as offence:
                offence.place.append(f".{name}")
                raise
    elif isinstance(node, bytes | bytearray | memoryview):
        raise _OffenceError("holds raw bytes")
    elif isinstance(node, Sequence):
        for position, value in enumerate(node):
            try:
                _walk(value, keys)
            except _OffenceError as offence:
                offence.place.append(f"[{position}]")
                raise


def _refusal(place: str, problem: str) -> PolicyError:
    return PolicyError(
        f"the report would not be anonymous: {place} {problem}. Nothing was written. This is a defect in Mien or in a "
        "plug-in: report it with this message."
    )

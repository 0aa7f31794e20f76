"""Snapshots as JSON, straight into what the store keeps: a batch arrives by the hundred, many times a second.

:class:`~mien.core.audience.AudienceSnapshot` says what a snapshot is. What is written in the plain way is read here
without making one, ten times faster; whatever is not is handed to ``AudienceSnapshot``, which decides and says why. A
test holds that both keep the same bytes of the same JSON, and that nothing is taken here that it would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
import pydantic_core
from msgspec import Meta, Struct
from pydantic import ValidationError

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot
from mien.core.labels import label_set
from mien.store.errors import InvalidError
from mien.store.packing import Packed, pack_alike, packed
from mien.store.repositories.snapshots import Refusal

_Percent = Annotated[float, Meta(ge=0, le=100)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Shares = tuple[_Share, _Share, _Share]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Seconds = Annotated[float, Meta(ge=0)]
_Slug = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]
_Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Plain(Struct, forbid_unknown_fields=True, gc=False):
    """No further field can be carried in, whatever a client sends."""


class _Emotions(_Plain):
    neutral: _Percent
    happiness: _Percent
    surprise: _Percent
    sadness: _Percent
    anger: _Percent
    disgust: _Percent
    fear: _Percent
    contempt: _Percent


class _Interval(_Plain):
    low: _Percent
    high: _Percent


class _Intervals(_Plain):
    neutral: _Interval
    happiness: _Interval
    surprise: _Interval
    sadness: _Interval
    anger: _Interval
    disgust: _Interval
    fear: _Interval
    contempt: _Interval


class _EmotionShares(_Plain):
    neutral: _Shares
    happiness: _Shares
    surprise: _Shares
    sadness: _Shares
    anger: _Shares
    disgust: _Shares
    fear: _Shares
    contempt: _Shares


class _Unread(_Plain):
    too_small: _Count = 0
    blurred: _Count = 0
    turned_away: _Count = 0
    cut_off: _Count = 0
    over_cap: _Count = 0


class _View(_Plain):
    label_set: Annotated[str, Meta(max_length=64)]
    percents: Annotated[dict[Annotated[str, Meta(max_length=32)], _Percent], Meta(max_length=16)]


class _Snapshot(_Plain):
    session_id: _Slug
    media_time: _Seconds
    duration_seconds: _Seconds
    suppressed: bool
    schema_version: Literal[1] = 1
    source: _Slug = "main"
    zone: _Slug = WHOLE_AUDIENCE
    demo: bool = False
    frames: _Count | None = None
    present: _Count | None = None
    readable: _Count | None = None
    tracks: _Count | None = None
    coverage: _Share | None = None
    unread: _Unread | None = None
    emotions: _Emotions | None = None
    covariance: Annotated[tuple[float, ...], Meta(min_length=36, max_length=36)] | None = None
    shares: _EmotionShares | None = None
    facing_share: _Share | None = None
    synchrony: Annotated[float, Meta(ge=-1, le=1)] | None = None
    intervals: _Intervals | None = None
    view: _View | None = None
    model: _Sha256 | None = None


_FIGURES: Final = (
    "frames", "present", "readable", "tracks", "coverage", "unread", "emotions", "covariance", "shares",
    "facing_share", "synchrony", "intervals", "view", "model",
)  # fmt: skip
_MANY: Final = msgspec.json.Decoder(list[_Snapshot])


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a body holds.

    Attributes:
        count: snapshots in it, refused ones too.
        packed: those that may be stored, by their place in the body.
        refused: those that are no snapshots, and why. What they held is not repeated.
    """

    count: int
    packed: tuple[tuple[int, Packed], ...]
    refused: tuple[Refusal, ...]


def decode(body: bytes, *, most: int) -> Decoded:
    """Read a JSON array of snapshots, or one snapshot.

    Args:
        body: UTF-8.
        most: items at most.

    Raises:
        InvalidError: it is no JSON, no array or object, or holds more.
    """
    if body.lstrip(b" \t\r\n")[:1] == b"{":
        body = b"[" + body + b"]"
    try:
        found = _MANY.decode(body)
        if len(found) <= most:
            return Decoded(len(found), tuple([(i, _packed(one)) for i, one in enumerate(found)]), ())
    except (msgspec.MsgspecError, _NotPlainError, InvalidError, UnicodeDecodeError, RecursionError):
        pass
    return _decode_each(body, most)


class _NotPlainError(Exception):
    """Something that only ``AudienceSnapshot`` can judge."""


def _packed(snapshot: _Snapshot) -> Packed:
    if snapshot.suppressed and any(getattr(snapshot, name) is not None for name in _FIGURES):
        raise _NotPlainError
    view = snapshot.view
    if view is not None:
        try:
            labels = label_set(view.label_set).labels
        except Exception as error:
            raise _NotPlainError from error
        if tuple(view.percents) != labels:
            raise _NotPlainError
    told = (snapshot.session_id, snapshot.source, snapshot.zone, snapshot.media_time, snapshot.readable)
    return Packed(*told, *pack_alike(snapshot))


def _decode_each(body: bytes, most: int) -> Decoded:
    try:
        items: Any = pydantic_core.from_json(body, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidError("the body is no JSON: send an array of snapshots.") from error
    if not isinstance(items, list):
        raise InvalidError("the body is no array of snapshots.")
    if len(items) > most:
        raise InvalidError(f"at most {most} snapshots at once, not {len(items)}: send smaller batches.")
    taken: list[tuple[int, Packed]] = []
    refused: list[Refusal] = []
    for position, item in enumerate(items):
        try:
            taken.append((position, packed(AudienceSnapshot.model_validate(item))))
        except ValidationError as error:
            refused.append(Refusal(position, _why(error)))
        except InvalidError as error:
            refused.append(Refusal(position, str(error)))
    return Decoded(len(items), tuple(taken), tuple(refused))


def _why(error: ValidationError) -> str:
    """The first thing that is wrong: where, and what; never the value."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    known = [str(part) for part in first["loc"] if part in AudienceSnapshot.model_fields or isinstance(part, int)]
    where = ".".join(known)
    if first["type"] == "extra_forbidden":
        return f"it holds a field that no snapshot has{f' in {where}' if where else ''}."
    what = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where}: {what}." if where else f"{what}."

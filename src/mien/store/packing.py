"""Snapshots as fixed-width rows that a timeline is read from by the thousand, and the rest of each beside them.

``figures`` is one element of :data:`ROW`, little-endian: rows joined in order of media time *are* the columns.
``detail`` is what only a whole snapshot needs. Media time and durations are kept in double precision, every other
figure in single, which is how the pipeline computes them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mien.core.audience import (
    AudienceSnapshot,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    Interval,
    LabelView,
    UnreadCounts,
)
from mien.core.labels import EMOTIONS, label_set
from mien.store.errors import InvalidError

LATEST_SECONDS: Final = 1e6
"""Media time at which a snapshot ends at the latest: eleven days, far beyond any film."""
TOO_LATE: Final = (
    "its media time and duration end after 1,000,000 seconds: media time is counted in seconds from the beginning of "
    "what is watched. This looks like a time of day (seconds since 1970), or like milliseconds."
)

ROW: Final = np.dtype(
    [
        ("media_time", "<f8"),
        ("duration_seconds", "<f8"),
        ("suppressed", "?"),
        ("demo", "?"),
        ("format", "u1"),
        ("spare", "u1"),
        ("frames", "<i4"),
        ("present", "<i4"),
        ("readable", "<i4"),
        ("tracks", "<i4"),
        ("coverage", "<f4"),
        ("facing_share", "<f4"),
        ("synchrony", "<f4"),
        ("emotions", "<f4", (8,)),
        ("low", "<f4", (8,)),
        ("high", "<f4", (8,)),
    ]
)
"""One step. Counts that are not told are -1, other figures NaN."""
FORMAT: Final = 1

_ROW: Final = struct.Struct("<dd??BB4i27f")
_TOLD: Final = struct.Struct("<16x?7x3i4x3f")
"""Whether a step is suppressed, its present, readable and tracks, and one figure of each kind that is about people."""
_UNTOLD: Final = (-1,) * 4 + (math.nan,) * 27
_NAN8: Final = (math.nan,) * 8
_LARGEST_COUNT: Final = 2**31 - 1
_UNREAD: Final = tuple(UnreadCounts.model_fields)

# These take the values out at the speed of C: a batch holds thousands of snapshots.
_OF_EACH: Final = attrgetter(*EMOTIONS)
_BOUNDS: Final = attrgetter(*(f"{e}.low" for e in EMOTIONS), *(f"{e}.high" for e in EMOTIONS))
_REASONS: Final = attrgetter(*_UNREAD)

_MODEL, _UNREAD_TOLD, _SHARES, _COVARIANCE, _VIEW = (1 << i for i in range(5))
_OF_PEOPLE: Final = _UNREAD_TOLD | _SHARES | _COVARIANCE | _VIEW
_SHARES_STRUCT: Final = struct.Struct("<24f")
_COVARIANCE_STRUCT: Final = struct.Struct("<36f")
_UNREAD_STRUCT: Final = struct.Struct(f"<{len(_UNREAD)}i")

assert _ROW.size == ROW.itemsize


@dataclass(frozen=True, slots=True)
class TimelineColumns:
    """A timeline by columns.

    Attributes:
        rows: N elements of :data:`ROW` in order of media time; read a column as ``rows["emotions"]`` (float32 N×8).
    """

    rows: npt.NDArray[np.void]

    @classmethod
    def of(cls, packed: bytes) -> TimelineColumns:
        """From rows joined in order of media time."""
        return cls(np.frombuffer(packed, ROW))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return np.asarray(self.rows[column])


class Packed(NamedTuple):
    """A snapshot on its way into the store; ``readable`` is looked at once more before it is kept."""

    session_id: str
    source: str
    zone: str
    media_time: float
    readable: int | None
    figures: bytes
    detail: bytes | None


def below_group(snapshot: Packed, min_group: int) -> str | None:
    """Why a snapshot tells of fewer people than may be told of together, or None.

    A step that tells anything says how many were readable at once; everybody readable is present, and has a track.

    Args:
        snapshot: on its way into the store.
        min_group: fewest people, 2 or more.
    """
    suppressed, present, readable, tracks, *figures = _TOLD.unpack_from(snapshot.figures)
    if suppressed or (present >= readable >= min_group and tracks >= min_group):
        return None
    of_people = snapshot.detail is not None and snapshot.detail[1] & _OF_PEOPLE
    told = of_people or any(figure == figure for figure in figures)
    if not (told or max(present, readable, tracks) >= 0):
        return None
    if readable < 0:
        return "it has figures without saying how many were readable."
    fewest = min(count for count in (readable, present, tracks) if count >= 0)
    if fewest < min_group:
        return f"it tells of {fewest} where the session's smallest group is {min_group}: suppress it."
    if 0 <= present < readable:
        return f"it has {readable} readable among {present} present."
    return None


def packed(snapshot: AudienceSnapshot) -> Packed:
    """A snapshot, ready to be stored.

    Raises:
        InvalidError: it is no plain snapshot, or a figure is out of range.
    """
    told = (snapshot.session_id, snapshot.source, snapshot.zone, snapshot.media_time, snapshot.readable)
    return Packed(*told, *pack(snapshot))


def pack(snapshot: AudienceSnapshot) -> tuple[bytes, bytes | None]:
    """A snapshot's figures and detail.

    Raises:
        InvalidError: it is no plain snapshot (a subclass could hold more than one may), or a figure is out of range.
    """
    if type(snapshot) is not AudienceSnapshot:
        raise InvalidError(f"only an AudienceSnapshot can be stored, not a {type(snapshot).__name__}.")
    return pack_alike(snapshot)


def pack_alike(snapshot: Any) -> tuple[bytes, bytes | None]:
    """The same of anything that was checked to hold a snapshot's fields and no others (:mod:`mien.store.wire`)."""
    if snapshot.media_time + snapshot.duration_seconds > LATEST_SECONDS:
        raise InvalidError(TOO_LATE)
    head = (snapshot.media_time, snapshot.duration_seconds, snapshot.suppressed, snapshot.demo, FORMAT, 0)
    if snapshot.suppressed:
        return _ROW.pack(*head, *_UNTOLD), None
    frames, present, readable, tracks = snapshot.frames, snapshot.present, snapshot.readable, snapshot.tracks
    coverage, facing, synchrony = snapshot.coverage, snapshot.facing_share, snapshot.synchrony
    emotions, intervals = snapshot.emotions, snapshot.intervals
    try:
        row = _ROW.pack(
            *head,
            -1 if frames is None else frames,
            -1 if present is None else present,
            -1 if readable is None else readable,
            -1 if tracks is None else tracks,
            math.nan if coverage is None else coverage,
            math.nan if facing is None else facing,
            math.nan if synchrony is None else synchrony,
            *(_NAN8 if emotions is None else _OF_EACH(emotions)),
            *(_NAN8 * 2 if intervals is None else _BOUNDS(intervals)),
        )
        return row, _detail(snapshot)
    except struct.error as error:
        raise InvalidError(f"a count of a snapshot is above {_LARGEST_COUNT}.") from error
    except OverflowError as error:
        raise InvalidError("a figure of a snapshot is larger than single precision holds.") from error


def _detail(snapshot: Any) -> bytes | None:
    told, parts = 0, [b""]
    if snapshot.model is not None:
        told |= _MODEL
        parts.append(bytes.fromhex(snapshot.model))
    if (unread := snapshot.unread) is not None:
        told |= _UNREAD_TOLD
        parts.append(_UNREAD_STRUCT.pack(*_REASONS(unread)))
    if (shares := snapshot.shares) is not None:
        told |= _SHARES
        parts.append(_SHARES_STRUCT.pack(*chain.from_iterable(_OF_EACH(shares))))
    if snapshot.covariance is not None:
        told |= _COVARIANCE
        parts.append(_COVARIANCE_STRUCT.pack(*snapshot.covariance))
    if (view := snapshot.view) is not None:
        told |= _VIEW
        name = view.label_set.encode()
        parts.append(_view_struct(len(name), len(view.percents)).pack(len(name), name, *view.percents.values()))
    parts[0] = bytes((FORMAT, told))
    return b"".join(parts) if told else None


@lru_cache(maxsize=64)
def _view_struct(name_length: int, labels: int) -> struct.Struct:
    return struct.Struct(f"<B{name_length}s{labels}f")


def unpack(session_id: str, source: str, zone: str, figures: bytes, detail: bytes | None) -> AudienceSnapshot:
    """The snapshot whose :func:`pack` this is, figures in single precision."""
    time, duration, suppressed, demo, version, _, *rest = _ROW.unpack(figures)
    if version != FORMAT:
        raise InvalidError(f"a stored snapshot has format {version}; this version of Mien reads {FORMAT}: upgrade it.")
    span: dict[str, Any] = {
        "session_id": session_id,
        "source": source,
        "zone": zone,
        "media_time": time,
        "duration_seconds": duration,
        "suppressed": suppressed,
        "demo": demo,
    }
    if suppressed:
        return AudienceSnapshot(**span)
    counts = dict(zip(("frames", "present", "readable", "tracks"), rest[:4], strict=True))
    figures_told = dict(zip(("coverage", "facing_share", "synchrony"), rest[4:7], strict=True))
    emotions, low, high = rest[7:15], rest[15:23], rest[23:31]
    return AudienceSnapshot(
        **span,
        **{name: None if value < 0 else value for name, value in counts.items()},
        **{name: None if math.isnan(value) else value for name, value in figures_told.items()},
        emotions=None if math.isnan(emotions[0]) else EmotionPercents.of(emotions),
        intervals=None if math.isnan(low[0]) else _intervals(low, high),
        **(_detail_of(detail) if detail else {}),
    )


def _intervals(low: Sequence[float], high: Sequence[float]) -> EmotionIntervals:
    return EmotionIntervals(**{e: Interval(low=a, high=b) for e, a, b in zip(EMOTIONS, low, high, strict=True)})


def _detail_of(detail: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    told, at = detail[1], 2
    if told & _MODEL:
        found["model"] = detail[at : at + 32].hex()
        at += 32
    if told & _UNREAD_TOLD:
        found["unread"] = UnreadCounts(**dict(zip(_UNREAD, _UNREAD_STRUCT.unpack_from(detail, at), strict=True)))
        at += _UNREAD_STRUCT.size
    if told & _SHARES:
        values = _SHARES_STRUCT.unpack_from(detail, at)
        found["shares"] = EmotionShares(**{e: values[3 * i : 3 * i + 3] for i, e in enumerate(EMOTIONS)})
        at += _SHARES_STRUCT.size
    if told & _COVARIANCE:
        found["covariance"] = _COVARIANCE_STRUCT.unpack_from(detail, at)
        at += _COVARIANCE_STRUCT.size
    if told & _VIEW:
        length = detail[at]
        labels = label_set(detail[at + 1 : at + 1 + length].decode())
        values = struct.unpack_from(f"<{len(labels.labels)}f", detail, at + 1 + length)
        found["view"] = LabelView(label_set=labels.name, percents=dict(zip(labels.labels, values, strict=True)))
    return found

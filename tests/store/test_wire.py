from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mien.core.audience import (
    AudienceSnapshot,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    LabelView,
    UnreadCounts,
)
from mien.core.labels import EMOTIONS, label_set
from mien.store import wire
from mien.store.errors import InvalidError
from mien.store.packing import packed

KEY = str(UUID(int=1))


def full(at: float = 1.0, **changes: Any) -> AudienceSnapshot:
    """Everything a snapshot can hold."""
    rng = np.random.default_rng(int(at * 2))
    shares = rng.dirichlet(np.ones(8)) * 100
    labels = label_set("cinema7").labels
    told: dict[str, Any] = {
        "session_id": KEY,
        "source": "camera-1",
        "zone": "left",
        "media_time": at,
        "duration_seconds": 0.5,
        "suppressed": False,
        "frames": 15,
        "present": 40,
        "readable": 30,
        "tracks": 31,
        "coverage": 0.75,
        "unread": UnreadCounts(blurred=3, over_cap=1),
        "emotions": EmotionPercents.of(shares),
        "covariance": tuple(rng.normal(size=36)),
        "shares": EmotionShares(**dict.fromkeys(EMOTIONS, (0.5, 0.25, 0.125))),
        "facing_share": 0.9,
        "synchrony": -0.25,
        "intervals": EmotionIntervals.of(shares * 0.9, np.minimum(shares * 1.1, 100)),
        "view": LabelView(label_set="cinema7", percents=dict.fromkeys(labels, 12.5)),
        "model": "ab" * 32,
    }
    return AudienceSnapshot(**{**told, **changes})


def suppressed(at: float) -> AudienceSnapshot:
    return AudienceSnapshot(session_id=KEY, media_time=at, duration_seconds=0.5, suppressed=True)


def body(*items: Any) -> bytes:
    told = [i.model_dump(mode="json", exclude_none=True) if isinstance(i, AudienceSnapshot) else i for i in items]
    return json.dumps(told).encode()


def test_what_is_read_fast_is_what_the_model_would_have_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = [full(i * 0.5) for i in range(10)] + [suppressed(6.0)]
    # With nothing but the fast way.
    monkeypatch.setattr(wire, "_decode_each", lambda *_: pytest.fail("the slow way was taken"))
    found = wire.decode(body(*snapshots), most=100)
    assert found == wire.Decoded(11, tuple(enumerate(packed(s) for s in snapshots)), ())
    assert wire.decode(snapshots[0].model_dump_json().encode(), most=100).packed == ((0, packed(snapshots[0])),)
    assert wire.decode(b"[]", most=100) == wire.Decoded(0, (), ())


PATHS = [
    ("media_time",), ("duration_seconds",), ("frames",), ("readable",), ("coverage",), ("emotions", "fear"),
    ("intervals", "fear", "low"), ("covariance", 3), ("shares", "fear", 1), ("synchrony",),
    ("view", "percents", "fear"),
    ("view", "label_set"), ("model",), ("source",), ("zone",), ("suppressed",), ("demo",), ("schema_version",),
    ("unread", "blurred"), ("emotions",), ("unread",), ("view",), ("session_id",), ("box",), ("emotions", "joy"),
]  # fmt: skip
VALUES = [
    None, True, False, 0, 1, 2, -1, -0.0, 0.5, 1.5, 100, 100.5, 1e300, -1e300, 2**31, 2**63, 2**80, "", "1", "0.5",
    "all",
    "ä", "a b", "a\n", "x" * 65, "ferplus8", "cd" * 32, "CD" * 32, [], {}, [1], {"a": 1}, "true", 15.0,
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(VALUES)), min_size=1, max_size=2))
def test_nothing_is_taken_that_the_model_refuses_and_nothing_else_refused(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    told: Any = full().model_dump(mode="json")
    for path, value in changes:
        at = told
        for part in path[:-1]:
            at = at[part] if isinstance(at, dict) and part in at and isinstance(at[part], dict | list) else {}
        if isinstance(at, dict) or (isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at)):
            at[path[-1]] = value  # type: ignore[index]
    try:
        expected = packed(AudienceSnapshot.model_validate(told))
    except (ValidationError, InvalidError):
        expected = None
    found = wire.decode(body(told, full(7.0)), most=10)
    assert found.packed[-1] == (1, packed(full(7.0))), "the others are kept"
    if expected is None:
        assert [r.position for r in found.refused] == [0]
    else:
        assert found.packed[0] == (0, expected)
        assert found.refused == ()


@pytest.mark.parametrize(("at", "length"), [(1.79e9, 0.5), (1e6, 0.5), (1e308, 0.5), (1.0, 1e6), (1e308, 1.7e308)])
def test_the_time_of_a_wrong_clock_is_refused_on_either_way_in(at: float, length: float) -> None:
    wrong = full(1.0).model_copy(update={"media_time": at, "duration_seconds": length})
    told = {**wrong.model_dump(mode="json"), "media_time": at, "duration_seconds": length}
    slow = {**told, "frames": "15"}
    found = wire.decode(body(told, full(7.0)), most=10)
    assert found.packed == ((1, packed(full(7.0))),)
    for refused in (*found.refused, *wire.decode(body(slow), most=10).refused):
        assert "seconds since 1970" in refused.reason
    with pytest.raises(InvalidError, match="in seconds from the beginning"):
        packed(wrong)
    last = {**told, "media_time": 999_999.5, "duration_seconds": 0.5}
    assert wire.decode(body(last), most=10).refused == ()


def test_why_a_snapshot_is_refused_is_told_and_what_it_held_is_not() -> None:
    secret = "10,20,30,40"
    plain = full().model_dump(mode="json", exclude_none=True)
    found = wire.decode(
        body(
            {**plain, "box": secret},
            {**plain, "emotions": {**plain["emotions"], secret: 3}},
            {**plain, "readable": secret},
            {**plain, "suppressed": True},
            {**plain, "covariance": [1e300] * 36},
            7,
        ),
        most=10,
    )
    assert [(r.position, r.reason) for r in found.refused] == [
        (0, "it holds a field that no snapshot has."),
        (1, "it holds a field that no snapshot has in emotions."),
        (2, "readable: Input should be a valid integer, unable to parse string as an integer."),
        (3, found.refused[3].reason),
        (4, "a figure of a snapshot is larger than single precision holds."),
        (5, "Input should be a valid dictionary or instance of AudienceSnapshot."),
    ]
    assert found.refused[3].reason.startswith("a suppressed snapshot holds time only, but has frames")
    assert secret not in str(found)


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[", b"3", b'"a"', b"[NaN]x", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_body_that_is_no_array_is_refused_whole(raw: bytes) -> None:
    with pytest.raises(InvalidError):
        wire.decode(raw, most=10)


def test_a_batch_has_an_upper_bound() -> None:
    with pytest.raises(InvalidError, match="at most 2 snapshots at once, not 3"):
        wire.decode(body(full(), full(), full()), most=2)

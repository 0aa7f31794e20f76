"""What is packed comes back: any snapshot, in single precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.audience import (
    AudienceSnapshot,
    EmotionIntervals,
    EmotionPercents,
    EmotionShares,
    LabelView,
    UnreadCounts,
)
from mien.core.labels import EMOTIONS, LABEL_SETS
from mien.store.errors import InvalidError
from mien.store.packing import FORMAT, LATEST_SECONDS, ROW, TimelineColumns, pack, unpack

PERCENT = st.floats(0, 100, width=32)
SHARE = st.floats(0, 1, width=32)
COUNT = st.integers(0, 2**31 - 1)
EIGHT = st.lists(PERCENT, min_size=8, max_size=8)


@st.composite
def intervals(draw: st.DrawFn) -> EmotionIntervals:
    low, high = draw(EIGHT), draw(EIGHT)
    return EmotionIntervals.of(np.minimum(low, high), np.maximum(low, high))


@st.composite
def views(draw: st.DrawFn) -> LabelView:
    labels = draw(st.sampled_from(list(LABEL_SETS.values())))
    return LabelView(label_set=labels.name, percents={name: draw(PERCENT) for name in labels.labels})


def optional(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


SNAPSHOTS = st.builds(
    AudienceSnapshot,
    session_id=st.just("s"),
    media_time=st.floats(0, LATEST_SECONDS - 3600),
    duration_seconds=st.floats(0, 3600),
    suppressed=st.just(False),
    demo=st.booleans(),
    frames=optional(COUNT),
    present=optional(COUNT),
    readable=optional(COUNT),
    tracks=optional(COUNT),
    coverage=optional(SHARE),
    facing_share=optional(SHARE),
    synchrony=optional(st.floats(-1, 1, width=32)),
    unread=optional(st.builds(UnreadCounts, too_small=COUNT, blurred=COUNT, turned_away=COUNT)),
    emotions=optional(EIGHT.map(EmotionPercents.of)),
    intervals=optional(intervals()),
    covariance=optional(st.tuples(*[st.floats(-2500, 2500, width=32)] * 36)),
    shares=optional(st.builds(EmotionShares, **{e: st.tuples(SHARE, SHARE, SHARE) for e in EMOTIONS})),
    view=optional(views()),
    model=optional(st.binary(min_size=32, max_size=32).map(bytes.hex)),
)


@settings(max_examples=60)
@given(SNAPSHOTS)
def test_a_snapshot_comes_back(snapshot: AudienceSnapshot) -> None:
    assert unpack("s", "main", "all", *pack(snapshot)) == snapshot


@settings(max_examples=30)
@given(st.lists(SNAPSHOTS, max_size=3))
def test_rows_joined_are_the_columns(snapshots: list[AudienceSnapshot]) -> None:
    timeline = TimelineColumns.of(b"".join(pack(s)[0] for s in snapshots))
    assert len(timeline) == len(snapshots)
    assert timeline["media_time"].tolist() == [s.media_time for s in snapshots]
    assert timeline["readable"].tolist() == [-1 if s.readable is None else s.readable for s in snapshots]
    for row, snapshot in zip(timeline["emotions"], snapshots, strict=True):
        assert np.isnan(row).all() if snapshot.emotions is None else row.tolist() == list(snapshot.emotions.values())


@pytest.mark.parametrize("percent", [45.2, 99.99999999, 1e-9, 100.0])
def test_a_figure_is_rounded_to_single_precision_and_stays_in_its_range(percent: float) -> None:
    snapshot = AudienceSnapshot(
        session_id="s",
        media_time=1 / 3,
        duration_seconds=0.1,
        suppressed=False,
        emotions=EmotionPercents.of([percent] * 8),
        coverage=percent / 100,
    )
    back = unpack("s", "main", "all", *pack(snapshot))
    assert (back.media_time, back.duration_seconds) == (1 / 3, 0.1)
    assert back.emotions is not None
    assert back.emotions.fear == pytest.approx(percent, rel=6e-8)


def test_a_step_takes_few_bytes() -> None:
    suppressed = AudienceSnapshot(session_id="s", media_time=0, duration_seconds=1, suppressed=True)
    figures, detail = pack(suppressed)
    assert (len(figures), detail) == (ROW.itemsize, None)
    assert ROW.itemsize <= 160


def test_a_count_beyond_reason_and_a_later_format_are_refused() -> None:
    huge = AudienceSnapshot(session_id="s", media_time=0, duration_seconds=1, suppressed=False, frames=2**31)
    with pytest.raises(InvalidError, match="above 2147483647"):
        pack(huge)
    figures = bytearray(pack(huge.model_copy(update={"frames": 1}))[0])
    figures[ROW.fields["format"][1]] = FORMAT + 1  # type: ignore[index]
    with pytest.raises(InvalidError, match="has format 2"):
        unpack("s", "main", "all", bytes(figures), None)

"""Films with moments on known frames, at every rate of an edit suite."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import strategies as st

from mien.core.findings import Moment, MomentKind
from mien.core.labels import EMOTIONS
from mien.report.markers import MarkerOptions, Sheet
from mien.report.timecode import DROPPED_LABELS, FRAME_RATES, Timebase
from tests.report.factory import CREATED

TIMEBASES = [Timebase(rate) for rate in FRAME_RATES.values()] + [Timebase(rate, True) for rate in DROPPED_LABELS]
AT_EVERY_RATE = pytest.mark.parametrize(
    "timebase", TIMEBASES, ids=[f"{t.name}{' drop' if t.drop_frame else ''}" for t in TIMEBASES]
)

FRAMES = ((0, 1), (1, 40), (1799, 3), (1800, 2), (17981, 1), (17982, 700), (107892, 25), (300001, 90))
"""First frame and length of the markers of :func:`film`; among them the frames around dropped labels."""


def moment(start: float, end: float, subject: str = "fear", **changes: object) -> Moment:
    """A moment whose peak is where it begins."""
    told: dict[str, object] = {
        "kind": MomentKind.PEAK,
        "subject": subject,
        "start": start,
        "peak": start,
        "end": end,
        "value": 82.4,
        "rise": 61.25,
        "coverage": 0.931,
        "readable": 22,
        "low": 74.0,
        "high": 88.0,
    }
    return Moment(**{**told, **changes})  # type: ignore[arg-type]


def options(timebase: Timebase, start: str = "01:00:00:00", **changes: object) -> MarkerOptions:
    """A film of ten seconds, unless told otherwise."""
    told: dict[str, object] = {"title": "A film", "duration_seconds": 10.0, "created": CREATED}
    return MarkerOptions(timebase.rate, timebase.drop_frame, start, **{**told, **changes})  # type: ignore[arg-type]


def film(timebase: Timebase, start: str = "01:00:00:00") -> Sheet:
    """Moments on :data:`FRAMES`, with times rounded to microseconds as a report holds them."""

    def rounded(frame: int) -> float:
        return round(float(Fraction(frame) / timebase.rate), 6)

    moments = [
        moment(rounded(first), rounded(first + length), EMOTIONS[1 + i % 7]) for i, (first, length) in enumerate(FRAMES)
    ]
    return Sheet.of(moments, options(timebase, start))


MOMENTS = st.lists(
    st.tuples(st.floats(0, 20_000), st.floats(0, 60), st.sampled_from([*EMOTIONS, "shock"]), st.floats(0, 100)).map(
        lambda told: moment(told[0], told[0] + told[1], told[2], value=told[3], rise=told[3] / 2)
    ),
    max_size=8,
)

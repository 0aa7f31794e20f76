"""Timecode is exact at every rate: nothing drifts, nothing is counted twice, dropped labels never appear."""

from __future__ import annotations

import re
from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import SettingsError
from mien.report.timecode import DROPPED_LABELS, FRAME_RATES, Timebase, frame_rate_of

TIMEBASES = [Timebase(rate) for rate in FRAME_RATES.values()] + [Timebase(rate, True) for rate in DROPPED_LABELS]
NAMES = [f"{t.name}{' drop' if t.drop_frame else ''}" for t in TIMEBASES]
AT_EVERY_RATE = pytest.mark.parametrize("timebase", TIMEBASES, ids=NAMES)
BASES = st.sampled_from(TIMEBASES)
FRAMES = st.integers(0, 24 * 3600 * 60)


@pytest.mark.parametrize(
    ("rate", "drop", "frame", "timecode"),
    [
        ("23.976", False, 86399, "00:59:59:23"),
        ("24", False, 24, "00:00:01:00"),
        ("25", False, 90000, "01:00:00:00"),
        ("29.97", False, 1800, "00:01:00:00"),
        ("29.97", True, 1799, "00:00:59;29"),
        ("29.97", True, 1800, "00:01:00;02"),
        ("29.97", True, 17981, "00:09:59;29"),
        ("29.97", True, 17982, "00:10:00;00"),
        ("29.97", True, 107892, "01:00:00;00"),
        ("29.97", True, 2589407, "23:59:59;29"),
        ("30", False, 108000, "01:00:00:00"),
        ("50", False, 49, "00:00:00:49"),
        ("59.94", False, 3600, "00:01:00:00"),
        ("59.94", True, 3599, "00:00:59;59"),
        ("59.94", True, 3600, "00:01:00;04"),
        ("59.94", True, 215784, "01:00:00;00"),
    ],
)
def test_known_labels(rate: str, drop: bool, frame: int, timecode: str) -> None:
    timebase = Timebase(frame_rate_of(rate), drop)
    assert timebase.timecode(frame) == timecode
    assert timebase.frame_of(timecode) == frame


@AT_EVERY_RATE
def test_every_frame_of_eleven_minutes_has_a_label_of_its_own_in_order(timebase: Timebase) -> None:
    labels = [timebase.timecode(frame) for frame in range(11 * 60 * timebase.nominal)]
    assert labels == sorted(labels)
    assert len(set(labels)) == len(labels)
    assert [timebase.frame_of(label) for label in labels] == list(range(len(labels)))


@given(BASES, FRAMES)
def test_a_label_leads_back_to_its_frame_and_starts_over_every_day(timebase: Timebase, frame: int) -> None:
    assert timebase.frame_of(timebase.timecode(frame)) == frame % timebase.frames_a_day
    assert timebase.timecode(frame + timebase.frames_a_day) == timebase.timecode(frame)


@given(BASES, FRAMES)
def test_labels_are_those_of_opentimelineio(timebase: Timebase, frame: int) -> None:
    # Without dropped frames a day of labels is longer than a day of the clock, at which opentimelineio starts over.
    number = frame % min(timebase.frames_a_day, int(86_400 * timebase.rate))
    rate = float(timebase.rate)
    time = otio.opentime.RationalTime(number, rate)
    assert timebase.timecode(number) == otio.opentime.to_timecode(time, rate, timebase.drop_frame)


@given(BASES, FRAMES)
def test_a_frame_s_time_leads_back_to_it_even_when_rounded_to_microseconds(timebase: Timebase, frame: int) -> None:
    seconds = timebase.seconds_at(frame)
    assert seconds * timebase.rate == frame
    assert timebase.frame_at(seconds) == frame
    assert timebase.frame_at(float(seconds)) == frame
    assert timebase.frame_at(round(float(seconds), 6)) == frame


@given(BASES, st.fractions(0, 10**5), st.fractions(0, 10**5))
def test_later_is_never_an_earlier_frame(timebase: Timebase, one: Fraction, other: Fraction) -> None:
    first, second = sorted((one, other))
    assert timebase.frame_at(first) <= timebase.frame_at(second)


@given(BASES, st.fractions(0, 10**5))
def test_the_frame_is_never_more_than_half_a_frame_away(timebase: Timebase, seconds: Fraction) -> None:
    assert abs(timebase.seconds_at(timebase.frame_at(seconds)) - seconds) <= 1 / (2 * timebase.rate)


@given(st.sampled_from([t for t in TIMEBASES if t.drop_frame]), st.integers(0, 24 * 6 - 1))
def test_dropped_labels_keep_up_with_the_clock(timebase: Timebase, tens: int) -> None:
    minutes = tens * 10
    frame = timebase.frame_of(f"{minutes // 60:02}:{minutes % 60:02}:00;00")
    assert abs(timebase.seconds_at(frame) - minutes * 60) < Fraction(1, 10)


@given(st.sampled_from([t for t in TIMEBASES if t.drop_frame]), st.integers(0, 24 * 60 - 1), st.integers(0, 3))
def test_a_dropped_label_is_refused(timebase: Timebase, minute: int, frames: int) -> None:
    label = f"{minute // 60:02}:{minute % 60:02}:00;{frames:02}"
    if minute % 10 and frames < DROPPED_LABELS[timebase.rate]:
        with pytest.raises(SettingsError, match="skips it"):
            timebase.frame_of(label)
    else:
        assert timebase.timecode(timebase.frame_of(label)) == label


def test_drop_frame_labels_may_be_written_with_colons() -> None:
    timebase = Timebase(frame_rate_of("29.97"), True)
    assert timebase.frame_of("01:00:00:00") == timebase.frame_of("01:00:00;00")


@pytest.mark.parametrize("text", ["", "1:00:00:00", "01:00:00", "01:00:00.00", "-1:00:00:00", "٠١:00:00:00", "noon"])
def test_what_is_no_timecode_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=re.escape("HH:MM:SS:FF")):
        Timebase(Fraction(25)).frame_of(text)


@pytest.mark.parametrize("text", ["24:00:00:00", "00:60:00:00", "00:00:60:00", "00:00:00:25"])
def test_what_the_rate_does_not_reach_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"ends at 23:59:59:24"):
        Timebase(Fraction(25)).frame_of(text)


def test_rates_without_timecode_or_without_drop_frame_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"choose one of 23\.976, 24, 25"):
        frame_rate_of("23.98")
    with pytest.raises(SettingsError, match="choose one of"):
        Timebase(Fraction(2997, 100))
    with pytest.raises(SettingsError, match=r"at 23\.976, only at 29\.97 and 59\.94"):
        Timebase(frame_rate_of("23.976"), drop_frame=True)
    with pytest.raises(SettingsError, match="ask for drop-frame"):
        Timebase(frame_rate_of("29.97")).frame_of("01:00:00;00")

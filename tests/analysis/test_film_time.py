"""Which second of the film was shown at which recorded second, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.alignment import CameraClock, Playback, PlaybackEvent, PlaybackKind, PlaybackLog
from mien.analysis.film_time import FilmTime, film_time_of
from mien.core.errors import InputError, SettingsError


def playback(*events: tuple[float, str, float | None], end: float, clock: CameraClock | None = None) -> Playback:
    told = [PlaybackEvent(wall, PlaybackKind(kind), media) for wall, kind, media in events]
    return Playback(PlaybackLog.of(told, end_wall_seconds=end), clock or CameraClock())


def test_a_film_that_begins_with_the_recording_has_its_time() -> None:
    time = FilmTime.starting_at(0, 60)
    assert time.recorded(10, 20) == ((10, 20),)
    assert time.recorded(55, 90) == ((55, 60),)
    assert time.recorded(70, 90) == ()


def test_a_film_that_began_later_is_later_by_that() -> None:
    assert FilmTime.starting_at(4, 60).recorded(0, 10) == ((4, 14),)


def test_a_film_that_was_already_running_lacks_its_beginning() -> None:
    time = FilmTime.starting_at(-30, 60)
    assert time.recorded(0, 40) == ((0, 10),)
    assert time.recorded(0, 20) == ()


@pytest.mark.parametrize("start", [60, 100, float("nan"), float("inf")])
def test_a_film_cannot_begin_after_the_recording(start: float) -> None:
    with pytest.raises(SettingsError, match="60 seconds long"):
        FilmTime.starting_at(start, 60)


def test_a_pause_is_no_part_of_the_film() -> None:
    time = FilmTime.of(playback((0, "play", 0), (10, "pause", 10), (15, "play", 10), end=30), 30)
    assert time.recorded(5, 12) == ((5, 10), (15, 17))
    assert [(s.recorded_start, s.recorded_end) for s in time.stretches] == [(0, 10), (15, 30)]


def test_of_a_scene_seen_twice_the_first_time_counts_and_the_player_knows_both() -> None:
    time = FilmTime.of(playback((0, "play", 0), (20, "seek", 5), end=30), 30)
    assert time.recorded(5, 15) == ((5, 15),)
    assert len(time.stretches) == 2
    assert time.stretches[1].film_start == 5


def test_a_cameras_clock_is_taken_off() -> None:
    log = playback((100, "play", 0), end=200, clock=CameraClock(90))
    [stretch] = FilmTime.of(log, 60).stretches
    assert (stretch.recorded_start, stretch.recorded_end) == pytest.approx((10, 60))
    assert (stretch.film_start, stretch.film_end) == pytest.approx((0, 50))


def test_a_film_that_never_ran_is_refused() -> None:
    with pytest.raises(InputError, match="check the clocks"):
        FilmTime.of(playback((100, "play", 0), end=200), 60)


def test_what_was_jumped_over_is_seen_the_first_time_when_it_is_seen() -> None:
    log = playback((0, "play", 0), (20, "seek", 100), (32, "seek", 20), end=122)
    told = FilmTime.of(log, 122)
    assert told.recorded(20, 100) == ((32, 112),)
    assert told.recorded(100, 112) == ((20, 32),)
    names = ("recorded_start_seconds", "recorded_end_seconds", "film_start_seconds", "film_end_seconds")
    again = film_time_of(
        [
            dict(zip(names, (s.recorded_start, s.recorded_end, s.film_start, s.film_end), strict=True))
            for s in told.stretches
        ]
    )
    assert again == told
    assert again.shown(40, 41, 42) == (28, 29, 30)
    assert again.shown(112, 115, 118) is None, "film 100 on was seen before"


@given(
    start=st.floats(-50, 50),
    edges=st.lists(st.floats(0, 59), min_size=2, max_size=8, unique=True).map(sorted),
)
def test_steps_keep_their_length_and_come_back_to_where_they_were(start: float, edges: list[float]) -> None:
    time = FilmTime.starting_at(start, 60)
    begin, end = np.array(edges[:-1]), np.array(edges[1:])
    pieces = time.pieces(begin, end)
    shown = np.minimum(end, 60) - np.maximum(begin, max(0.0, start))
    np.testing.assert_allclose((pieces.end - pieces.start).sum(), shown[shown > 0].sum(), atol=1e-6)
    for low, high in zip(pieces.start.tolist(), pieces.end.tolist(), strict=True):
        if high - low > 1e-6:
            [(a, b)] = time.recorded(low, high)
            assert (a, b) == pytest.approx((low + start, high + start), abs=1e-6)

"""What was recorded lands on the right second of the film."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.analysis.alignment import (
    CameraClock,
    Offset,
    OffsetTable,
    Playback,
    PlaybackEvent,
    PlaybackKind,
    PlaybackLog,
    align,
    onto_film,
    read_playback,
)
from mien.analysis.resampling import Pieces, onto, overlaps
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError

NAN = float("nan")
PLAY, PAUSE, SEEK, RATE = PlaybackKind.PLAY, PlaybackKind.PAUSE, PlaybackKind.SEEK, PlaybackKind.RATE
LONGER = OffsetTable((Offset(0, 60, 0), Offset(90, 150, -30)))
"""B has a scene of 30 s more, from 60 to 90."""
SHORTER = OffsetTable((Offset(0, 60, 0), Offset(60, 120, 30)))
"""B lacks what A shows from 60 to 90."""


def ramp(seconds: float, step: float = 0.5) -> SessionSet:
    """One session whose value is the time it was recorded."""
    times = np.arange(0, seconds, step) + step / 2
    return SessionSet.of({"x": times[None]}, step_seconds=step)


def event(wall: float, kind: PlaybackKind, media: float | None = None, rate: float | None = None) -> PlaybackEvent:
    return PlaybackEvent(wall, kind, media, rate)


# Versions with other scenes.


def test_an_inserted_scene_has_no_place_in_the_reference() -> None:
    np.testing.assert_allclose(LONGER.to_reference([10, 59.9, 75, 100]), [10, 59.9, NAN, 70])
    assert LONGER.only_in_other(150) == ((60, 90),)
    assert LONGER.only_in_reference(120) == ()


def test_a_missing_scene_is_a_gap_in_the_other() -> None:
    np.testing.assert_allclose(SHORTER.from_reference([10, 75, 100]), [10, NAN, 70])
    assert SHORTER.only_in_reference(150) == ((60, 90),)
    assert SHORTER.only_in_other(130) == ((120, 130),)


def test_sessions_of_the_other_version_land_on_the_reference() -> None:
    base = TimeBase(0, 0.5, 240)
    moved = align(ramp(150), LONGER, base).values("x")[0]
    np.testing.assert_allclose(moved[:120], base.times[:120] + 0.25)
    np.testing.assert_allclose(moved[120:], base.times[120:] + 30.25)
    gap = align(ramp(120), SHORTER, TimeBase(0, 0.5, 300)).values("x")[0]
    assert np.isnan(gap[120:180]).all()
    assert np.isfinite(np.delete(gap, np.s_[120:180])).all()


def test_a_scene_may_have_been_moved() -> None:
    swapped = OffsetTable((Offset(0, 10, 10), Offset(10, 20, -10)))
    np.testing.assert_allclose(swapped.to_reference([1, 11]), [11, 1])
    assert swapped.only_in_reference(20) == ()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Offset(5, 5, 0)],
        [Offset(-1, 5, 0)],
        [Offset(0, NAN, 0)],
        [Offset(0, 10, -1)],
        [Offset(0, 10, 0), Offset(9, 20, 30)],
        [Offset(0, 10, 0), Offset(20, 30, -15)],
    ],
)
def test_a_table_that_makes_no_sense_is_refused(parts: list[Offset]) -> None:
    with pytest.raises(SettingsError, match="offset table"):
        OffsetTable(tuple(parts))


def test_a_table_is_read_and_its_faults_are_named_by_line() -> None:
    text = "from_seconds,to_seconds,shift_seconds\n0,60,0\n\n90,150,-30\n"
    assert OffsetTable.parse(text) == LONGER
    with pytest.raises(InputError, match="line 2: to_seconds is 'x'"):
        OffsetTable.parse("from_seconds,to_seconds,shift_seconds\n0,x,0\n", "cut.csv")
    with pytest.raises(InputError, match="no column shift_seconds"):
        OffsetTable.parse("from_seconds,to_seconds\n0,1\n")


@st.composite
def tables(draw: st.DrawFn) -> OffsetTable:
    """Cuts of both versions: shared stretches with scenes of either's own between them."""
    own = st.floats(0, 100)
    parts, b, a = [], 0.0, 0.0
    for length in draw(st.lists(st.floats(0.5, 300), min_size=1, max_size=6)):
        b, a = b + draw(own), a + draw(own)
        parts.append(Offset(b, b + length, a - b))
        b, a = b + length, a + length
    return OffsetTable(tuple(parts))


@given(tables(), st.lists(st.floats(0, 2500), min_size=1, max_size=50))
def test_there_and_back_is_where_one_started(table: OffsetTable, seconds: list[float]) -> None:
    told = np.array(seconds)
    there = table.to_reference(told)
    inside = ~np.isnan(there)
    back = table.from_reference(there[inside])
    known = ~np.isnan(back)  # a moment at a stretch's very end may round past it
    np.testing.assert_allclose(back[known], told[inside][known], atol=1e-6)
    assert (~known).sum() <= len(table.stretches)


@given(tables())
def test_shared_stretches_and_gaps_make_up_both_versions(table: OffsetTable) -> None:
    shared = sum(p.to_seconds - p.from_seconds for p in table.stretches)
    b_end = table.stretches[-1].to_seconds
    a_end = b_end + table.stretches[-1].shift_seconds
    for end, own in ((b_end, table.only_in_other(b_end)), (a_end, table.only_in_reference(a_end))):
        assert shared + sum(high - low for low, high in own) == pytest.approx(end, abs=1e-4)


# Moving values by overlap.


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 20)), min_size=1, max_size=20),
    st.floats(0.1, 7),
)
def test_no_second_is_lost_or_counted_twice(spans: list[tuple[float, float]], step: float) -> None:
    start = np.array([s for s, _ in spans])
    end = start + [length for _, length in spans]
    found = overlaps(Pieces(np.arange(len(spans)), start, end), TimeBase.covering(0, 75, step))
    told = np.bincount(found.source, found.seconds, minlength=len(spans))
    # What is dropped is at most a sliver at each end of a piece.
    np.testing.assert_allclose(told, end - start, rtol=3e-3)


@given(st.lists(st.floats(0, 100), min_size=4, max_size=60), st.sampled_from([0.25, 1.0, 1.5, 2.0]))
def test_the_mean_over_the_film_survives_another_step(values: list[float], step: float) -> None:
    recorded = SessionSet.of({"x": [values]}, step_seconds=0.5)
    moved = onto(recorded, TimeBase.covering(0, recorded.base.end_seconds, step))
    cells, weights = moved.cells("x")
    mean = float((cells * weights).sum() / weights.sum())
    assert mean == pytest.approx(np.mean(values), abs=1e-2)
    assert float(weights.sum() * step) == pytest.approx(0.5 * len(values), rel=1e-4)


def test_half_a_step_unseen_counts_half_and_unread_never_becomes_a_number() -> None:
    recorded = SessionSet.of({"x": [[10.0, NAN, 30.0, 50.0]]}, step_seconds=0.5)
    moved = onto(recorded, TimeBase(0, 1.0, 2))
    np.testing.assert_allclose(moved.values("x"), [[10, 40]])
    np.testing.assert_allclose(moved.weights, [[0.5, 1.0]])
    assert np.isnan(onto(recorded, TimeBase(0, 0.25, 8)).values("x")[0, 2:4]).all()


# One viewer's player.


def test_a_pause_stops_the_film_and_not_the_clock() -> None:
    log = PlaybackLog.of([event(100, PLAY, 0), event(160, PAUSE, 60), event(200, PLAY, 60)], end_wall_seconds=230)
    np.testing.assert_allclose(log.media_time([100, 130, 170, 210, 229]), [0, 30, NAN, 70, 89])
    np.testing.assert_allclose(log.media_time([99, 231]), [NAN, NAN])


def test_a_seek_leaves_out_what_was_skipped_and_the_rate_changes_speed() -> None:
    log = PlaybackLog.of([event(0, PLAY, 0), event(30, SEEK, 300), event(40, RATE, 310, 2.0), event(50, PAUSE, 330)])
    np.testing.assert_allclose(log.media_time([29, 31, 45]), [29, 301, 320])
    assert log.wall_times(200) == ()
    assert log.wall_times(320) == (45,)


def test_a_player_that_is_paused_can_be_moved() -> None:
    log = PlaybackLog.of([event(0, PLAY, 0), event(10, PAUSE), event(12, SEEK, 50), event(20, PLAY), event(25, PAUSE)])
    np.testing.assert_allclose(log.media_time([9, 15, 22]), [9, NAN, 52])


def test_a_player_that_stalled_is_not_believed() -> None:
    log = PlaybackLog.of([event(0, PLAY, 0), event(60, PAUSE, 52), event(70, PLAY, 52)], end_wall_seconds=80)
    assert log.unsure_seconds == 60
    np.testing.assert_allclose(log.media_time([30, 75]), [NAN, 57])
    drifting = PlaybackLog.of([event(0, PLAY, 0), event(60, PAUSE, 59.7)])
    assert drifting.media_time(30) == pytest.approx(29.85)


def test_of_a_scene_seen_twice_the_first_viewing_counts() -> None:
    log = PlaybackLog.of([event(0, PLAY, 0), event(60, SEEK, 30)], end_wall_seconds=120)
    assert log.wall_times(45) == (45, 75)
    first = log.first_viewing()
    assert first.wall_times(45) == (45,)
    assert first.wall_times(70) == (100,)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "at least one"),
        ([event(0, PLAY)], "must tell the film's position"),
        ([event(5, PLAY, 0), event(4, PAUSE)], "before the one it follows"),
        ([event(0, PLAY, 0), event(4, SEEK)], "where to"),
        ([event(0, PLAY, 0), event(4, RATE)], "to what"),
        ([event(0, PLAY, 0, 0.0)], "above 0"),
        ([event(0, PLAY, -3)], "seconds of the film"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused(events: list[PlaybackEvent], told: str) -> None:
    with pytest.raises(InputError, match=told):
        PlaybackLog.of(events)


@st.composite
def logs(draw: st.DrawFn) -> PlaybackLog:
    """A player that is played, paused, moved and sped up as people do."""
    wall, events = 0.0, [event(0, PLAY, draw(st.floats(0, 100)))]
    for kind in draw(st.lists(st.sampled_from([PLAY, PAUSE, SEEK, RATE]), max_size=15)):
        wall += draw(st.floats(0.1, 500))
        media = draw(st.floats(0, 5000)) if kind is SEEK else None
        rate = draw(st.sampled_from([0.5, 1.0, 1.25, 2.0])) if kind is RATE else None
        events.append(event(wall, kind, media, rate))
    return PlaybackLog.of(events, end_wall_seconds=wall + 60)


@given(logs())
def test_while_the_film_runs_its_time_runs_forward(log: PlaybackLog) -> None:
    for part in log.stretches:
        media = log.media_time(np.linspace(part.wall_start, part.wall_end, 20)[:-1])
        assert (np.diff(media) > 0).all()
    for before, after in itertools.pairwise(log.stretches):
        assert before.wall_end <= after.wall_start


@given(logs(), st.floats(0, 5000))
def test_every_time_a_position_was_shown_leads_back_to_it(log: PlaybackLog, media: float) -> None:
    for wall in log.wall_times(media):
        back = log.media_time(wall)
        assert np.isnan(back) or back == pytest.approx(media, abs=1e-6)


@given(logs())
def test_a_first_viewing_shows_every_moment_once_and_none_is_lost(log: PlaybackLog) -> None:
    first = log.first_viewing()
    moments = np.linspace(0.123, 5000.123, 101)
    for media in moments:
        assert len(first.wall_times(media)) == min(len(log.wall_times(media)), 1)
        assert first.wall_times(media)[:1] == pytest.approx(log.wall_times(media)[:1])


# The camera's clock.


@given(st.floats(-1e5, 1e5), st.floats(-500, 500), st.lists(st.floats(0, 2e4), min_size=1, max_size=20))
def test_a_clock_leads_there_and_back(start: float, drift: float, seconds: list[float]) -> None:
    clock = CameraClock(start, drift)
    np.testing.assert_allclose(clock.to_camera(clock.to_wall(seconds)), seconds, atol=1e-6)
    assert (np.diff(clock.to_wall(np.sort(seconds))) >= 0).all()


def test_start_and_drift_are_found_from_moments_though_some_are_off() -> None:
    rng = np.random.default_rng(5)
    camera = np.linspace(0, 10_800, 40)
    wall = CameraClock(1234.5, 180).to_wall(camera) + rng.normal(0, 0.01, 40)
    wall[[3, 17]] += 2.5
    fitted = CameraClock.fit(camera.tolist(), wall.tolist())
    assert fitted.drift_ppm == pytest.approx(180, abs=5)
    assert float(fitted.to_wall(5400)) == pytest.approx(float(CameraClock(1234.5, 180).to_wall(5400)), abs=0.02)
    with pytest.raises(InputError, match="two different moments"):
        CameraClock.fit([1.0, 1.0], [2.0, 3.0])
    with pytest.raises(SettingsError, match="drift by less"):
        CameraClock(0, 20_000)


# All of it together.


def test_viewers_with_their_own_clocks_pauses_and_jumps_land_on_the_same_second() -> None:
    """A jolt at 61:40 of the film, seen by viewers whose recordings have it at very different seconds."""
    rng = np.random.default_rng(11)
    film = TimeBase(0, 0.5, 2 * 5400)
    jolt = 3700.25
    for _ in range(20):
        clock = CameraClock(float(rng.uniform(-60, 60)), float(rng.uniform(-300, 300)))
        begun = float(rng.uniform(60, 120))
        paused = sorted(rng.uniform(200, 3000, 2))
        skipped = float(rng.uniform(10, 60))
        events = [event(begun, PLAY, 0)]
        wall = begun
        for at in paused:
            wall += float(rng.uniform(60, 1200))
            events += [event(wall, PAUSE), event(wall + float(at) / 20, PLAY)]
            wall += float(at) / 20
        watched = sum(p.wall_end - p.wall_start for p in PlaybackLog.of(events, end_wall_seconds=wall).stretches)
        events.append(event(wall + 5, SEEK, watched + 5 + skipped))
        log = PlaybackLog.of(events, end_wall_seconds=wall + 6000)
        (shown,) = log.first_viewing().wall_times(jolt)
        recorded_at = float(clock.to_camera(shown))
        times = np.arange(0, 9000, 0.5)
        recorded = SessionSet.of({"fear": 80.0 * (np.abs(times + 0.25 - recorded_at) <= 1.0)[None]}, step_seconds=0.5)
        found = onto_film(recorded, Playback(log, clock), film).values("fear")[0]
        assert abs(film.times[np.nanargmax(found)] + 0.25 - jolt) <= 1.25
        centre = np.nansum(found * (film.times + 0.25)) / np.nansum(found)
        assert centre == pytest.approx(jolt, abs=0.3)


def test_without_the_drift_the_end_of_a_long_film_would_be_off() -> None:
    recorded = ramp(10_800)
    log = PlaybackLog.of([event(0, PLAY, 0)], end_wall_seconds=10_800)
    film = TimeBase(0, 0.5, 21_600)
    drifting = onto_film(recorded, Playback(log, CameraClock(0, 200)), film).values("x")[0]
    still = onto_film(recorded, Playback(log, CameraClock()), film).values("x")[0]
    assert still[20_000] - drifting[20_000] == pytest.approx(10_000 * 200e-6, abs=0.01)


def test_a_log_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "playback.json"
    document = {
        "camera": {"moments": [[0, 100.0], [1000, 1100.1]]},
        "events": [{"wall_seconds": 110, "event": "play", "media_seconds": 0}, {"wall_seconds": 170, "event": "pause"}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    playback = read_playback(path)
    assert playback.clock.drift_ppm == pytest.approx(100)
    assert float(playback.media_time(20)) == pytest.approx(10.002)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"events": [{"event": "play"}]}', '{"events": [{"wall_seconds": 0, "event": "dance"}]}',
     '{"events": [{"wall_seconds": 0, "event": "play"}]}', '{"camera": {"drift_ppm": 1e6}, "events": []}'],
)  # fmt: skip
def test_a_file_that_is_no_log_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "playback.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"playback\.json"):
        read_playback(path)

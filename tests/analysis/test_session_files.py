"""One version from reports, tables and archives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.analysis.session_files import ReadOptions, on_common_steps, read_sessions, read_version, save_npz
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError
from mien.report import write_reports
from tests.report.factory import CREATED, analysis_of, gap_step, hall, percents, read_step, suppressed_step

FEAR = ReadOptions(("fear",))
NAN = float("nan")


def test_reports_are_sessions_with_what_stands_behind_each_step(tmp_path: Path) -> None:
    steps = [
        read_step(0.0, percents(fear=30), coverage=0.5, readable=7, present=14),
        suppressed_step(0.5),
        gap_step(1.0),
        read_step(1.5, percents(fear=50), readable=6),
    ]
    for name, recording in (("friday", "ab" * 32), ("saturday", "cd" * 32)):
        made = analysis_of(steps, profile="cinema", input_sha256=recording)
        write_reports(made, tmp_path / "cut A" / name, created=CREATED)
    found = read_version(tmp_path / "cut A", FEAR)
    assert (found.version, found.names, found.min_group) == ("cut A", ("friday", "saturday"), 5)
    assert found.base == TimeBase(0, 0.5, 4)
    np.testing.assert_allclose(found.values("fear"), [[30, NAN, NAN, 50]] * 2)
    np.testing.assert_allclose(found.weights, [[0.5, 0, 0, 1]] * 2)
    np.testing.assert_allclose(found.people("fear"), [14, 0, 0, 12])
    assert found.recordings == ("ab" * 32, "cd" * 32)


def test_a_report_and_its_own_table_say_the_same(tmp_path: Path) -> None:
    write_reports(hall(), tmp_path, created=CREATED)
    report, table = read_version(tmp_path / "report.json", FEAR), read_version(tmp_path / "timeline.csv", FEAR)
    assert report.demo
    np.testing.assert_allclose(report.values("fear"), table.values("fear"), atol=1e-3)
    np.testing.assert_allclose(
        np.where(np.isnan(report.values("fear")), 0, report.weights),
        np.where(np.isnan(table.values("fear")), 0, table.weights), atol=1e-3,
    )  # fmt: skip
    assert len(read_version(tmp_path, FEAR)) == 1


def test_beside_a_playback_log_a_recording_lands_on_the_film(tmp_path: Path) -> None:
    steps = [read_step(i * 0.5, percents(fear=80.0 if i == 60 else 0.0)) for i in range(120)]
    write_reports(analysis_of(steps), tmp_path, created=CREATED)
    log = {
        "camera": {"start_wall_seconds": 1000.0},
        "events": [
            {"wall_seconds": 1005, "event": "play", "media_seconds": 0},
            {"wall_seconds": 1015, "event": "pause"},
            {"wall_seconds": 1020, "event": "play"},
        ],
        "end_wall_seconds": 1060,
    }
    (tmp_path / "playback.json").write_text(json.dumps(log), encoding="utf-8")
    found = read_version(tmp_path, FEAR)
    assert found.base.times[int(np.nanargmax(found.values("fear")))] == 20.0
    assert found.base.end_seconds == 50.0
    log["events"] = [{"wall_seconds": 5000, "event": "play", "media_seconds": 0}]
    log["end_wall_seconds"] = 5100
    (tmp_path / "playback.json").write_text(json.dumps(log), encoding="utf-8")
    with pytest.raises(InputError, match="did not run while"):
        read_version(tmp_path, FEAR)


def drawn(seed: int = 0) -> SessionSet:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 60, (3, 8)).round(3)
    values[1, 2:4] = np.nan
    return SessionSet.of(
        {"fear": values, "shock": values / 2},
        step_seconds=0.5,
        start_seconds=2.0,
        names=["x", "y", "z"],
        weights=rng.uniform(0.2, 1, (3, 8)),
        readable=[8, 9, 10],
        min_group=6,
        attributes={"seat": ["front", "back", ""]},
    )


def test_an_archive_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    save_npz(drawn(), tmp_path / "B.npz")
    found = read_version(tmp_path / "B.npz", ReadOptions(("fear", "shock"), title="Film"))
    saved = drawn()
    assert (found.title, found.version, found.names, found.min_group) == ("Film", "B", saved.names, 6)
    assert found.attributes == saved.attributes
    assert found.base.is_like(saved.base)
    for name in ("fear", "shock"):
        np.testing.assert_array_equal(found.values(name), saved.values(name))
    np.testing.assert_array_equal(found.weights, saved.weights)


def table_text(columns: str = "session,media_time_seconds,duration_seconds,fear_percent,coverage_share") -> str:
    rows = [columns]
    saved = drawn()
    for s, name in enumerate(saved.names):
        for k, at in enumerate(saved.base.times):
            value = saved.values("fear")[s, k]
            rows.append(f"{name},{at},0.5,{'' if np.isnan(value) else value},{saved.weights[s, k]}")
    return "\n".join(rows) + "\n"


def test_a_long_table_holds_many_sessions_in_any_order(tmp_path: Path) -> None:
    head, *rows = table_text().splitlines()
    path = tmp_path / "B.csv"
    path.write_text("\n".join([head, *rows[::-1]]), encoding="utf-8")
    found = read_version(path, FEAR).select([2, 1, 0])
    assert found.names == ("x", "y", "z")
    np.testing.assert_allclose(found.values("fear"), drawn().values("fear"))
    assert found.min_group == 5


def test_parquet_is_read_as_the_same_table(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "B.csv").write_text(table_text(), encoding="utf-8")
    duckdb.sql(f"COPY (FROM '{tmp_path / 'B.csv'}') TO '{tmp_path / 'B.parquet'}'")
    csv, parquet = read_version(tmp_path / "B.csv", FEAR), read_version(tmp_path / "B.parquet", FEAR)
    assert csv.names == parquet.names
    np.testing.assert_allclose(csv.values("fear"), parquet.values("fear"))
    np.testing.assert_allclose(csv.weights, parquet.weights)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 but not")
    with pytest.raises(InputError, match=r"bad\.parquet is no Parquet table"):
        read_version(tmp_path / "bad.parquet", FEAR)
    with pytest.raises(InputError, match="has no column 'joy'"):
        read_version(tmp_path / "B.parquet", ReadOptions(("joy",)))


def test_sessions_of_other_steps_come_to_the_longest(tmp_path: Path) -> None:
    for name, step in (("a", 0.5), ("b", 0.25)):
        at = np.arange(0, 10, step)
        rows = "\n".join(f"{t},{10 + t},3" for t in at)
        (tmp_path / f"{name}.csv").write_text(f"media_time_seconds,fear,readable_faces\n{rows}\n", encoding="utf-8")
    found = read_version(tmp_path, FEAR)
    assert found.base == TimeBase(0, 0.5, 20)
    np.testing.assert_allclose(found.values("fear")[1], found.base.times + 10.125)
    coarse = read_version(tmp_path, ReadOptions(("fear",), step_seconds=2.0))
    np.testing.assert_allclose(coarse.values("fear")[0], np.arange(5) * 2 + 10.75)
    one, two = on_common_steps([found, coarse])
    assert one.base == two.base == TimeBase(0, 2.0, 5)


def test_what_respondents_declared_is_read_beside_their_sessions(tmp_path: Path) -> None:
    save_npz(drawn(), tmp_path / "B.npz")
    (tmp_path / "segments.csv").write_text("session,genre\nx,horror\nz,comedy\n", encoding="utf-8")
    found = read_version(tmp_path, FEAR)
    assert found.attributes["genre"] == ("horror", "", "comedy")
    (tmp_path / "segments.csv").write_text("session,genre\nnobody,horror\n", encoding="utf-8")
    with pytest.raises(InputError, match="'nobody'"):
        read_version(tmp_path, FEAR)


def test_sessions_of_one_name_in_two_files_are_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text("session,media_time_seconds,fear\nx,0,1\nx,1,2\n", encoding="utf-8")
    assert read_version(tmp_path, FEAR).names == ("one/x", "two/x")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "fear\n1\n", "no column media_time_seconds"),
        ("a.csv", "media_time_seconds,fear\n", "has no row"),
        ("a.csv", "media_time_seconds,fear\n0,x\n", "column fear"),
        ("a.csv", "media_time_seconds,joy\n0,1\n", "no column 'fear'"),
        ("a.csv", "media_time_seconds,fear\n-1,1\n", "is no time"),
        ("a.csv", "media_time_seconds,fear\n0,inf\n", "infinite fear"),
        ("a.csv", "media_time_seconds,fear,coverage_share\n0,1,7\n", "outside 0 to 1"),
        ("a.csv", "media_time_seconds,fear\n0,1\n1,2\n1,3\n2,1\n", "twice"),
        ("a.npz", "no archive", "a.npz"),
        ("a.parquet", "no table", "a.parquet"),
        ("report.json", "{}", "no report of ours"),
        ("report.json", "[1]", "no report of ours"),
        ("a.txt", "text", "is no report and no table"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=told) as caught:
        read_version(path, FEAR)
    assert name in str(caught.value)


def test_an_archive_without_what_it_needs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, series_joy=np.zeros((2, 3)), step_seconds=1.0)
    with pytest.raises(InputError, match="no series 'fear'; it has joy"):
        read_version(path, FEAR)
    np.savez(path, series_fear=np.zeros((2, 3)))
    with pytest.raises(InputError, match="step_seconds"):
        read_version(path, FEAR)
    np.savez(path, series_fear=np.array([{}], object), step_seconds=1.0)
    with pytest.raises(InputError, match=r"a\.npz"):
        read_version(path, FEAR)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_version(tmp_path / "gone", FEAR)
    with pytest.raises(InputError, match="no session to read"):
        read_version(tmp_path, FEAR)
    with pytest.raises(SettingsError, match="one series"):
        ReadOptions(())


def test_a_report_that_never_heard_of_a_series_is_refused(tmp_path: Path) -> None:
    write_reports(hall(), tmp_path, created=CREATED)
    with pytest.raises(InputError, match="has no series 'joy'; it has anger"):
        read_version(tmp_path, ReadOptions(("joy",)))


def test_sessions_read_apart_depend_on_nothing_in_one_another(tmp_path: Path) -> None:
    """A coarse, late or off-grid neighbour changes neither the steps nor the figures of a session."""
    rows = ["session,media_time_seconds,fear_percent"]
    rows += [f"a,{t * 0.5},{10 + t}" for t in range(8)]
    alone = tmp_path / "alone.csv"
    alone.write_text("\n".join([*rows, ""]), encoding="utf-8")
    beside = tmp_path / "beside.csv"
    other = [f"b,{30.3 + t * 7},{t}" for t in range(3)]
    beside.write_text("\n".join([rows[0], *other, *rows[1:], ""]), encoding="utf-8")
    (one,) = read_sessions(alone, FEAR)
    b, a = read_sessions(beside, FEAR)
    assert (a.names, b.names) == (("a",), ("b",))
    assert a.base == one.base == TimeBase(0, 0.5, 8)
    np.testing.assert_array_equal(a.values("fear"), one.values("fear"))
    assert b.base.step_seconds == 7


def test_sessions_read_apart_are_those_of_the_version(tmp_path: Path) -> None:
    save_npz(drawn(), tmp_path / "a.npz")
    save_npz(drawn(seed=1), tmp_path / "b.npz")
    (tmp_path / "segments.csv").write_text("session,seat\na/x,front\n", encoding="utf-8")
    whole, parts = read_version(tmp_path, FEAR), read_sessions(tmp_path, FEAR)
    assert [p.names[0] for p in parts] == list(whole.names)
    assert [p.attributes["seat"][0] for p in parts] == list(whole.attributes["seat"])
    np.testing.assert_array_equal(np.concatenate([p.values("fear") for p in parts]), whole.values("fear"))


def test_a_report_that_knows_its_film_lands_on_it(tmp_path: Path) -> None:
    steps = [read_step(i * 0.5, percents(fear=80.0 if i == 60 else 0.0)) for i in range(120)]
    write_reports(analysis_of(steps), tmp_path, created=CREATED)
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    parts = [(5, 20, 0, 15), (25, 60, 15, 50)]
    names = ("recorded_start_seconds", "recorded_end_seconds", "film_start_seconds", "film_end_seconds")
    told["film"] = {"stretches": [dict(zip(names, part, strict=True)) for part in parts]}
    (tmp_path / "report.json").write_text(json.dumps(told), encoding="utf-8")
    found = read_version(tmp_path, FEAR)
    assert found.base.times[int(np.nanargmax(found.values("fear")))] == 20.0
    assert found.base.end_seconds == 50.0

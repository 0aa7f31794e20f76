"""``timeline.parquet`` holds what ``timeline.csv`` holds, cell by cell."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import duckdb
import pytest

from mien.core.errors import InputError, OutputError, SettingsError
from mien.report import write_reports
from mien.report.parquet import sql_type, write_parquet
from tests.report.factory import CREATED, SHAPES

Cell = str | int | float | None


def tables(shape: str, folder: Path) -> tuple[list[str], list[list[str]], Path]:
    """Names and rows of the CSV, and the Parquet file made of it."""
    write_reports(SHAPES[shape](), folder, created=CREATED)
    write_parquet(folder / "timeline.csv", folder / "timeline.parquet")
    with (folder / "timeline.csv").open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return names, rows, folder / "timeline.parquet"


def read(path: Path) -> tuple[list[str], list[str], list[tuple[Cell, ...]]]:
    """Names, types and rows as DuckDB reads them."""
    with duckdb.connect() as connection:
        relation = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        described = relation.description or []
        return [d[0] for d in described], [str(d[1]) for d in described], relation.fetchall()


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"hour"}))
def test_every_cell_is_that_of_the_table(shape: str, tmp_path: Path) -> None:
    names, rows, path = tables(shape, tmp_path)
    told, _, cells = read(path)
    assert told == names
    assert len(cells) == len(rows)
    for row, found in zip(rows, cells, strict=True):
        for name, text, cell in zip(names, row, found, strict=True):
            if text == "":
                assert cell is None, name
            else:
                assert cell is not None, name
                assert type(cell)(text) == cell, name


def test_columns_have_types_even_where_all_is_empty(tmp_path: Path) -> None:
    names, _, path = tables("nobody", tmp_path)
    told, types, cells = read(path)
    by_name = dict(zip(told, types, strict=True))
    assert by_name["state"] == by_name["media_time_mmss"] == "VARCHAR"
    assert by_name["frames"] == by_name["tracks"] == by_name["unread_blurred_sightings"] == "BIGINT"
    assert by_name["fear_percent"] == by_name["media_time_seconds"] == by_name["coverage_share"] == "DOUBLE"
    assert {row[names.index("fear_low_percent")] for row in cells} == {None}
    assert [sql_type(name) for name in names] == types


def test_a_report_without_steps_is_a_table_without_rows(tmp_path: Path) -> None:
    names, rows, path = tables("nothing", tmp_path)
    assert rows == []
    assert read(path)[0] == names
    assert read(path)[2] == []


def test_it_can_be_asked(tmp_path: Path) -> None:
    _, rows, path = tables("hall", tmp_path)
    with duckdb.connect() as connection:
        asked = "SELECT state, count(*) FROM read_parquet(?) GROUP BY state"
        counts = dict(connection.execute(asked, [str(path)]).fetchall())
    assert sum(counts.values()) == len(rows)
    assert (counts["suppressed"], counts["gap"]) == (24, 10)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    _, _, path = tables("hall", tmp_path)
    write_parquet(tmp_path / "timeline.csv", tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_a_long_table_keeps_every_row_in_its_order(tmp_path: Path) -> None:
    with (tmp_path / "timeline.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("media_time_seconds", "frames"), *((i / 30, i) for i in range(50_000))])
    write_parquet(tmp_path / "timeline.csv", tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")[2] == [(i / 30, i) for i in range(50_000)]


def test_a_row_that_broke_off_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "timeline.csv").write_text("media_time_seconds,state,frames\r\n0.0,read,1\r\n0.5,re")
    with pytest.raises(OutputError, match=r"t\.parquet"):
        write_parquet(tmp_path / "timeline.csv", tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["it's", "a [1]*", "b?", "back\\slash", "ü 映画"])
def test_a_folder_may_be_called_anything(name: str, tmp_path: Path) -> None:
    _, rows, path = tables("one_person", tmp_path / name)
    path.rename(tmp_path / "plain.parquet")
    assert len(read(tmp_path / "plain.parquet")[2]) == len(rows)
    assert {p.name for p in (tmp_path / name).iterdir()} == {"report.json", "timeline.csv", "report.html"}


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    tables("one_person", tmp_path)
    with pytest.raises(OutputError, match="absent"):
        write_parquet(tmp_path / "timeline.csv", tmp_path / "absent" / "t.parquet")
    (tmp_path / "odd.csv").write_text("frames\nmany\n")
    with pytest.raises(OutputError, match=r"cannot write .*odd\.parquet"):
        write_parquet(tmp_path / "odd.csv", tmp_path / "odd.parquet")
    assert not [p for p in tmp_path.iterdir() if "odd.parquet" in p.name]


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    for name in ("empty.csv", "absent.csv"):
        with pytest.raises(InputError, match=name):
            write_parquet(tmp_path / name, tmp_path / "t.parquet")


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[tables\]'"):
        write_parquet(tmp_path / "timeline.csv", tmp_path / "t.parquet")

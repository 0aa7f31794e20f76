"""Rows of sessions as they lie in files: a report of ours, a CSV table, a Parquet table.

Rows are not on a time base yet; :mod:`mien.analysis.session_files` says what the files hold and puts them on one.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mien.analysis.alignment import read_playback, read_table
from mien.analysis.film_time import film_time_of
from mien.analysis.sessions import FloatArray
from mien.core.errors import InputError, SettingsError

PLAYBACK: Final = "playback.json"
UNTOLD_GROUP: Final = 5
"""The smallest group of a table or archive that does not tell its own."""
UNITS: Final = ("percent", "points", "1_to_5", "0_to_10", "faces", "share")
"""What a column's name may end in after the name of its series."""
_LONGEST_FRAME_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Rows:
    """R rows of sessions as they are in a file.

    Attributes:
        file: for messages.
        names: of the sessions.
        session: intp R, position in ``names``.
        start, end: float64 R, seconds of the film.
        source: intp P, of which row each piece of time is; None where rows are the pieces.
        values: float32 R each.
        weight, readable: float32 R.
        min_group, demo: of all.
        recordings: what each session was measured from, see ``SessionSet``.
    """

    file: Path
    names: tuple[str, ...]
    session: npt.NDArray[np.intp]
    start: FloatArray
    end: FloatArray
    values: Mapping[str, npt.NDArray[np.float32]]
    weight: npt.NDArray[np.float32]
    readable: npt.NDArray[np.float32]
    min_group: int
    demo: bool = False
    source: npt.NDArray[np.intp] | None = None
    recordings: tuple[str, ...] = ()

    def apart(self) -> list[Rows]:
        """The rows of each session by itself, in the order of ``names``; one without rows is left out."""
        if len(self.names) == 1:
            return [self]
        order = np.argsort(self.session, kind="stable")
        edges = np.searchsorted(self.session[order], np.arange(len(self.names) + 1))
        return [
            replace(
                self,
                names=(name,),
                session=np.zeros(len(mine), np.intp),
                start=self.start[mine],
                end=self.end[mine],
                values={series: column[mine] for series, column in self.values.items()},
                weight=self.weight[mine],
                readable=self.readable[mine],
                recordings=self.recordings[number : number + 1],
            )
            for number, name in enumerate(self.names)
            if len(mine := order[edges[number] : edges[number + 1]])
        ]


def report_rows(file: Path, name: str, series: Sequence[str]) -> Rows:
    """Rows of a ``report.json``, on the film's time where a player's log lies beside it; one session called ``name``.

    Raises:
        InputError: it is no report of ours, or lacks a series.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        timeline, session = document["timeline"], document["session"]
        if document["schema_version"] != 1:
            raise InputError(f"{file} is a report of version {document['schema_version']}; this Mien reads version 1.")
        untold = [one for one in series if one in session.get("left_out", ())]
        if untold:
            raise InputError(f"{file} does not tell {untold[0]}: it was left out, or its classifier did not know it.")
        start = np.array([row["media_time_seconds"] for row in timeline], np.float64)
        length = np.array([row["duration_seconds"] for row in timeline], np.float64)
        columns = {one: [_value(row, one) for row in timeline] for one in series}
        for one, told in columns.items():
            if timeline and all(value is None for value in told):
                _check_known(file, one, timeline)
        weight = [row.get("coverage_share") or 0.0 for row in timeline]
        readable = [row.get("readable_faces") or 0 for row in timeline]
        least, demo = int(session["min_group"]), bool(document["demo"])
        label = str(session["session_id"])
        recording = str(document["provenance"]["input"].get("sha256") or "")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is no report of ours: {type(error).__name__} {error}.") from error
    end = start + np.where(length > 0, length, _frame_lengths(start))
    values = {one: np.array([math.nan if v is None else v for v in told], np.float32) for one, told in columns.items()}
    rows = Rows(
        file=file,
        names=(name or label,),
        session=np.zeros(len(start), np.intp),
        start=start,
        end=end,
        values=values,
        weight=np.array(weight, np.float32),
        readable=np.array(readable, np.float32),
        min_group=least,
        demo=demo,
        recordings=(recording,),
    )
    beside = file.with_name(PLAYBACK)
    if not beside.is_file():
        film = (document.get("film") or {}).get("stretches")
        if film:
            shown = film_time_of(film)
            pieces = shown.pieces(start, end)
            return replace(rows, start=pieces.start, end=pieces.end, source=pieces.source)
        return rows
    pieces = read_playback(beside).pieces(start, end)
    if not len(pieces.source):
        raise InputError(f"{beside}: the film did not run while {file.name} was recorded; check the clocks.")
    return replace(rows, start=pieces.start, end=pieces.end, source=pieces.source)


def _value(row: Mapping[str, Any], series: str) -> float | None:
    """A series in one row of a report: an emotion, a metric, a label of the session's own set, or a column."""
    for part in ("emotions_percent", "measures", "view_percent"):
        told = row.get(part) or {}
        if series in told:
            value = told[series]
            return value.get("value") if isinstance(value, dict) else value
    value = row.get(series)
    return float(value) if isinstance(value, int | float) else None


def _check_known(file: Path, series: str, timeline: Sequence[Mapping[str, Any]]) -> None:
    """A report in which nobody was read is fine; one that never heard of a series is not."""
    known: dict[str, None] = {}
    for row in timeline:
        for part in ("emotions_percent", "measures", "view_percent"):
            known |= dict.fromkeys(row.get(part) or {})
    if known and series not in known:
        raise InputError(f"{file} has no series '{series}'; it has {', '.join(sorted(known))}.")


def _frame_lengths(start: FloatArray) -> FloatArray:
    """How long a step that is a single frame lasts: until the next one, but no longer than a second."""
    if len(start) < 2:
        return np.full(len(start), 1e-3)
    gaps = np.diff(start)
    return np.minimum(np.append(gaps, np.median(gaps)), _LONGEST_FRAME_SECONDS)


def _column_of(series: str, columns: Iterable[str], file: Path) -> str:
    known = list(columns)
    for candidate in (series, *(f"{series}_{unit}" for unit in UNITS)):
        if candidate in known:
            return candidate
    raise InputError(f"{file} has no column '{series}'; it has {', '.join(known)}.")


def csv_rows(file: Path, name: str, series: Sequence[str]) -> Rows:
    """Rows of a CSV table; one session called ``name`` where it has no column of sessions.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}.") from error
    try:
        told = [row for _, row in read_table(text, ("media_time_seconds",), str(file))]
    except csv.Error as error:
        raise InputError(f"{file} is no table: {error}.") from error
    header = list(told[0])

    def numbers(column: str, missing: float) -> FloatArray:
        try:
            return np.array([float(row[column]) if row.get(column) else missing for row in told], np.float64)
        except ValueError as error:
            raise InputError(f"{file}, column {column}: {error}.") from error

    labels = [row["session"] for row in told] if "session" in header else [name] * len(told)
    names = tuple(dict.fromkeys(labels))
    place = {label: number for number, label in enumerate(names)}
    columns = {one: numbers(_column_of(one, header, file), math.nan) for one in series}
    return _table_rows(
        file,
        names,
        np.array([place[label] for label in labels], np.intp),
        numbers("media_time_seconds", math.nan),
        numbers("duration_seconds", math.nan) if "duration_seconds" in header else None,
        columns,
        numbers("coverage_share", 0.0) if "coverage_share" in header else None,
        numbers("readable_faces", 0.0) if "readable_faces" in header else None,
    )


def parquet_rows(file: Path, name: str, series: Sequence[str]) -> Rows:
    """Rows of a Parquet table, as :func:`csv_rows`.

    Raises:
        InputError: it cannot be read, or lacks a column.
        SettingsError: DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise SettingsError(
            f"reading {file} needs DuckDB: install it with pip install 'mien[tables]', or give npz or csv."
        ) from error

    with duckdb.connect() as database:
        try:
            header = [
                row[0] for row in database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)]).fetchall()
            ]
            if "media_time_seconds" not in header:
                raise InputError(f"{file} has no column media_time_seconds.")
            wanted = {one: _column_of(one, header, file) for one in series}
            extra = [c for c in ("duration_seconds", "coverage_share", "readable_faces") if c in header]
            names: tuple[str, ...] = (name,)
            position, source = "0", "read_parquet(?) AS t"
            if "session" in header:
                told = database.execute(
                    "SELECT DISTINCT CAST(session AS VARCHAR) FROM read_parquet(?) ORDER BY 1", [str(file)]
                ).fetchall()
                if any(row[0] is None for row in told):
                    raise InputError(f"{file} has rows without a session.")
                names = tuple(row[0] for row in told)
                database.execute("CREATE TABLE names (session VARCHAR, place BIGINT)")
                database.executemany("INSERT INTO names VALUES (?, ?)", [[n, i] for i, n in enumerate(names)])
                position = "names.place"
                source += " JOIN names ON CAST(t.session AS VARCHAR) = names.session"
            columns = ["media_time_seconds", *extra, *wanted.values()]
            picked = ", ".join(f'CAST(t."{c}" AS DOUBLE) AS c{i}' for i, c in enumerate(columns))
            found = database.execute(f"SELECT {position} AS place, {picked} FROM {source}", [str(file)]).fetchnumpy()
        except duckdb.Error as error:
            raise InputError(f"{file} is no Parquet table that can be read: {error}") from error
    arrays = {c: _filled(found[f"c{i}"]) for i, c in enumerate(columns)}
    return _table_rows(
        file,
        names,
        np.asarray(found["place"], np.intp),
        arrays["media_time_seconds"],
        arrays.get("duration_seconds"),
        {one: arrays[column] for one, column in wanted.items()},
        arrays.get("coverage_share"),
        arrays.get("readable_faces"),
    )


def _filled(column: Any) -> FloatArray:
    """A column with NaN where the table has no value."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.filled(np.nan), np.float64)
    return np.asarray(column, np.float64)


def _table_rows(
    file: Path,
    names: tuple[str, ...],
    session: npt.NDArray[np.intp],
    start: FloatArray,
    length: FloatArray | None,
    values: Mapping[str, FloatArray],
    coverage: FloatArray | None,
    readable: FloatArray | None,
) -> Rows:
    if not np.isfinite(start).all() or (start < 0).any():
        raise InputError(f"{file} has a row whose media_time_seconds is no time.")
    for name, column in values.items():
        if np.isinf(column).any():
            raise InputError(f"{file} has an infinite {name}.")
    if coverage is not None and not ((np.nan_to_num(coverage) >= 0) & (np.nan_to_num(coverage) <= 1)).all():
        raise InputError(f"{file} has a coverage_share outside 0 to 1.")
    if length is None or not (np.nan_to_num(length) > 0).all():
        length = _lengths(session, start, length)
    return Rows(
        file=file,
        names=names,
        session=session,
        start=start,
        end=start + length,
        values={name: column.astype(np.float32) for name, column in values.items()},
        weight=(np.ones(len(start)) if coverage is None else np.nan_to_num(coverage)).astype(np.float32),
        readable=(np.ones(len(start)) if readable is None else np.nan_to_num(readable)).astype(np.float32),
        min_group=UNTOLD_GROUP,
    )


def _lengths(session: npt.NDArray[np.intp], start: FloatArray, told: FloatArray | None) -> FloatArray:
    """Step lengths where a table does not tell them: the usual distance to the same session's next row."""
    usual = np.full(int(session.max(initial=0)) + 1, _LONGEST_FRAME_SECONDS)
    order = np.argsort(session, kind="stable")
    edges = np.searchsorted(session[order], np.arange(len(usual) + 1))
    for number in range(len(usual)):
        gaps = np.diff(np.unique(start[order[edges[number] : edges[number + 1]]]))
        if len(gaps):
            usual[number] = np.median(gaps if told is None else np.minimum(gaps, _LONGEST_FRAME_SECONDS))
    if told is None:
        return np.asarray(usual[session], np.float64)
    known = np.nan_to_num(told)
    return np.asarray(np.where(known > 0, known, usual[session]), np.float64)

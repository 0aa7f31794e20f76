"""Sessions of one version from files: reports of ours, tables (CSV, Parquet) and NumPy archives.

A version is a file, or a folder. In a folder that holds reports, every ``report.json`` below it is a session, and what
lies beside a report is not read a second time; beside it ``playback.json`` (see ``alignment.read_playback``) moves a
recording onto the film's time. Otherwise every table and archive below the folder is read. ``segments.csv`` at the top
of the folder holds what respondents declared of themselves: ``session`` and a column an attribute.

A **table** has a row a session and step: ``media_time_seconds``, a column a series (``fear`` or with its unit:
``fear_percent``), and where known ``session``, ``duration_seconds``, ``coverage_share`` and ``readable_faces``; empty
cells and NaN are unread. A table without ``session`` is one session. Our ``timeline.csv`` is such a table.

An **archive** (``npz``) has ``step_seconds``, an array S×T a series called ``series_<name>`` (NaN where unread), and
where known ``start_seconds``, ``sessions`` (S texts), ``weights`` and ``readable`` (S×T or S), ``min_group``, and
``attribute_<name>`` (S texts).
"""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mien.analysis.alignment import read_playback, read_table
from mien.analysis.resampling import Cells, Pieces, onto, regrid
from mien.analysis.sessions import FloatArray, SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError

REPORT: Final = "report.json"
PLAYBACK: Final = "playback.json"
SEGMENTS: Final = "segments.csv"
TABLES: Final = (".csv", ".npz", ".parquet")
UNTOLD_GROUP: Final = 5
"""The smallest group of a table or archive that does not tell its own."""
UNITS: Final = ("percent", "points", "1_to_5", "0_to_10", "faces", "share")
"""What a column's name may end in after the name of its series."""
_LONGEST_FRAME_SECONDS: Final = 1.0
_TIME_ROUNDING: Final = 1e-3
"""Share of a step by which times may miss the grid and still be on it."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read of a version's files.

    Attributes:
        series: names, one at least.
        version, title: what it is called; None takes the name of the folder or file, and ``untitled``.
        step_seconds: the common step; None takes the longest of the sessions', so that no resolution is made up.

    Raises:
        SettingsError: no series is asked for, or the step is not above 0.
    """

    series: tuple[str, ...]
    version: str | None = None
    title: str | None = None
    step_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.series or (self.step_seconds is not None and not self.step_seconds > 0):
            raise SettingsError("name one series at least, and a step above 0 seconds.")


def read_version(path: Path, options: ReadOptions) -> SessionSet:
    """Every session of one version.

    Args:
        path: a folder, or a ``json``, ``csv``, ``parquet`` or ``npz`` file.
        options: what to read.

    Raises:
        InputError: there is no session, or a file is not what it should be; the message names it.
        SettingsError: Parquet needs a package that is missing.
    """
    sources = _sources(path)
    parts = [part for name, file in sources for part in [_read(file, name, options)]]
    step = options.step_seconds or max(part.base.step_seconds for part in parts)
    start, end = min(p.base.start_seconds for p in parts), max(p.base.end_seconds for p in parts)
    base = TimeBase.covering(start, end, step)
    joined = SessionSet.joined(_apart([onto(part, base) for part in parts], [name for name, _ in sources]))
    told = _segments(path / SEGMENTS, joined.names) if path.is_dir() else {}
    return replace(
        joined,
        title=options.title or "untitled",
        version=options.version or path.name.removesuffix(path.suffix if path.is_file() else "") or path.resolve().name,
        attributes={**joined.attributes, **told},
    )


def on_common_steps(versions: Sequence[SessionSet], step_seconds: float | None = None) -> tuple[SessionSet, ...]:
    """Versions on the same steps, over the time that any of them covers; the longest step counts."""
    step = step_seconds or max(v.base.step_seconds for v in versions)
    start, end = min(v.base.start_seconds for v in versions), max(v.base.end_seconds for v in versions)
    base = TimeBase.covering(start, end, step)
    return tuple(onto(v, base) for v in versions)


def save_npz(sessions: SessionSet, path: Path) -> None:
    """Write a set as an archive that :func:`read_version` reads back."""
    np.savez(
        path,
        allow_pickle=False,
        step_seconds=sessions.base.step_seconds,
        start_seconds=sessions.base.start_seconds,
        sessions=np.array(sessions.names),
        weights=sessions.weights,
        readable=sessions.readable,
        min_group=sessions.min_group,
        **{f"series_{name}": cells for name, cells in sessions.series.items()},
        **{f"attribute_{name}": np.array(told) for name, told in sessions.attributes.items()},
    )


def _sources(path: Path) -> list[tuple[str, Path]]:
    """What to read, each with the name of its session where the file holds one only."""
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    if path.is_file():
        return [(path.parent.name if path.name == REPORT else path.stem, path)]
    reports = sorted(path.rglob(REPORT))
    if reports:
        return [(file.parent.relative_to(path).as_posix().removeprefix("."), file) for file in reports]
    files = sorted(f for f in path.rglob("*") if f.suffix.lower() in TABLES and f != path / SEGMENTS)
    if not files:
        raise InputError(f"{path} holds no {REPORT} and no table ({', '.join(TABLES)}): there is no session to read.")
    return [(file.relative_to(path).with_suffix("").as_posix(), file) for file in files]


def _read(file: Path, name: str, options: ReadOptions) -> SessionSet:
    suffix = file.suffix.lower()
    if suffix == ".npz":
        return _read_npz(file, options.series)
    if suffix == ".json":
        return _gridded(_report_rows(file, name, options.series), options)
    if suffix == ".csv":
        return _gridded(_csv_rows(file, name, options.series), options)
    if suffix == ".parquet":
        return _gridded(_parquet_rows(file, name, options.series), options)
    raise InputError(f"{file} is no report and no table: give a json, csv, parquet or npz file, or a folder of them.")


def _apart(parts: Sequence[SessionSet], sources: Sequence[str]) -> list[SessionSet]:
    """Sets whose sessions are named apart: where two files use one name, the file's comes before it."""
    names = [name for part in parts for name in part.names]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    return [
        replace(part, names=tuple(f"{source}/{n}" if n in twice else n for n in part.names))
        for part, source in zip(parts, sources, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Rows:
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


def _gridded(rows: _Rows, options: ReadOptions) -> SessionSet:
    """Rows on a time base of their own."""
    if not len(rows.start):
        raise InputError(f"{rows.file} holds no step.")
    own = float(np.median(rows.end - rows.start))
    step = options.step_seconds or own
    base = TimeBase.covering(float(rows.start.min()), float(rows.end.max()), step)
    shape = (len(rows.names), base.steps)
    place = (rows.start - base.start_seconds) / step
    column = np.rint(place).astype(np.intp)
    lengths = (rows.end - rows.start) / step
    on_grid = rows.source is None and bool(
        (np.abs(place - column) < _TIME_ROUNDING).all() and (lengths > 1 - _TIME_ROUNDING).all()
        and (lengths < 1 + _TIME_ROUNDING).all()
    )  # fmt: skip
    series = {name: np.full(shape, np.nan, np.float32) for name in rows.values}
    weights, readable = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    if on_grid:
        cell = rows.session * base.steps + column
        if np.bincount(cell, minlength=1).max() > 1:
            again = int(rows.session[np.flatnonzero(np.bincount(cell)[cell] > 1)[0]])
            raise InputError(f"{rows.file} tells a step of session '{rows.names[again]}' twice.")
        for name, values in rows.values.items():
            series[name][rows.session, column] = values
        weights[rows.session, column] = rows.weight
        readable[rows.session, column] = rows.readable
    else:
        source = np.arange(len(rows.start)) if rows.source is None else rows.source
        owner = rows.session[source]
        for number in range(len(rows.names)):
            mine = np.flatnonzero(owner == number)
            of_row, compact = np.unique(source[mine], return_inverse=True)
            cells = Cells(
                {name: values[of_row][None] for name, values in rows.values.items()},
                rows.weight[of_row][None],
                rows.readable[of_row][None],
            )
            moved = regrid(cells, Pieces(compact.astype(np.intp), rows.start[mine], rows.end[mine]), base)
            for name, values in moved.series.items():
                series[name][number] = values[0]
            weights[number], readable[number] = moved.weights[0], moved.readable[0]
    return SessionSet(
        title="untitled",
        version=rows.file.stem,
        names=rows.names,
        base=base,
        series=series,
        weights=weights,
        readable=readable,
        min_group=rows.min_group,
        demo=rows.demo,
    )


def _report_rows(file: Path, name: str, series: Sequence[str]) -> _Rows:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        timeline, session = document["timeline"], document["session"]
        if document["schema_version"] != 1:
            raise InputError(f"{file} is a report of version {document['schema_version']}; this Mien reads version 1.")
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
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is no report of ours: {type(error).__name__} {error}.") from error
    end = start + np.where(length > 0, length, _frame_lengths(start))
    values = {one: np.array([math.nan if v is None else v for v in told], np.float32) for one, told in columns.items()}
    rows = _Rows(
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
    )
    beside = file.with_name(PLAYBACK)
    if not beside.is_file():
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


def _csv_rows(file: Path, name: str, series: Sequence[str]) -> _Rows:
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


def _parquet_rows(file: Path, name: str, series: Sequence[str]) -> _Rows:
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
) -> _Rows:
    if not np.isfinite(start).all() or (start < 0).any():
        raise InputError(f"{file} has a row whose media_time_seconds is no time.")
    for name, column in values.items():
        if np.isinf(column).any():
            raise InputError(f"{file} has an infinite {name}.")
    if coverage is not None and not ((np.nan_to_num(coverage) >= 0) & (np.nan_to_num(coverage) <= 1)).all():
        raise InputError(f"{file} has a coverage_share outside 0 to 1.")
    if length is None or not (np.nan_to_num(length) > 0).all():
        length = _lengths(session, start, length)
    return _Rows(
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
    first = np.unique(start[session == session[0]])
    if told is not None:
        known = np.nan_to_num(told)
        return np.where(known > 0, known, np.median(_frame_lengths(first)))
    return np.full(len(start), float(np.median(np.diff(first))) if len(first) > 1 else _LONGEST_FRAME_SECONDS)


def _read_npz(file: Path, series: Sequence[str]) -> SessionSet:
    try:
        with np.load(file, allow_pickle=False) as archive:
            known = sorted(n.removeprefix("series_") for n in archive.files if n.startswith("series_"))
            for name in series:
                if name not in known:
                    raise InputError(f"{file} has no series '{name}'; it has {', '.join(known) or 'none'}.")
            if "step_seconds" not in archive.files:
                raise InputError(f"{file} does not tell step_seconds.")
            told = {n: archive[n] for n in ("sessions", "weights", "readable") if n in archive.files}
            return SessionSet.of(
                {name: archive[f"series_{name}"] for name in series},
                step_seconds=float(archive["step_seconds"]),
                start_seconds=float(archive["start_seconds"]) if "start_seconds" in archive.files else 0.0,
                version=file.stem,
                names=[str(n) for n in told["sessions"]] if "sessions" in told else None,
                weights=told.get("weights"),
                readable=told.get("readable"),
                min_group=int(archive["min_group"]) if "min_group" in archive.files else UNTOLD_GROUP,
                attributes={
                    n.removeprefix("attribute_"): [str(v) for v in archive[n]]
                    for n in archive.files
                    if n.startswith("attribute_")
                },
            )
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}.") from error
    except (InputError, SettingsError) as error:
        raise InputError(str(error) if str(file) in str(error) else f"{file}: {error}") from error
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is no archive of sessions: {error}.") from error


def _segments(file: Path, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What respondents declared, a text a session and attribute."""
    if not file.is_file():
        return {}
    rows = [row for _, row in read_table(file.read_text(encoding="utf-8"), ("session",), str(file))]
    unknown = [row["session"] for row in rows if row["session"] not in names]
    if unknown:
        raise InputError(f"{file} names the session '{unknown[0]}', of which there is no recording.")
    told = {row["session"]: row for row in rows}
    attributes = [column for column in rows[0] if column != "session"]
    return {a: tuple(told.get(name, {}).get(a, "").strip() for name in names) for a in attributes}

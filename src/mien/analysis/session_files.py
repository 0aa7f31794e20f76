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

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from mien.analysis.alignment import read_table
from mien.analysis.copies import refuse_copies, refuse_same_recordings
from mien.analysis.resampling import Cells, Pieces, onto, regrid
from mien.analysis.session_rows import UNTOLD_GROUP, Rows, csv_rows, parquet_rows, report_rows
from mien.analysis.sessions import SessionSet, TimeBase
from mien.core.errors import InputError, SettingsError

REPORT: Final = "report.json"
SEGMENTS: Final = "segments.csv"
TABLES: Final = (".csv", ".npz", ".parquet")
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
        InputError: there is no session, a file is not what it should be, or one session is a copy of another; the
            message names it.
        SettingsError: Parquet needs a package that is missing.
    """
    sources = _sources(path)
    own = replace(options, step_seconds=None)
    parts = [part for name, file in sources for part in [_read(file, name, own)]]
    step = max(part.base.step_seconds for part in parts)
    start, end = min(p.base.start_seconds for p in parts), max(p.base.end_seconds for p in parts)
    base = TimeBase.covering(start, end, step)
    joined = SessionSet.joined(_apart([onto(part, base) for part in parts], [name for name, _ in sources]))
    told = _segments(path / SEGMENTS, joined.names) if path.is_dir() else {}
    read = replace(
        joined,
        title=options.title or "untitled",
        version=_version_name(path, options),
        attributes={**joined.attributes, **told},
    )
    refuse_copies((read,))
    if options.step_seconds is None:
        return read
    return moved(read, TimeBase.covering(start, end, options.step_seconds))


def read_sessions(path: Path, options: ReadOptions) -> tuple[SessionSet, ...]:
    """Every session of one version by itself, in sets of one.

    What is read of a session depends on nothing in the others: each is on steps of its own (``options.step_seconds``
    where that is told), save that an archive has one time base for all it holds.

    Args:
        path, options: as for :func:`read_version`.

    Raises:
        InputError: there is no session, a file is not what it should be, or one session is a copy of another; the
            message names it.
        SettingsError: Parquet needs a package that is missing.
    """
    sources = _sources(path)
    found = [(name, part) for name, file in sources for part in _read_apart(file, name, options)]
    parts = _apart([part for _, part in found], [name for name, _ in found])
    names = [part.names[0] for part in parts]
    told = _segments(path / SEGMENTS, names) if path.is_dir() else {}
    read = tuple(
        replace(
            part,
            title=options.title or "untitled",
            version=_version_name(path, options),
            attributes={**part.attributes, **{a: (values[i],) for a, values in told.items()}},
        )
        for i, part in enumerate(parts)
    )
    refuse_same_recordings(read)
    return read


def on_common_steps(versions: Sequence[SessionSet], step_seconds: float | None = None) -> tuple[SessionSet, ...]:
    """Versions on the same steps, over the time that any of them covers; the longest step counts.

    What is withheld on a version's own steps is in none of these.
    """
    step = step_seconds or max(v.base.step_seconds for v in versions)
    start, end = min(v.base.start_seconds for v in versions), max(v.base.end_seconds for v in versions)
    base = TimeBase.covering(start, end, step)
    return tuple(moved(v, base) for v in versions)


def moved(sessions: SessionSet, base: TimeBase) -> SessionSet:
    """A set on other steps of the same clock, without what is withheld on its own; itself where they are the same."""
    return sessions if sessions.base.is_like(base) else onto(sessions.told(), base)


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


def _version_name(path: Path, options: ReadOptions) -> str:
    return options.version or path.name.removesuffix(path.suffix if path.is_file() else "") or path.resolve().name


def _read(file: Path, name: str, options: ReadOptions) -> SessionSet:
    if file.suffix.lower() == ".npz":
        return _read_npz(file, options.series)
    return gridded(_rows(file, name, options), options)


def _read_apart(file: Path, name: str, options: ReadOptions) -> list[SessionSet]:
    if file.suffix.lower() == ".npz":
        archive = _read_npz(file, options.series)
        return [archive.select([number]) for number in range(len(archive))]
    return [gridded(rows, options) for rows in _rows(file, name, options).apart()]


def _rows(file: Path, name: str, options: ReadOptions) -> Rows:
    suffix = file.suffix.lower()
    if suffix == ".json":
        return report_rows(file, name, options.series)
    if suffix == ".csv":
        return csv_rows(file, name, options.series)
    if suffix == ".parquet":
        return parquet_rows(file, name, options.series)
    raise InputError(f"{file} is no report and no table: give a json, csv, parquet or npz file, or a folder of them.")


def _apart(parts: Sequence[SessionSet], sources: Sequence[str]) -> list[SessionSet]:
    """Sets whose sessions are named apart: where two files use one name, the file's comes before it."""
    names = [name for part in parts for name in part.names]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    return [
        replace(part, names=tuple(f"{source}/{n}" if n in twice else n for n in part.names))
        for part, source in zip(parts, sources, strict=True)
    ]


def gridded(rows: Rows, options: ReadOptions) -> SessionSet:
    """Rows on a time base of their own.

    Raises:
        InputError: there is none, or one session tells a step twice.
    """
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
        recordings=rows.recordings,
    )


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

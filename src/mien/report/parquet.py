"""Writes ``timeline.parquet``: columns and rows of ``timeline.csv``, with types, through DuckDB (extra ``[tables]``).

What the table leaves empty is null. Counts are 64-bit integers, words are text, every other figure is a double with
the very value that the table spells.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mien.core.errors import InputError, SettingsError
from mien.report.partial import written_whole

if TYPE_CHECKING:
    import duckdb

FILE: Final = "timeline.parquet"
WORDS: Final = frozenset({"media_time_mmss", "state"})
COUNTS: Final = frozenset({"frames", "present_faces", "readable_faces", "tracks"})
COUNT_SUFFIX: Final = "_sightings"

_CLOSED: Final[dict[str, Any]] = {
    "threads": 1,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""One thread, so that the same table gives the same bytes; nothing is ever fetched."""


def require_tables() -> None:
    """Make sure that Parquet can be written, before any time is spent on what goes into it.

    Raises:
        SettingsError: DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: F401
    except ImportError as error:
        raise SettingsError("Parquet needs DuckDB: pip install 'mien[tables]'") from error


def sql_type(column: str) -> str:
    """The DuckDB type of a column of the table."""
    if column in WORDS:
        return "VARCHAR"
    return "BIGINT" if column in COUNTS or column.endswith(COUNT_SUFFIX) else "DOUBLE"


def write_parquet(table: Path, path: Path) -> None:
    """Write a timeline's table (``timeline.csv``) as Parquet; the file appears whole or not at all.

    Raises:
        SettingsError: DuckDB is not installed.
        InputError: the table cannot be read.
        OutputError: the file cannot be written; nothing of it is left behind.
    """
    require_tables()
    import duckdb

    names = _column_names(table)
    with written_whole(path, duckdb.Error) as temporary, duckdb.connect(config=_CLOSED) as connection:
        _copy(connection, table, names, temporary)


def _column_names(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            names = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"cannot read the table {table}: {error}.") from error
    if not names:
        raise InputError(f"cannot read the table {table}: it is empty.")
    return names


def _copy(connection: duckdb.DuckDBPyConnection, table: Path, names: list[str], path: Path) -> None:
    """From file to file, a part at a time, in the table's order; nothing is guessed from the content."""
    types = ", ".join(f"{_quoted(name)}: {_quoted(sql_type(name))}" for name in names)
    connection.execute(
        f"COPY (SELECT * FROM read_csv({_quoted(_literal(table))}, columns = {{{types}}}, auto_detect = false, "
        "header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '')) "
        f"TO {_quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384, USE_TMP_FILE false)"
    )


def _literal(path: Path) -> str:
    """A path as a pattern that only it matches."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

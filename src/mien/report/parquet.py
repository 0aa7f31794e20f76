"""Writes ``timeline.parquet``: columns and rows of ``timeline.csv``, with types, through DuckDB (extra ``[tables]``).

What the table leaves empty is null. Counts are 64-bit integers, words are text, every other figure is a double with
the very value that the table spells.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mien.core.errors import InputError, SettingsError
from mien.report.partial import PartialFile, cannot_write

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

    columns = _columns(table)
    partial = PartialFile(path)
    try:
        with duckdb.connect(config=_CLOSED) as connection:
            _copy(connection, columns, partial.temporary)
    except duckdb.Error as error:
        partial.remove()
        raise cannot_write(path, error) from error
    except BaseException:
        partial.remove()
        raise
    partial.publish()


def _columns(table: Path) -> dict[str, list[str]]:
    """Every column's cells as they are spelt."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the table {table}: {error}.") from error
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: list(column) for name, column in zip(names, cells, strict=True)}


def _copy(connection: duckdb.DuckDBPyConnection, columns: dict[str, list[str]], path: Path) -> None:
    """Cells go in as text, are cast by column, and come out as a file. Names are ours and hold no quotation mark."""
    held = {name: np.array([cell or None for cell in cells], dtype=object) for name, cells in columns.items()}
    connection.register("cells", held)
    typed = ", ".join(f'CAST("{name}" AS {sql_type(name)}) AS "{name}"' for name in columns)
    target = str(path).replace("'", "''")
    connection.execute(
        f"COPY (SELECT {typed} FROM cells) TO '{target}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
    )

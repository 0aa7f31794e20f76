"""Reports in every form that ``mien analyze`` and ``mien markers`` write.

The page and the tables lie beside the report as the analysis made them. Parquet and PDF are made when they are asked
for, where this service has what makes them, by a job that keeps them beside the report or while a request waits;
markers are drawn from the report itself. What a request waits for is made at a bench of its own, one at a time and
with few that wait, so that no number of exports takes the service from others.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mien.core.errors import InputError, SettingsError
from mien.core.findings import MomentKind
from mien.report.document import Report
from mien.report.markers import MarkerOptions, Sheet, formats, load_format
from mien.report.reading import duration_of, film_stretches, moments_of, on_film, stretches_of
from mien.report.timecode import frame_rate_of

PARQUET: Final = "timeline.parquet"
PDF: Final = "report.pdf"
MADE_OF: Final = {PARQUET: "timeline.csv", PDF: "report.html"}
"""Files that are made when they are asked for, and the stored file that each is made of."""
MADE_TYPES: Final = {PARQUET: "application/vnd.apache.parquet", PDF: "application/pdf"}


@dataclass(frozen=True, slots=True)
class MarkerRequest:
    """How markers are drawn; see ``mien markers``.

    Attributes:
        format: of the file.
        frame_rate: of the film in the edit suite.
        drop_frame: drop-frame timecode.
        start_timecode: of the film's first frame.
        kinds: of moments; empty for every one.
        title: of the sequence; None takes the recording's name.
    """

    format: str
    frame_rate: str
    drop_frame: bool = False
    start_timecode: str = "01:00:00:00"
    kinds: tuple[MomentKind, ...] = ()
    title: str | None = None


def can_make(name: str) -> bool:
    """Whether this service has what makes a file."""
    if name == PARQUET:
        return find_spec("duckdb") is not None
    from mien.report.pdf import find_browser

    try:
        find_browser()
    except SettingsError:
        return False
    return True


def make(name: str, source: bytes) -> bytes:
    """A file of :data:`MADE_OF` from what it is made of. It takes its time: not on the event loop.

    Raises:
        SettingsError: what makes it is missing.
        OutputError: it cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        given, made = Path(folder) / MADE_OF[name], Path(folder) / name
        given.write_bytes(source)
        if name == PARQUET:
            from mien.report.parquet import write_parquet

            write_parquet(given, made)
        else:
            from mien.report.pdf import find_browser, print_pdf

            print_pdf(given, made, browser=find_browser(), paper="a4")
        return made.read_bytes()


def markers(content: bytes, asked: MarkerRequest) -> tuple[str, str]:
    """A report's moments for an edit suite. Not on the event loop.

    Args:
        content: the report, JSON.
        asked: how.

    Returns:
        The file's text and its suffix.

    Raises:
        SettingsError: no such format, frame rate or timecode, or a package that it needs is missing.
        InputError: the report is of a single picture.
    """
    shape = load_format(asked.format)
    rate = frame_rate_of(asked.frame_rate)
    try:
        told = Report.model_validate_json(content)
    except ValidationError as error:
        raise InputError("this is no report of an analysis: markers are drawn from one.") from error
    name = asked.title or Path(told.provenance.input.name).stem
    options = MarkerOptions(
        frame_rate=rate,
        drop_frame=asked.drop_frame,
        start_timecode=asked.start_timecode,
        title=f"DEMO {name}" if told.demo else name,
        duration_seconds=duration_of(told),
        created=told.created,
        note="DEMO" if told.demo else "",
    )
    moments = [moment for moment in moments_of(told) if not asked.kinds or moment.kind in asked.kinds]
    sheet = Sheet.of(on_film(told, moments), options, film_stretches(told, stretches_of(told)))
    return shape.render(sheet), shape.SUFFIX


def marker_formats() -> tuple[str, ...]:
    """Names of the formats."""
    return formats()

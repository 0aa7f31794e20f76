"""What a finished run is told as: JSON, tables, one HTML page, and an annotated video of one's own footage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mien.report.files import all_or_none, prepare_folder, whole_text_file

if TYPE_CHECKING:
    from mien.analysis.series import Series
    from mien.core.audience import Analysis
    from mien.core.content import Content
    from mien.report.document import Findings
    from mien.report.screening import Screening

__all__ = ["FILES", "ZONES_FILE", "Told", "prepare_folder", "tell", "write_reports"]

FILES: Final = ("report.json", "timeline.csv", "report.html")
"""What :func:`write_reports` always writes."""
ZONES_FILE: Final = "zones.csv"
"""What it writes beside them of a hall that was measured by its zones."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finished run as it is told.

    Attributes:
        findings: everything but the timeline.
        analysis: what was measured.
        series: of its timeline.
    """

    findings: Findings
    analysis: Analysis
    series: Series

    def files(self, film_address: str | None = None) -> Iterator[tuple[str, Iterator[str]]]:
        """Each file's name and its text, piece by piece.

        Args:
            film_address: where the film lies, a relative URL from the page; None for a page without it.

        Raises:
            PolicyError: while a text is taken: a key of the report would tell about one person. Keep none of it.
        """
        from mien.report.document import timeline_rows
        from mien.report.html import render
        from mien.report.json_file import json_text
        from mien.report.tables import TimelineTable, zones_text

        timeline, left_out = self.analysis.timeline, self.findings.session.left_out
        table = TimelineTable(timeline, left_out)
        yield "report.json", json_text(self.findings, table.beside(timeline_rows(timeline)))
        yield "timeline.csv", table.text()
        if self.analysis.zones:
            yield ZONES_FILE, zones_text(self.analysis.zones, left_out)
        yield "report.html", iter((render(self.findings, self.series, timeline.series, film_address),))


def tell(
    analysis: Analysis, *, created: datetime, screening: Screening | None = None, content: Content | None = None
) -> Told:
    """A finished run as its reports tell it, not written anywhere yet.

    Args:
        analysis: what was measured.
        created: when, with a time zone; the only thing in the files that a repetition changes.
        screening: what the audience watched, where its owner tells; the film is referred to, never copied.
        content: what was said in the recording, where that was asked for.

    Raises:
        PolicyError: a key of the report would tell about one person.
        SettingsError, InputError: the film was not shown while the recording was made.
    """
    from mien.analysis.series import Series
    from mien.report.document import build_findings

    series = Series.of(analysis.timeline.snapshots)
    return Told(build_findings(analysis, created, series, screening, content), analysis, series)


def write_reports(
    analysis: Analysis,
    folder: Path,
    *,
    created: datetime,
    screening: Screening | None = None,
    content: Content | None = None,
) -> Findings:
    """Write every report of a finished run.

    Args:
        analysis, created, screening, content: as for :func:`tell`.
        folder: where to; created when missing.

    Returns:
        What was written, without the timeline.

    Raises:
        OutputError: a file cannot be written; none is left behind, and an earlier report stays.
        PolicyError, SettingsError, InputError: as for :func:`tell`.
    """
    prepare_folder(folder)
    told = tell(analysis, created=created, screening=screening, content=content)
    film_address = screening.film.address(folder) if screening is not None and screening.film is not None else None
    with all_or_none(folder) as stage:
        for name, text in told.files(film_address):
            with whole_text_file(stage / name) as file:
                file.writelines(text)
    return told.findings

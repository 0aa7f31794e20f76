"""What a finished run is told as: JSON, tables, one HTML page, and an annotated video of one's own footage."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mien.report.files import all_or_none, prepare_folder

if TYPE_CHECKING:
    from mien.core.audience import Analysis
    from mien.core.content import Content
    from mien.report.document import Findings
    from mien.report.screening import Screening

__all__ = ["FILES", "ZONES_FILE", "prepare_folder", "write_reports"]

FILES: Final = ("report.json", "timeline.csv", "report.html")
"""What :func:`write_reports` always writes."""
ZONES_FILE: Final = "zones.csv"
"""What it writes beside them of a hall that was measured by its zones."""


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
        analysis: what was measured.
        folder: where to; created when missing.
        created: when, with a time zone; the only thing in the files that a repetition changes.
        screening: what the audience watched, where its owner tells; the film is referred to, never copied.
        content: what was said in the recording, where that was asked for.

    Returns:
        What was written, without the timeline.

    Raises:
        OutputError: a file cannot be written; none is left behind, and an earlier report stays.
        PolicyError: a key of the report would tell about one person.
        SettingsError, InputError: the film was not shown while the recording was made.
    """
    from mien.analysis.series import Series
    from mien.report.document import build_findings, timeline_rows
    from mien.report.html import write_html
    from mien.report.json_file import write_json
    from mien.report.tables import write_csv, write_zones_csv

    prepare_folder(folder)
    timeline = analysis.timeline
    series = Series.of(timeline.snapshots)
    findings = build_findings(analysis, created, series, screening, content)
    film_address = screening.film.address(folder) if screening is not None and screening.film is not None else None
    with all_or_none(folder) as stage:
        write_json(findings, timeline_rows(timeline), stage / "report.json")
        write_csv(timeline_rows(timeline), timeline, stage / "timeline.csv", findings.session.left_out)
        if analysis.zones:
            write_zones_csv(analysis.zones, stage / ZONES_FILE, findings.session.left_out)
        write_html(findings, series, timeline.series, stage / "report.html", film_address)
    return findings

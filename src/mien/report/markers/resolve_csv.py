"""Marker CSV with the column names of DaVinci Resolve's edit index, for scripts and spreadsheets. RFC 4180, UTF-8.

Resolve itself imports markers from EDL, not from CSV.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from mien.report.markers._resolve import resolve_colour
from mien.report.markers._sheet import Sheet

SUFFIX: Final = ".csv"
COLUMNS: Final = ("#", "Record In", "Record Out", "Dur", "Name", "Notes", "Color", "Frame", "Frames")
"""``Record Out`` is the frame after the last; ``Dur`` is a count of frames written like a timecode; ``Frame`` counts
from the film's first."""


def render(sheet: Sheet) -> str:
    """One row a marker."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, marker in enumerate(sheet.markers, start=1):
        writer.writerow(
            (
                number,
                sheet.timecode(marker.start),
                sheet.timecode(marker.end),
                sheet.options.timebase.timecode(marker.frames),
                marker.name,
                marker.comment,
                resolve_colour(marker.subject),
                marker.start,
                marker.frames,
            )
        )
    return text.getvalue()

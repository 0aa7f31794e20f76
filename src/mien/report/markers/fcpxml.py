"""FCPXML 1.9 (Final Cut Pro, DaVinci Resolve): markers on a gap as long as the film. Times are exact fractions.

The gap lies at the sequence's start timecode and its own time is that of the sequence, so a marker's ``start`` is its
timecode in seconds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final
from xml.etree import ElementTree as Xml

from mien.report.markers._sheet import Sheet
from mien.report.markers._xml import child, document

SUFFIX: Final = ".fcpxml"


def render(sheet: Sheet) -> str:
    """The document."""
    options = sheet.options
    begin = _time(sheet, options.start_frame)
    length = _time(sheet, sheet.frames)
    root = Xml.Element("fcpxml", version="1.9")
    child(child(root, "resources"), "format", id="r1", frameDuration=_time(sheet, 1))
    project = child(child(child(root, "library"), "event", name=sheet.title), "project", name=sheet.title)
    counting = "DF" if options.drop_frame else "NDF"
    sequence = child(project, "sequence", format="r1", duration=length, tcStart=begin, tcFormat=counting)
    gap = child(child(sequence, "spine"), "gap", name=sheet.title, offset=begin, start=begin, duration=length)
    for marker in sheet.markers:
        child(
            gap,
            "marker",
            start=_time(sheet, options.start_frame + marker.start),
            duration=_time(sheet, marker.frames),
            value=marker.name,
            note=marker.comment,
        )
    return document(root, "fcpxml")


def _time(sheet: Sheet, frames: int) -> str:
    seconds: Fraction = sheet.options.timebase.seconds_at(frames)
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"

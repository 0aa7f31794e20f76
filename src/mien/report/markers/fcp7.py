"""Final Cut Pro 7 XML (``xmeml`` version 5), which Premiere Pro and DaVinci Resolve import: markers on a sequence."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as Xml

from mien.report.markers._sheet import Sheet
from mien.report.markers._xml import child, document
from mien.report.palette import COLOURS, GREY

SUFFIX: Final = ".xml"


def render(sheet: Sheet) -> str:
    """The document. Markers count frames from the sequence's first; ``out`` is the frame after the last."""
    root = Xml.Element("xmeml", version="5")
    sequence = child(root, "sequence", id="sequence-1")
    child(sequence, "name", sheet.title)
    child(sequence, "duration", sheet.frames)
    _rate(sequence, sheet)
    timecode = child(sequence, "timecode")
    _rate(timecode, sheet)
    child(timecode, "string", sheet.timecode(0))
    child(timecode, "frame", sheet.options.start_frame)
    child(timecode, "displayformat", "DF" if sheet.options.drop_frame else "NDF")
    video = child(child(sequence, "media"), "video")
    _rate(child(child(video, "format"), "samplecharacteristics"), sheet)
    child(video, "track")
    for marker in sheet.markers:
        element = child(sequence, "marker")
        child(element, "name", marker.name)
        child(element, "comment", marker.comment)
        child(element, "in", marker.start)
        child(element, "out", marker.end)
        colour = child(element, "color")
        for part, value in zip(("red", "green", "blue"), COLOURS.get(marker.subject, GREY), strict=True):
            child(colour, part, value)
        child(colour, "alpha", 255)
    return document(root, "xmeml")


def _rate(parent: Xml.Element, sheet: Sheet) -> None:
    timebase = sheet.options.timebase
    rate = child(parent, "rate")
    child(rate, "timebase", timebase.nominal)
    child(rate, "ntsc", "FALSE" if timebase.rate.denominator == 1 else "TRUE")

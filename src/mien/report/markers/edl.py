"""CMX3600 EDL, with markers as DaVinci Resolve writes and imports them (*Timeline Markers from EDL*).

Each marker is an event of one frame, followed by a line ``comment |C:ResolveColorX |M:name |D:frames``. The comment
must come first, not begin with a digit and not be a ``*`` line, or it is not read as the marker's note.
"""

from __future__ import annotations

from typing import Final

from mien.report.markers._resolve import resolve_colour
from mien.report.markers._sheet import Marker, Sheet

SUFFIX: Final = ".edl"


def render(sheet: Sheet) -> str:
    """The list; timecodes have ``;`` before the frames when drop-frame."""
    counting = "DROP FRAME" if sheet.options.drop_frame else "NON-DROP FRAME"
    events = [_event(i, marker, sheet) for i, marker in enumerate(sheet.markers, start=1)]
    return "\n".join([f"TITLE: {sheet.title}", f"FCM: {counting}", "", *events])


def _event(number: int, marker: Marker, sheet: Sheet) -> str:
    begin, end = sheet.timecode(marker.start), sheet.timecode(marker.start + 1)
    return (
        f"{number:03d}  001      V     C        {begin} {end} {begin} {end}\n"
        f"{marker.comment} |C:ResolveColor{resolve_colour(marker.subject)} |M:{marker.name} |D:{marker.frames}\n"
    )

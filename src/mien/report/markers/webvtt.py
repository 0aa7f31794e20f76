"""WebVTT chapters (W3C WebVTT, "chapters" text track): the moments one after another, for web players.

Players count from the film's beginning, so no start timecode is added. A chapter ends where the next begins. Its time
is the first whole millisecond at which its frame is on screen, so that seeking there shows that frame.
"""

from __future__ import annotations

from typing import Final

from mien.report.markers._sheet import Sheet

SUFFIX: Final = ".vtt"


def render(sheet: Sheet) -> str:
    """The file, one cue a marker and a note with its comment before it."""
    blocks = [f"WEBVTT - {_escaped(sheet.title)}"]
    next_starts = [marker.start for marker in sheet.markers[1:]] + [sheet.frames]
    for number, (marker, next_start) in enumerate(zip(sheet.markers, next_starts, strict=False), start=1):
        begin = sheet.milliseconds(marker.start)
        end = sheet.milliseconds(min(marker.end, next_start))
        blocks.append(f"NOTE {_escaped(marker.comment)}")
        blocks.append(f"{number}\n{_time(begin)} --> {_time(end)}\n{_escaped(marker.name)}")
    return "\n\n".join(blocks) + "\n"


def _time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

"""Scenes as editors and players write them down: CMX3600 EDL, WebVTT chapters, CSV."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from mien.analysis.alignment import read_table
from mien.analysis.scenes import Scene, in_order
from mien.core.errors import InputError, SettingsError

SUFFIXES: Final = (".csv", ".edl", ".vtt", ".webvtt")


class Timecoding(Protocol):
    """What timecode counts: ``report.timecode.Timebase`` is one."""

    def frame_of(self, timecode: str) -> int:
        """The frame that carries a label."""
        ...

    def seconds_at(self, frame: int) -> Fraction:
        """When a frame begins, seconds."""
        ...


@dataclass(frozen=True, slots=True)
class EdlOptions:
    """What an edit decision list does not say itself.

    Attributes:
        timecoding: given whether the list counts drop-frame, how timecode counts.
        start_timecode: of the film's first frame.
    """

    timecoding: Callable[[bool], Timecoding]
    start_timecode: str = "01:00:00:00"


_CODE = r"(\d{2}:\d{2}:\d{2}[:;.]\d{2})"
_EVENT: Final = re.compile(
    rf"^\s*\d{{1,6}}\s+(\S.*?)\s+(\S+)\s+(?:C|D|W\d+|K\s?[BO]?)(?:\s+\d{{1,3}})?\s+{_CODE}\s+{_CODE}\s+{_CODE}\s+{_CODE}\s*$"
)
_CLIP: Final = re.compile(r"^\*\s*(FROM|TO) CLIP NAME:\s*(.+?)\s*$", re.IGNORECASE)
_MARKER: Final = re.compile(r"\|M:(.*?)\s*\|D:(\d+)\s*$")
_CUE: Final = re.compile(
    r"^\s*(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})\s+-->\s+(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:\s.*)?$"
)
_TAG: Final = re.compile(r"<[^>]*>")


def read_scenes(path: Path, edl: EdlOptions | None = None) -> tuple[Scene, ...]:
    """Scenes from a file, told apart by its suffix (one of :data:`SUFFIXES`).

    Args:
        path: the list.
        edl: how timecode counts; needed for an EDL only.

    Raises:
        InputError: it cannot be read or is no such list; the message says where.
        SettingsError: an EDL without options, or with a timecode that there is not.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} is no list of scenes: give one of {', '.join(SUFFIXES)}.")
    if suffix == ".edl" and edl is None:
        raise SettingsError(f"{path} counts frames, so the frame rate must be told: give '--frame-rate'.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text.") from error
    try:
        if suffix in (".vtt", ".webvtt"):
            return parse_webvtt(text, str(path))
        if suffix == ".csv":
            return parse_csv(text, str(path))
        assert edl is not None
        return parse_edl(text, edl, str(path))
    except (InputError, SettingsError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def parse_csv(text: str, name: str = "the list of scenes") -> tuple[Scene, ...]:
    """Scenes from CSV with the columns ``name,start_seconds,end_seconds``.

    Raises:
        InputError: a column is missing, a cell is no number, or scenes overlap.
    """
    scenes: list[Scene] = []
    for line, row in read_table(text, ("name", "start_seconds", "end_seconds"), name):
        try:
            start, end = float(row["start_seconds"]), float(row["end_seconds"])
        except ValueError as error:
            raise InputError(f"{name}, line {line}: start and end must be numbers of seconds.") from error
        scenes.append(Scene(row["name"].strip() or f"Scene {len(scenes) + 1}", start, end))
    return in_order(scenes)


def parse_webvtt(text: str, name: str = "the chapters") -> tuple[Scene, ...]:
    """Scenes from the cues of a WebVTT file; a cue's text is the scene's name.

    Raises:
        InputError: it is no WebVTT, has no cue, a cue's times cannot be read, or scenes overlap.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        raise InputError(f"{name} is no WebVTT: its first line is not WEBVTT.")
    scenes: list[Scene] = []
    at = 1
    while at < len(lines):
        if "-->" not in lines[at]:
            at += 1
            continue
        match = _CUE.match(lines[at])
        if match is None:
            raise InputError(f"{name}, line {at + 1}: '{lines[at].strip()}' are no times of a cue.")
        hours, minutes, seconds, millis = (tuple(int(x or 0) for x in match.groups()[i::4]) for i in range(4))
        start, end = (
            h * 3600 + m * 60 + s + ms / 1000 for h, m, s, ms in zip(hours, minutes, seconds, millis, strict=True)
        )
        told = []
        at += 1
        while at < len(lines) and lines[at].strip():
            told.append(lines[at].strip())
            at += 1
        title = html.unescape(_TAG.sub("", " ".join(told))).strip()
        scenes.append(Scene(title or f"Scene {len(scenes) + 1}", start, end))
    if not scenes:
        raise InputError(f"{name} has no cue.")
    return in_order(scenes)


def parse_edl(text: str, options: EdlOptions, name: str = "the list") -> tuple[Scene, ...]:
    """Scenes from the video events of a CMX3600 list, in record time.

    An event is a scene called as its clip. Audio events, black and the empty half of a transition are none. Markers as
    DaVinci Resolve writes them (``|M:name |D:frames``) are scenes of their own name and length.

    Raises:
        InputError: there is no video event, one lies before the film, or scenes overlap.
        SettingsError: a timecode does not exist at the frame rate.
    """
    timecoding = options.timecoding(False)
    scenes: list[tuple[str, int, int, Timecoding]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().upper().startswith("FCM:"):
            timecoding = options.timecoding("NON" not in line.upper())
        elif event := _EVENT.match(line):
            reel, track, *codes = event.groups()
            begin, end = (_frame(code, timecoding, f"{name}, line {number}") for code in codes[2:])
            is_video = "V" in track.upper() or track.upper() == "B"
            if is_video and reel.upper() != "BL" and end > begin:
                scenes.append(("", begin, end, timecoding))
            else:
                scenes.append(("", begin, begin, timecoding))
        elif scenes and (clip := _CLIP.match(line)):
            told, begin, end, counting = scenes[-1]
            # Of a transition, the clip that it leads to is what the event shows.
            if clip[1].upper() == "TO" or not told:
                scenes[-1] = (clip[2], begin, end, counting)
        elif scenes and (marker := _MARKER.search(line)):
            _, begin, end, counting = scenes[-1]
            if end > begin:
                scenes[-1] = (marker[1].strip(), begin, begin + max(int(marker[2]), 1), counting)
    found: list[Scene] = []
    for told, begin, end, counting in scenes:
        if end <= begin:
            continue
        first = _frame(options.start_timecode, counting, "the timecode of the film's first frame")
        if begin < first:
            raise InputError(
                f"{name}: an event begins before the film, which begins at {options.start_timecode}: tell the timecode "
                "of its first frame."
            )
        start, stop = (float(counting.seconds_at(frame - first)) for frame in (begin, end))
        found.append(Scene(told or f"Scene {len(found) + 1}", start, stop))
    if not found:
        raise InputError(f"{name} has no video event.")
    return in_order(found)


def _frame(code: str, timecoding: Timecoding, where: str) -> int:
    try:
        return timecoding.frame_of(code.replace(".", ";"))
    except SettingsError as error:
        raise SettingsError(f"{where}: {error} Is '--frame-rate' the list's own?") from error

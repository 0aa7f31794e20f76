"""Transcripts from subtitle files at hand: WebVTT (W3C) and SubRip.

A cue says when its lines stand on screen, not when each word is said: words share their cue's time by their length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mien.core.content import Transcript, Word
from mien.core.errors import InputError
from mien.language.transcript import PassageOptions, in_order, paragraphs_of

SUFFIXES: Final = (".srt", ".vtt")
TRANSCRIBER: Final = "subtitles"
"""What a transcript from a file names as its transcriber."""
_LARGEST_BYTES: Final = 32 << 20
_TIMES: Final = re.compile(
    r"^\s*(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s+-->\s+(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})(?:\s|$)"
)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|</?c>|\{\\[^{}]*\}")
_NOT_CUES: Final = ("NOTE", "STYLE", "REGION")


def read_subtitles(path: Path, language: str | None = None, options: PassageOptions | None = None) -> Transcript:
    """The transcript in a subtitle file.

    Args:
        path: a ``.vtt`` or ``.srt``, in UTF-8 or, where it is not, in Windows' western encoding.
        language: code of what is spoken, or None where nobody told.
        options: where sentences and paragraphs end.

    Raises:
        InputError: it cannot be read, or holds no cue.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} is neither {' nor '.join(SUFFIXES)}: give subtitles of the recording.")
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(f"{path} is larger than {_LARGEST_BYTES >> 20} MiB: that is no subtitle file.")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    words: list[Word] = []
    seen = 0
    for start, end, said in _cues(text):
        seen += 1
        words += in_order(_words(said, start, end), words[-1].end_seconds if words else 0.0)
    if not seen:
        raise InputError(f"{path} holds no cue with its times: it is no WebVTT or SubRip file.")
    return Transcript(
        source=path.name,
        has_audio=True,
        duration_seconds=words[-1].end_seconds if words else 0.0,
        complete=True,
        transcriber=TRANSCRIBER,
        model=path.name,
        language=language,
        paragraphs=paragraphs_of(words, options),
    )


def _cues(text: str) -> Iterator[tuple[float, float, str]]:
    """Start and end, seconds, and text of every cue, in the file's order."""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((i for i, line in enumerate(lines) if _TIMES.match(line)), None)
        if at is None or (at > 0 and lines[0].startswith(_NOT_CUES)):
            continue
        found = _TIMES.match(lines[at])
        assert found is not None
        parts = found.groups()
        start, end = _seconds(parts[:4]), _seconds(parts[4:])
        said = html.unescape(_TAG.sub("", " ".join(lines[at + 1 :])))
        yield start, max(start, end), " ".join(said.split())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction}")


def _words(said: str, start: float, end: float) -> list[Word]:
    texts = said.split()
    letters = sum(len(text) for text in texts)
    found: list[Word] = []
    before = 0
    for text in texts:
        begin = start + (end - start) * before / letters
        before += len(text)
        found.append(Word(text, begin, start + (end - start) * before / letters))
    return found

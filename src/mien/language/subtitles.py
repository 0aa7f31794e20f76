"""Transcripts as subtitles: WebVTT (W3C) and SubRip.

Cues hold at most two lines; sizes and times follow common broadcasters' guides (42 characters a line, one to seven
seconds on screen).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mien.core.content import Word
from mien.language.transcript import PassageOptions, sentences_of


@dataclass(frozen=True, slots=True)
class SubtitleOptions:
    """What a cue may be.

    Attributes:
        line_characters: of one of its two lines.
        longest_seconds: on screen.
        shortest_seconds: on screen, where the next cue leaves room.
        pause_seconds: a pause of this length between words ends a cue.
    """

    line_characters: int = 42
    longest_seconds: float = 7.0
    shortest_seconds: float = 1.0
    pause_seconds: float = 0.8


@dataclass(frozen=True, slots=True)
class Cue:
    """What stands on screen from ``start_ms`` to ``end_ms``, whole milliseconds of media time."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def cues(words: Iterable[Word], options: SubtitleOptions | None = None) -> tuple[Cue, ...]:
    """Words as cues that do not overlap; none crosses a sentence's end."""
    options = options or SubtitleOptions()
    groups = [
        group
        for sentence in sentences_of(words, PassageOptions(sentence_pause_seconds=options.pause_seconds))
        for group in _groups(sentence.words, options)
    ]
    found: list[Cue] = []
    for number, group in enumerate(groups):
        begin = max(_ms(group[0].start_seconds), found[-1].end_ms if found else 0)
        room = _ms(groups[number + 1][0].start_seconds) if number + 1 < len(groups) else None
        wanted = max(_ms(group[-1].end_seconds), begin + _ms(options.shortest_seconds))
        end = wanted if room is None else min(wanted, max(room, _ms(group[-1].end_seconds)))
        found.append(Cue(begin, max(end, begin + 1), _lines(group, options)))
    return tuple(found)


def webvtt(shown: Iterable[Cue]) -> str:
    """A WebVTT file."""
    blocks = ["WEBVTT"]
    for cue in shown:
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_time(cue.start_ms, '.')} --> {_time(cue.end_ms, '.')}\n{text}")
    return "\n\n".join(blocks) + "\n"


def srt(shown: Iterable[Cue]) -> str:
    """A SubRip file."""
    blocks = [
        f"{number}\n{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(shown, start=1)
    ]
    return "\n".join(blocks)


def _groups(words: tuple[Word, ...], options: SubtitleOptions) -> Iterator[tuple[Word, ...]]:
    held: tuple[Word, ...] = ()
    for word in words:
        more = (*held, word)
        fits = len(_lines(more, options)) <= 2
        if held and not (fits and word.end_seconds - held[0].start_seconds <= options.longest_seconds):
            yield held
            held = (word,)
        else:
            held = more
    if held:
        yield held


def _lines(words: tuple[Word, ...], options: SubtitleOptions) -> tuple[str, ...]:
    text = " ".join(word.text for word in words)
    return tuple(textwrap.wrap(text, options.line_characters, break_long_words=False, break_on_hyphens=False))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _time(milliseconds: int, mark: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{thousandths:03}"

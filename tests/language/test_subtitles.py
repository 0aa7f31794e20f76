"""Subtitles, read back by another library."""

from __future__ import annotations

import html
import io
import itertools
from pathlib import Path

import pytest
import webvtt as reader
from hypothesis import given
from hypothesis import strategies as st

from mien.core.content import Word
from mien.language.subtitles import SubtitleOptions, cues, srt, webvtt
from mien.language.transcript import in_order
from tests.language.test_transcript import said

SPEECH = said(
    "It was a dark night & nobody slept. Then, all at once, the <old> door opened and someone came in!", 3661.5
)


def shown(found: reader.WebVTT) -> str:
    return html.unescape(" ".join(cue.text.replace("\n", " ") for cue in found.captions))


def test_webvtt_is_read_back() -> None:
    found = reader.from_buffer(io.StringIO(webvtt(cues(SPEECH))))
    assert shown(found) == " ".join(w.text for w in SPEECH)
    assert found[0].start == "01:01:01.500"
    assert html.unescape(found[0].text) == "It was a dark night & nobody slept."


def test_subrip_is_read_back(tmp_path: Path) -> None:
    speech = said("It was a dark night. Then, all at once, the old door opened and someone came in!", 3661.5)
    (tmp_path / "a.srt").write_text(srt(cues(speech)), encoding="utf-8")
    found = reader.from_srt(str(tmp_path / "a.srt"))
    assert shown(found) == " ".join(w.text for w in speech)
    assert (tmp_path / "a.srt").read_text(encoding="utf-8").startswith("1\n01:01:01,500 --> ")


def test_no_words_are_no_cues() -> None:
    assert cues([]) == ()
    assert webvtt(()) == "WEBVTT\n"
    assert srt(()) == ""


def test_a_cue_stands_long_enough_to_be_read_where_there_is_room() -> None:
    alone = cues([Word("No.", 1.0, 1.2)])
    assert (alone[0].start_ms, alone[0].end_ms) == (1000, 2000)
    pressed = cues([Word("No.", 1.0, 1.2), Word("Yes.", 1.5, 1.7)])
    assert pressed[0].end_ms == 1500


def test_a_pause_ends_a_cue() -> None:
    assert [cue.lines for cue in cues([*said("wait for"), *said("it", 3)])] == [("wait for",), ("it",)]


words = st.lists(
    st.builds(Word, st.text("abc.?é漢", min_size=1, max_size=12), st.floats(0, 60), st.floats(0, 60)), max_size=40
)


@given(words)
def test_cues_hold_every_word_never_overlap_and_are_two_lines_at_most(spoken: list[Word]) -> None:
    ordered = in_order(sorted(spoken, key=lambda word: word.start_seconds))
    found = cues(ordered)
    assert " ".join(" ".join(cue.lines) for cue in found) == " ".join(word.text for word in ordered)
    for cue, after in itertools.pairwise(found):
        assert cue.start_ms < cue.end_ms <= after.start_ms
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(len(line) <= SubtitleOptions().line_characters for line in cue.lines)


@pytest.mark.parametrize("text", ["a --> b", "x" * 60])
def test_odd_words_do_not_break_the_file(text: str) -> None:
    found = reader.from_buffer(io.StringIO(webvtt(cues([Word(w, 1, 2) for w in text.split()]))))
    assert shown(found) == text

"""Subtitle files as transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.content import Word
from mien.core.errors import InputError
from mien.language.subtitle_files import read_subtitles
from mien.language.subtitles import cues, srt, webvtt
from mien.language.transcript import in_order


def written(folder: Path, text: str | bytes, name: str = "talk.vtt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_cue_gives_its_words_its_time_by_their_length(tmp_path: Path) -> None:
    told = read_subtitles(written(tmp_path, "WEBVTT\n\n00:01.000 --> 00:05.000\nno <i>doubt</i>.\n"), "en")
    assert [(w.text, w.start_seconds, w.end_seconds) for w in told.words] == [("no", 1, 2), ("doubt.", 2, 5)]
    assert (told.transcriber, told.model, told.language, told.source) == ("subtitles", "talk.vtt", "en", "talk.vtt")


def test_notes_styles_names_of_cues_and_marks_are_no_words(tmp_path: Path) -> None:
    text = (
        "\ufeffWEBVTT - a talk\r\n\r\nNOTE\r\n00:00.000 --> 00:01.000 is no cue\r\n\r\nSTYLE\r\n"
        "::cue { color: red }\r\n"
        "\r\nfirst\r\n00:00:01.000 --> 00:00:02.500 align:start position:0%\r\n<v Anna>R&amp;D\r\n{\\an8}grows.</v>\r\n"
    )
    assert read_subtitles(written(tmp_path, text)).text == "R&D grows."


def test_subrip_is_read_in_windows_encoding_too(tmp_path: Path) -> None:
    path = written(tmp_path, "1\n00:00:01,5 --> 01:00:02,250\nà bientôt\n\n2\nno times\n".encode("cp1252"), "a.SRT")
    told = read_subtitles(path)
    assert told.text == "à bientôt"
    assert (told.words[0].start_seconds, told.duration_seconds) == (1.5, 3602.25)


def test_cues_that_overlap_give_times_that_never_run_back(tmp_path: Path) -> None:
    text = "WEBVTT\n\n00:00.000 --> 00:04.000\none two\n\n00:02.000 --> 00:03.000\nthree\n"
    times = [t for w in read_subtitles(written(tmp_path, text)).words for t in (w.start_seconds, w.end_seconds)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("talk.txt", "WEBVTT", "neither .srt nor .vtt"),
        ("talk.vtt", "WEBVTT\n\nHello\n", "holds no cue"),
        ("none.vtt", None, "cannot read"),
    ],
)
def test_what_is_no_subtitle_file_is_told(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    if content is not None:
        written(tmp_path, content, name)
    with pytest.raises(InputError, match=said):
        read_subtitles(tmp_path / name)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Well", "done.", "a<b", "&", "no?"]), st.floats(0.05, 2)), min_size=1))
def test_what_we_write_we_read_back(tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, float]]) -> None:
    words, at = [], 0.0
    for text, seconds in said:
        words.append(Word(text, at, at + seconds))
        at += seconds
    folder = tmp_path_factory.mktemp("cues")
    for name, render in (("a.vtt", webvtt), ("a.srt", srt)):
        told = read_subtitles(written(folder, render(cues(in_order(words))), name))
        if name == "a.vtt":  # SubRip has no way to write a mark that is none.
            assert [w.text for w in told.words] == [w.text for w in words]
        assert told.words[-1].end_seconds >= words[-1].end_seconds - 0.01

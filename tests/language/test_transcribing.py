"""From a recording to a transcript: whoever listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.core.content import Unclear, Word
from mien.core.errors import InputError, SettingsError, UnsupportedMediaError
from mien.language.audio import SAMPLE_RATE_HZ, FloatArray
from mien.language.transcribing import Transcriber, open_transcriber, transcribe
from tests.language.films import silent_film, sound_file, tone


class Counter(Transcriber):
    """Says the number of each whole second that it heard; it begins each a little too early."""

    name = "counter"
    model = "one"
    language = "en"

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
        samples = 0
        for piece in sound:
            before, samples = samples // SAMPLE_RATE_HZ, samples + len(piece)
            for second in range(before, samples // SAMPLE_RATE_HZ):
                yield Word(f"{second}.", second - 0.1, second + 1.0)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return sound_file(tmp_path / "talk.wav", tone(5))


def test_words_become_paragraphs_with_times_that_never_run_backwards(recording: Path) -> None:
    told = transcribe(recording, Counter())
    assert told.text == "0. 1. 2. 3. 4."
    assert [w.start_seconds for w in told.words] == [0, 1, 2, 3, 4]
    assert (told.source, told.transcriber, told.model, told.language) == ("talk.wav", "counter", "one", "en")
    assert told.duration_seconds == pytest.approx(5)
    assert told.complete


def test_progress_tells_seconds_heard_of_those_there_are(recording: Path) -> None:
    told: list[tuple[float, float | None]] = []
    transcribe(recording, Counter(), progress=lambda heard, of: told.append((heard, of)))
    heard, of = told[-1]
    assert heard == pytest.approx(5)
    assert of == pytest.approx(5)
    assert [heard for heard, _ in told] == sorted(heard for heard, _ in told)


def test_stopped_early_it_keeps_what_was_understood_and_says_so(recording: Path) -> None:
    heard: list[float] = []
    told = transcribe(
        recording,
        Counter(),
        progress=lambda seconds, of: heard.append(seconds),
        should_stop=lambda: bool(heard) and heard[-1] > 2.5,
    )
    assert told.text == "0. 1."
    assert not told.complete


class Late(Counter):
    """Says how many seconds it heard once the sound is over, as a transcriber that holds back a stretch does."""

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word]:
        seconds = sum(len(piece) for piece in sound) / SAMPLE_RATE_HZ
        yield Word(f"{seconds:.0f} heard.", 0.0, seconds)


class Away(Late):
    """The same, elsewhere."""

    sends_to = "example.org"


@pytest.mark.parametrize(("transcriber", "text"), [(Late(), "3 heard."), (Away(), "")])
def test_stopped_early_the_stretch_being_filled_is_heard_but_not_sent(
    recording: Path, transcriber: Transcriber, text: str
) -> None:
    heard: list[float] = []
    told = transcribe(
        recording,
        transcriber,
        progress=lambda seconds, of: heard.append(seconds),
        should_stop=lambda: bool(heard) and heard[-1] > 2.9,
    )
    assert (told.text, told.complete) == (text, False)


def test_what_was_not_understood_stands_beside_the_words(recording: Path) -> None:
    class Half(Counter):
        note = "it hears half"

        def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
            list(sound)
            yield Word("well", 0.0, 1.0)
            yield Unclear(1.0, 2.5)

    told = transcribe(recording, Half())
    assert (told.text, told.unclear_seconds, told.mostly_unclear) == ("well", 1.5, True)
    assert told.note == "it hears half"


def test_bytes_that_only_look_like_a_recording_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp3"
    junk.write_bytes(bytes(range(256)) * 400)
    with pytest.raises(UnsupportedMediaError):
        transcribe(junk, Counter())


def test_without_sound_nobody_is_asked_and_nothing_is_wrong(tmp_path: Path) -> None:
    class Nobody(Counter):
        def words(self, sound: Iterator[FloatArray]) -> Iterator[Word]:
            raise AssertionError("there is no sound")

    told = transcribe(silent_film(tmp_path / "silent.mp4"), Nobody())
    assert not told.has_audio
    assert told.complete
    assert (told.words, told.language) == ((), None)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        transcribe(tmp_path / "none.wav", Counter())


def test_an_unknown_transcriber_lists_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"unknown transcriber 'ears'.*whisper"):
        open_transcriber("ears")

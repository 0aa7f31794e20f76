"""Whisper on real speech: tiny.en, a few seconds."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.content import Passage, Transcript, Word
from mien.core.errors import SettingsError, WeightsError
from mien.evaluation.speech import spoken, word_errors
from mien.language.audio import SAMPLE_RATE_HZ, AudioFile, FloatArray
from mien.language.terms import key_terms
from mien.language.transcribers.whisper import Piece, create, joined, understood
from mien.language.transcribing import Transcriber, TranscriberOptions, open_transcriber, transcribe
from tests.language.films import sound_file

KENNEDY = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."


@pytest.fixture(scope="module")
def whisper() -> Transcriber:
    pytest.importorskip("faster_whisper")
    try:
        return open_transcriber()
    except WeightsError as error:
        pytest.skip(f"weights out of reach: {str(error).splitlines()[0]}")


def reading(shared: Path) -> FloatArray:
    """The readings of LibriVox, one after the other."""
    folder = shared / "data" / "speech" / "librivox"
    return np.concatenate([part for path in sorted(folder.glob("*.wav")) for part in AudioFile(path)])


@pytest.fixture(scope="module")
def kennedy(whisper: Transcriber, shared: Path) -> Transcript:
    return transcribe(shared / "data" / "speech" / "jfk.flac", whisper)


def test_kennedy_is_understood_word_for_word(kennedy: Transcript) -> None:
    assert spoken(kennedy.text) == spoken(KENNEDY)
    assert (kennedy.transcriber, kennedy.model, kennedy.language) == ("whisper", "tiny.en", "en")


def test_words_are_where_they_are_said(kennedy: Transcript) -> None:
    starts = [word.start_seconds for word in kennedy.words]
    assert starts == sorted(starts)
    assert 9.5 < kennedy.words[-1].start_seconds < kennedy.words[-1].end_seconds < 11
    assert all(0 < (word.probability or 0) <= 1 for word in kennedy.words)


def test_a_sentence_of_a_book_after_silence_keeps_its_place(whisper: Transcriber, shared: Path, tmp_path: Path) -> None:
    sample = shared / "data" / "speech" / "librivox" / "sense_and_sensibility_01_austen_64kb-0930.wav"
    speech = np.concatenate(list(AudioFile(sample)))
    pause = np.zeros(31 * SAMPLE_RATE_HZ, np.float32)
    told = transcribe(sound_file(tmp_path / "late.flac", np.concatenate([pause, speech]), codec="flac"), whisper)
    assert word_errors("he might even have been made amiable himself", told.text).rate == 0
    assert told.words[0].start_seconds == pytest.approx(31.1, abs=0.6)


def test_two_sentences_of_a_book_are_written_as_they_are_printed(
    whisper: Transcriber, shared: Path, tmp_path: Path
) -> None:
    told = transcribe(sound_file(tmp_path / "book.wav", reading(shared)), whisper)
    assert "He was not an ill-disposed young man. Unless to be rather cold-hearted" in told.text
    assert told.unclear == ()
    terms = {term.text for term in key_terms([told.text], "en")}
    assert {"ill-disposed", "cold-hearted"} <= {word for term in terms for word in term.split()}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((" It", " cost", " $10", ",000", "."), "It cost $10,000."),
        ((" by", " 2", ".5", " points"), "by 2.5 points"),
        ((" the", " U", ".S", ".", " economy"), "the U.S. economy"),
        ((" a", " state", "-of", "-the", "-art", " hall"), "a state-of-the-art hall"),
        ((" at", " 10", ":30", ","), "at 10:30,"),
        ((" an", " e", "-mail"), "an e-mail"),
        (("So", " it", " begins", " "), "So it begins"),
    ],
)
def test_a_piece_without_a_space_before_it_belongs_to_the_word_before(pieces: tuple[str, ...], text: str) -> None:
    told = list(joined(Piece(piece, n, n + 0.5, 0.9) for n, piece in enumerate(pieces)))
    assert Passage(tuple(told)).text == text


def test_a_word_of_several_pieces_lasts_as_long_and_is_as_sure_as_its_least_sure() -> None:
    told = list(joined([Piece(" $10", 1.0, 1.4, 0.9), Piece(",000", 1.4, 2.0, 0.6), Piece(" each", 2.1, 2.5, 0.8)]))
    assert told == [Word("$10,000", 1.0, 2.0, 0.6), Word("each", 2.1, 2.5, 0.8)]


def test_a_language_without_spaces_keeps_its_pieces_apart() -> None:
    told = list(joined([Piece("今日", 0, 1, 0.9), Piece("は", 1, 2, 0.9)], spaced=False))
    assert [word.text for word in told] == ["今日", "は"]


def test_speech_backwards_is_not_understood_and_that_is_told(
    whisper: Transcriber, shared: Path, tmp_path: Path
) -> None:
    sound = reading(shared)[::-1].copy()
    told = transcribe(sound_file(tmp_path / "backwards.wav", sound), whisper)
    assert told.words == ()
    assert 0.8 * len(sound) / SAMPLE_RATE_HZ < told.unclear_seconds <= told.duration_seconds
    assert told.mostly_unclear


def test_what_follows_speech_that_is_not_understood_is(whisper: Transcriber, shared: Path, tmp_path: Path) -> None:
    backwards, pause = reading(shared)[::-1], np.zeros(9 * SAMPLE_RATE_HZ, np.float32)
    kennedy = np.concatenate(list(AudioFile(shared / "data" / "speech" / "jfk.flac")))
    told = transcribe(sound_file(tmp_path / "both.wav", np.concatenate([backwards, pause, kennedy])), whisper)
    assert word_errors(KENNEDY, told.text).rate == 0
    assert told.words[0].start_seconds > told.unclear[-1].end_seconds > 20


@pytest.mark.parametrize(
    ("text", "compression", "log_probability", "kept"),
    [
        (" He was not an ill-disposed young man.", 1.5, -0.2, True),
        (" He was not an ill-disposed young man.", 2.4, -1.0, True),
        (" He was not an ill-disposed young man.", 2.5, -0.2, False),
        (" He was not an ill-disposed young man.", 1.5, -1.1, False),
        (" a little bit older than" * 20, 1.5, -0.2, False),
    ],
)
def test_the_limits_are_those_that_whisper_publishes(
    text: str, compression: float, log_probability: float, kept: bool
) -> None:
    assert understood(text, compression, log_probability) is kept


def test_a_model_of_one_language_says_so_unless_it_was_asked_for_it(whisper: Transcriber, kennedy: Transcript) -> None:
    assert kennedy.note == "Whisper tiny.en hears English only: of anything else it writes what nobody said"
    assert create(TranscriberOptions(language="en")).note is None


def test_silence_and_noise_say_nothing(whisper: Transcriber, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 3 * SAMPLE_RATE_HZ).astype(np.float32)
    for name, sound in (("silence", np.zeros_like(noise)), ("noise", noise), ("loud", 20 * noise)):
        told = transcribe(sound_file(tmp_path / f"{name}.wav", sound), whisper)
        assert (told.words, told.has_audio, told.complete) == ((), True, True)


def test_a_language_it_does_not_know_is_refused(whisper: Transcriber) -> None:
    with pytest.raises(SettingsError, match=r"language 'de': it knows en\. .* \(--model base\)"):
        create(TranscriberOptions(language="de"))


def test_a_model_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    with pytest.raises(WeightsError, match="no Whisper model 'base' can be had") as told:
        create(TranscriberOptions(model="base"))
    assert "it was not fetched before, and MIEN_OFFLINE is set" in str(told.value)
    assert "local_files_only" not in str(told.value)


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "faster_whisper":
            raise ImportError("No module named 'faster_whisper'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[speech\]'"):
        create(TranscriberOptions())

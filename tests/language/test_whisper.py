"""Whisper on real speech: tiny.en, a few seconds."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.content import Transcript
from mien.core.errors import SettingsError, WeightsError
from mien.evaluation.speech import spoken, word_errors
from mien.language.audio import SAMPLE_RATE_HZ, AudioFile
from mien.language.transcribers.whisper import create
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


def test_silence_and_noise_say_nothing(whisper: Transcriber, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 3 * SAMPLE_RATE_HZ).astype(np.float32)
    for name, sound in (("silence", np.zeros_like(noise)), ("noise", noise)):
        told = transcribe(sound_file(tmp_path / f"{name}.wav", sound), whisper)
        assert (told.words, told.has_audio, told.complete) == ((), True, True)


def test_a_language_it_does_not_know_is_refused(whisper: Transcriber) -> None:
    with pytest.raises(SettingsError, match=r"tiny\.en does not know the language 'de': it knows en"):
        create(TranscriberOptions(language="de"))


def test_a_model_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faster_whisper")
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    with pytest.raises(WeightsError, match="no Whisper model 'base' can be had"):
        create(TranscriberOptions(model="base"))


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "faster_whisper":
            raise ImportError("No module named 'faster_whisper'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingsError, match=r"pip install 'mien\[speech\]'"):
        create(TranscriberOptions())

"""Deepgram, against a server on this machine that speaks its interface for recorded audio."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.errors import MienError, SettingsError
from mien.language.transcribers.deepgram import ADDRESS_VARIABLE, KEY_VARIABLE, Deepgram
from mien.language.transcribing import TranscriberOptions, transcribe
from tests.language.films import sound_file, tone
from tests.language.services import server

ANSWER: dict[str, Any] = {
    "metadata": {"request_id": "a847f427", "duration": 2.0, "channels": 1, "models": ["nova"]},
    "results": {
        "channels": [
            {
                "detected_language": "en",
                "language_confidence": 0.99,
                "alternatives": [
                    {
                        "transcript": "Well done.",
                        "confidence": 0.98,
                        "words": [
                            {"word": "well", "start": 0.08, "end": 0.4, "confidence": 0.97, "punctuated_word": "Well"},
                            {"word": "done", "start": 0.4, "end": 0.72, "confidence": 0.99, "punctuated_word": "done."},
                        ],
                    }
                ],
            }
        ]
    },
}
REFUSED = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "a847f427"}
NOTHING_SAID = {"results": {"channels": [{"alternatives": [{"transcript": "", "confidence": 0.0, "words": []}]}]}}


def deepgram(address: str, **options: Any) -> Deepgram:
    return Deepgram(TranscriberOptions(**options), {KEY_VARIABLE: "secret", ADDRESS_VARIABLE: address}, 0.01)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return sound_file(tmp_path / "talk.wav", tone(2))


def test_sound_goes_out_as_wav_and_words_come_back_with_their_times(talk: Path) -> None:
    with server((200, ANSWER)) as fake:
        told = transcribe(talk, deepgram(fake.address))
    assert told.text == "Well done."
    assert [(w.start_seconds, w.end_seconds, w.probability) for w in told.words] == [
        (0.08, 0.4, 0.97),
        (0.4, 0.72, 0.99),
    ]
    assert (told.transcriber, told.model, told.language) == ("deepgram", "nova-3", "en")
    assert fake.queries[0]["model"] == ["nova-3"]
    assert fake.queries[0]["punctuate"] == fake.queries[0]["detect_language"] == ["true"]
    assert fake.headers[0]["Authorization"] == "Token secret"
    assert fake.headers[0]["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(fake.bodies[0])) as sent:
        assert (sent.getnchannels(), sent.getsampwidth(), sent.getframerate()) == (1, 2, 16_000)
        sound = np.frombuffer(sent.readframes(sent.getnframes()), "<i2") / 32768
    np.testing.assert_allclose(sound, tone(2), atol=1e-3)


def test_a_language_that_is_given_is_not_guessed(talk: Path) -> None:
    with server((200, ANSWER)) as fake:
        transcribe(talk, deepgram(fake.address, language="de", model="nova-2"))
    assert (fake.queries[0]["language"], fake.queries[0]["model"]) == (["de"], ["nova-2"])
    assert "detect_language" not in fake.queries[0]


def test_nothing_said_is_no_words(talk: Path) -> None:
    with server((200, NOTHING_SAID)) as fake:
        told = transcribe(talk, deepgram(fake.address))
    assert (told.words, told.complete) == ((), True)


@pytest.mark.parametrize("busy", [(429, {"err_msg": "Too many"}, {"Retry-After": "0"}), (503, b"<html>busy</html>")])
def test_a_busy_server_is_asked_again_with_the_whole_sound(talk: Path, busy: Any) -> None:
    with server(busy, busy, (200, ANSWER)) as fake:
        assert transcribe(talk, deepgram(fake.address)).text == "Well done."
    assert len(fake.bodies) == 3
    assert fake.bodies[0] == fake.bodies[1] == fake.bodies[2]


def test_a_server_that_stays_busy_is_left(talk: Path) -> None:
    with server((500, b"")) as fake, pytest.raises(MienError, match="Deepgram answered 500"):
        transcribe(talk, deepgram(fake.address))
    assert len(fake.bodies) == 4


def test_a_refusal_is_told_and_not_repeated(talk: Path) -> None:
    with server((401, REFUSED)) as fake, pytest.raises(MienError, match=r"answered 401: Invalid credentials\.") as told:
        transcribe(talk, deepgram(fake.address))
    assert len(fake.bodies) == 1
    assert "secret" not in str(told.value)


def test_the_key_follows_no_redirect(talk: Path) -> None:
    with (
        server((200, ANSWER)) as other,
        server((307, b"", {"Location": f"{other.address}/v1/listen"})) as fake,
        pytest.raises(MienError, match="answered 307"),
    ):
        transcribe(talk, deepgram(fake.address))
    assert other.headers == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        {"results": {"channels": []}},
        {"results": {"channels": [{"alternatives": [{"words": [{"word": "a", "start": "soon", "end": 1}]}]}]}},
        {"results": {"channels": [{"alternatives": [{"words": [{"word": "a", "start": -1, "end": 1}]}]}]}},
    ],
)
def test_nonsense_is_told(talk: Path, answer: Any) -> None:
    with server((200, answer)) as fake, pytest.raises(MienError, match="something else than a transcript"):
        transcribe(talk, deepgram(fake.address))


def test_a_server_out_of_reach_is_told(talk: Path) -> None:
    with server((200, ANSWER)) as fake:
        address = fake.address
    with pytest.raises(MienError, match=r"Deepgram \(127\.0\.0\.1\) cannot be reached"):
        transcribe(talk, deepgram(address))


def test_stopped_before_all_was_heard_nothing_is_sent(talk: Path) -> None:
    with server((200, ANSWER)) as fake:
        told = transcribe(talk, deepgram(fake.address), should_stop=lambda: True)
    assert not told.complete
    assert fake.bodies == []


def test_without_a_key_or_with_an_open_address_it_is_refused() -> None:
    with pytest.raises(SettingsError, match="DEEPGRAM_API_KEY"):
        Deepgram(TranscriberOptions(), {})
    with pytest.raises(SettingsError, match="https"):
        deepgram("http://example.com")

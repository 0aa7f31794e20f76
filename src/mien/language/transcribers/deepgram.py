"""Deepgram's speech recognition, over HTTPS: the sound leaves this machine.

The recorded-audio interface (``POST /v1/listen``) is given one WAV file and answers with words, times and
probabilities. The key is read from ``DEEPGRAM_API_KEY``; ``MIEN_DEEPGRAM_ADDRESS`` names another host that speaks the
same (a server of one's own).
"""

from __future__ import annotations

import io
import os
import tempfile
import urllib.parse
import urllib.request
import wave
from collections.abc import Iterator, Mapping
from typing import IO, Final

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from mien.core.content import Word
from mien.core.errors import MienError, SettingsError
from mien.language.audio import SAMPLE_RATE_HZ, FloatArray
from mien.language.service import Service
from mien.language.transcribing import Transcriber, TranscriberOptions
from mien.weights.entries import permitted

KEY_VARIABLE: Final = "DEEPGRAM_API_KEY"
ADDRESS_VARIABLE: Final = "MIEN_DEEPGRAM_ADDRESS"
DEFAULT_ADDRESS: Final = "https://api.deepgram.com"
DEFAULT_MODEL: Final = "nova-3"
ANSWER_SECONDS: Final = 900.0
"""Longest wait; Deepgram itself gives up after ten minutes."""


class _Said(BaseModel):
    word: str
    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(ge=0, allow_inf_nan=False)
    confidence: float | None = Field(None, ge=0, le=1)
    punctuated_word: str | None = None


class _Alternative(BaseModel):
    words: list[_Said] = []


class _Channel(BaseModel):
    alternatives: list[_Alternative] = Field(min_length=1)
    detected_language: str | None = None


class _Results(BaseModel):
    channels: list[_Channel] = Field(min_length=1)


class _Answer(BaseModel):
    results: _Results


def create(options: TranscriberOptions) -> Deepgram:
    """Deepgram with the key and address of the environment."""
    return Deepgram(options)


class Deepgram(Transcriber):
    """Sends a recording's sound, one channel at 16 kHz, and reads the words that come back.

    The whole sound lies in an unnamed temporary file first, so that its length is known and a busy server can be asked
    again.

    Args:
        options: model and language.
        environment: where the key and the address are.
        pause_seconds: before the second attempt; doubled before each further one.

    Raises:
        SettingsError: no key, or an address that is neither https nor on this machine.
    """

    def __init__(
        self, options: TranscriberOptions, environment: Mapping[str, str] = os.environ, pause_seconds: float = 1.0
    ) -> None:
        address = environment.get(ADDRESS_VARIABLE, "").strip() or DEFAULT_ADDRESS
        if not permitted(address):
            raise SettingsError(f"{ADDRESS_VARIABLE} is {address}: give an https address.")
        self._key = environment.get(KEY_VARIABLE, "").strip()
        if not self._key:
            raise SettingsError(f"Deepgram needs a key: put it into {KEY_VARIABLE}, or use '--transcriber whisper'.")
        self.name = "deepgram"
        self.model = options.model or DEFAULT_MODEL
        self.sends_to = urllib.parse.urlsplit(address).hostname
        self._language = options.language
        query = {"model": self.model, "punctuate": "true", "smart_format": "false"}
        query |= {"language": options.language} if options.language else {"detect_language": "true"}
        self._address = f"{address.rstrip('/')}/v1/listen?{urllib.parse.urlencode(query)}"
        self._service = Service("Deepgram", str(self.sends_to), _reason, pause_seconds, ANSWER_SECONDS)

    @property
    def language(self) -> str | None:
        """Given, or told by Deepgram."""
        return self._language

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word]:
        """Words once all of the sound was sent.

        Raises:
            MienError: Deepgram refused, could not be reached, or answered with something else.
        """
        with tempfile.TemporaryFile() as file:
            if not _write(file, sound):
                return
            answer = _read(self._service.post(lambda: self._request(file)))
        channel = answer.results.channels[0]
        self._language = self._language or channel.detected_language
        for said in channel.alternatives[0].words:
            text = " ".join((said.punctuated_word or said.word).split())
            if text:
                yield Word(text, said.start, max(said.start, said.end), said.confidence)

    def _request(self, file: IO[bytes]) -> urllib.request.Request:
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        return urllib.request.Request(
            self._address,
            data=file,
            headers={
                "Authorization": f"Token {self._key}",
                "Content-Type": "audio/wav",
                "Content-Length": str(length),
                "Accept": "application/json",
                "User-Agent": "mien",
            },
        )


def _write(file: IO[bytes], sound: Iterator[FloatArray]) -> bool:
    """The sound as 16-bit WAV; whether there was any."""
    written = 0
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        for piece in sound:
            out.writeframesraw((np.clip(piece, -1, 1) * 32767).round().astype("<i2").tobytes())
            written += len(piece)
    return written > 0


def _read(content: bytes) -> _Answer:
    try:
        return _Answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise MienError(
            f"Deepgram answered with something else than a transcript, at {where or 'its start'}"
        ) from error


def _reason(content: bytes) -> str | None:
    class Refusal(BaseModel):
        err_msg: str

    try:
        return Refusal.model_validate_json(content).err_msg
    except ValidationError:
        return None

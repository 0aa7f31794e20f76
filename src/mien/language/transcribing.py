"""Listening: what a transcriber promises, and a recording made a transcript by one."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mien.core import plugins
from mien.core.content import Transcript, Unclear, Word
from mien.core.errors import UnsupportedMediaError
from mien.language.audio import SAMPLE_RATE_HZ, AudioFile, FloatArray
from mien.language.transcript import PassageOptions, in_order, paragraphs_of

KIND: Final = "language.transcribers"
DEFAULT_TRANSCRIBER: Final = "whisper"

Progress = Callable[[float, float | None], None]
"""Called with the seconds of sound that were heard and those there will be, or None where the file does not say."""


@dataclass(frozen=True, slots=True)
class TranscriberOptions:
    """How a transcriber runs.

    Attributes:
        model: its name at the transcriber, or None for the transcriber's default.
        language: code of the language that is spoken, or None to let the transcriber tell it.
        threads: of a transcriber that runs here; 0 takes every core.
    """

    model: str | None = None
    language: str | None = None
    threads: int = 1


class Transcriber(ABC):
    """Writes down what is said. A plug-in's ``create(TranscriberOptions)`` makes one.

    Attributes:
        name: what transcripts call it.
        model: with which model it listens.
        sends_to: host that the sound is sent to, or None where it stays on this machine.
        note: what readers of its transcripts have to know, one clause, or None.
    """

    name: str
    model: str
    sends_to: str | None = None
    note: str | None = None

    @property
    @abstractmethod
    def language(self) -> str | None:
        """Code of the language, or None while there was nothing to tell it by."""

    @abstractmethod
    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
        """Words, and stretches in which none was understood, in order of time, while the sound is read.

        Args:
            sound: float32 pieces at 16 kHz, in −1–1; it may raise, and what it raises passes through.
        """


class _StoppedError(Exception):
    """Listening was to end."""


def open_transcriber(name: str = DEFAULT_TRANSCRIBER, options: TranscriberOptions | None = None) -> Transcriber:
    """A transcriber by its plug-in's name: ``whisper`` or ``deepgram``.

    Raises:
        SettingsError: none of that name, or what it needs (an extra, a key) is missing; the message names it.
        WeightsError: its model cannot be had.
    """
    made: Transcriber = plugins.load(KIND, name).create(options or TranscriberOptions())
    return made


def transcribe(
    path: Path,
    transcriber: Transcriber,
    options: PassageOptions | None = None,
    progress: Progress = lambda heard, of: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Transcript:
    """What is said in a recording. Its sound is streamed: memory does not grow with its length, but for the words.

    Args:
        path: any container that carries its sound itself; one without sound gives a transcript without words.
        transcriber: who listens.
        options: where paragraphs end.
        progress: told while sound is read.
        should_stop: asked while sound is read; what was read until then is listened to, unless it would be sent away,
            and returned, marked incomplete.

    Raises:
        InputError: the file cannot be opened.
        UnsupportedMediaError: it is no recording, or none of its sound can be decoded.
        MienError: the transcriber cannot go on; the message says why.
    """
    audio = AudioFile(path)
    samples = 0
    stopped = False

    def heard() -> Iterator[FloatArray]:
        nonlocal samples, stopped
        for piece in audio:
            if should_stop():
                stopped = True
                if transcriber.sends_to:
                    raise _StoppedError  # Whoever stops has not agreed that what is there goes out.
                return
            samples += len(piece)
            progress(samples / SAMPLE_RATE_HZ, audio.info.duration_seconds)
            yield piece

    words: list[Word] = []
    unclear: list[Unclear] = []
    if audio.info.has_audio:
        with contextlib.suppress(_StoppedError):
            for told in transcriber.words(heard()):
                if isinstance(told, Unclear):
                    unclear.append(told)
                else:
                    words += in_order([told], words[-1].end_seconds if words else 0.0)
        if not samples and not audio.complete:
            raise UnsupportedMediaError(f"{path} is damaged, or no recording: nothing of its sound can be decoded.")
    return Transcript(
        source=audio.info.name,
        has_audio=audio.info.has_audio,
        duration_seconds=samples / SAMPLE_RATE_HZ,
        complete=audio.complete and not stopped,
        transcriber=transcriber.name,
        model=transcriber.model,
        language=transcriber.language if audio.info.has_audio else None,
        paragraphs=paragraphs_of(words, options),
        unclear=tuple(unclear),
        note=transcriber.note if audio.info.has_audio else None,
    )

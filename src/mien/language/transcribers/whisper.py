"""Whisper on this machine, by faster-whisper (extra ``[speech]``). Radford et al., 2022.

``tiny.en`` comes through the weights registry. Any other size, or a converted model of the Hugging Face hub, is fetched
by its name there; a folder is read as it is. Silero's voice detector, which faster-whisper carries, leaves out what is
no speech: Whisper invents words for silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien import weights
from mien.core.content import Word
from mien.core.errors import SettingsError, WeightsError
from mien.language.audio import FloatArray
from mien.language.chunks import Chunk, chunks
from mien.language.transcribing import Transcriber, TranscriberOptions

DEFAULT_MODEL: Final = "tiny.en"
REGISTERED: Final = {
    DEFAULT_MODEL: {
        "model.bin": "whisper-tiny-en",
        "config.json": "whisper-tiny-en-config",
        "tokenizer.json": "whisper-tiny-en-tokenizer",
        "vocabulary.txt": "whisper-tiny-en-vocabulary",
    }
}
"""Entries of the weights registry by the file names of a model."""
SILENT: Final = 1e-4
"""Sound that never exceeds this (−80 dB) is not listened to."""
_BEAMS: Final = 5


def create(options: TranscriberOptions) -> Whisper:
    """Whisper of the size that ``options.model`` names."""
    return Whisper(options)


class Whisper(Transcriber):
    """Listens to half a minute at a time; greedy fallbacks by chance are off, so the same sound gives the same words.

    Args:
        options: model (a size, a name of the hub, a folder), language and threads.

    Raises:
        SettingsError: the extra is missing, or the model does not know the language.
        WeightsError: the model cannot be had.
    """

    def __init__(self, options: TranscriberOptions) -> None:
        self.name = "whisper"
        self.model = options.model or DEFAULT_MODEL
        self._whisper = _load(self.model, options.threads)
        known = list(self._whisper.supported_languages)
        if options.language is not None and options.language not in known:
            raise SettingsError(f"Whisper {self.model} does not know the language {options.language!r}: {_some(known)}")
        self._language = options.language or (known[0] if len(known) == 1 else None)

    @property
    def language(self) -> str | None:
        """Given, the model's only one, or told from the first stretch in which someone speaks."""
        return self._language

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word]:
        """Words while the sound is read, half a minute behind it."""
        for chunk in chunks(sound):
            if np.abs(chunk.samples).max() > SILENT:
                yield from self._listen(chunk)

    def _listen(self, chunk: Chunk) -> Iterator[Word]:
        segments, info = self._whisper.transcribe(
            chunk.samples,
            language=self._language,
            beam_size=_BEAMS,
            temperature=0.0,
            word_timestamps=True,
            vad_filter=True,
            condition_on_previous_text=False,
        )
        for segment in segments:
            self._language = self._language or info.language
            for word in segment.words or ():
                text = " ".join(str(word.word).split())
                if text:
                    begin = chunk.start_seconds + float(word.start)
                    yield Word(text, begin, chunk.start_seconds + float(word.end), float(word.probability))


def _load(model: str, threads: int) -> Any:
    # Its voice detector imports ONNX Runtime: that must be told first to report no usage (mien.inference).
    import mien.inference  # noqa: F401

    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise SettingsError("listening on this machine needs faster-whisper: pip install 'mien[speech]'") from error
    named: dict[str, Any] = {"device": "cpu", "compute_type": "int8", "cpu_threads": threads or os.cpu_count() or 1}
    registered = REGISTERED.get(model)
    if registered is not None and not Path(model).is_dir():
        named["files"] = {file: weights.load(entry).content for file, entry in registered.items()}
    else:
        named["local_files_only"] = weights.Store.from_environment().offline
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return WhisperModel(model, **named)
    except Exception as error:
        raise WeightsError(
            f"no Whisper model {model!r} can be had: {str(error).splitlines()[0]}. It is a size (tiny.en, base, small, "
            "medium, large-v3, …), a converted model's name on the Hugging Face hub, or a folder."
        ) from error


def _some(known: list[str]) -> str:
    return "it knows " + ", ".join(known[:20]) + (", …" if len(known) > 20 else "")

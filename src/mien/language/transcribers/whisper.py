"""Whisper on this machine, by faster-whisper (extra ``[speech]``). Radford et al., 2022.

``tiny.en`` comes through the weights registry. Any other size, or a converted model of the Hugging Face hub, is fetched
by its name there; a folder is read as it is. Silero's voice detector, which faster-whisper carries, leaves out what is
no speech: Whisper invents words for silence. What it makes of half a minute of speech that it does not understand (of
another language, say) is left out where it fails the tests that its authors publish.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mien import weights
from mien.core.content import Unclear, Word
from mien.core.errors import SettingsError, WeightsError
from mien.language.audio import FloatArray
from mien.language.chunks import Chunk, chunks
from mien.language.transcribing import Transcriber, TranscriberOptions
from mien.weights.store import OFFLINE_VARIABLE, is_offline

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
MOST_COMPRESSION: Final = 2.4
"""Text that zlib makes smaller by more than this is a loop, not speech."""
LEAST_LOG_PROBABILITY: Final = -1.0
"""Mean of the pieces' below which words are guesses."""
MOST_SILENCE: Final = 0.6
"""Probability of "no speech" above which guesses are none: Whisper itself then says nothing.

All three are of Radford et al., *Robust speech recognition via large-scale weak supervision* (2022), section 4.5."""
UNSPACED: Final = frozenset({"zh", "yue", "ja", "th", "lo", "my"})
"""Languages written without spaces between words: their pieces stay apart."""
_BEAMS: Final = 5


def create(options: TranscriberOptions) -> Whisper:
    """Whisper of the size that ``options.model`` names."""
    return Whisper(options)


class Whisper(Transcriber):
    """Listens to half a minute at a time, once: the same sound gives the same words.

    Listening again at higher temperatures, as Whisper may where a limit is broken, draws words by chance: it took three
    times as long and gave other invented words (decision 19).

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
            remedy = "" if len(known) > 1 else ". Take a model that hears more, such as 'base' (--model base)"
            raise SettingsError(
                f"Whisper {self.model} does not know the language {options.language!r}: {_some(known)}{remedy}"
            )
        self._language = options.language or (known[0] if len(known) == 1 else None)
        if len(known) == 1 and options.language is None:
            self.note = (
                f"Whisper {self.model} hears {_name(known[0])} only: of anything else it writes what nobody said"
            )

    @property
    def language(self) -> str | None:
        """Given, the model's only one, or told from the first stretch in which someone speaks."""
        return self._language

    def words(self, sound: Iterator[FloatArray]) -> Iterator[Word | Unclear]:
        """Words while the sound is read, half a minute behind it, and where Whisper's own limits are broken."""
        for chunk in chunks(sound):
            if np.abs(chunk.samples).max() > SILENT:
                yield from self._listen(chunk)

    def _listen(self, chunk: Chunk) -> Iterator[Word | Unclear]:
        segments, info = self._whisper.transcribe(
            chunk.samples,
            language=self._language,
            beam_size=_BEAMS,
            temperature=0.0,
            word_timestamps=True,
            vad_filter=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=MOST_COMPRESSION,
            log_prob_threshold=LEAST_LOG_PROBABILITY,
            no_speech_threshold=MOST_SILENCE,
        )
        for segment in segments:
            if not understood(str(segment.text), segment.compression_ratio, segment.avg_logprob):
                yield Unclear(chunk.start_seconds + float(segment.start), chunk.start_seconds + float(segment.end))
                continue
            self._language = self._language or info.language
            pieces = [
                Piece(
                    str(word.word),
                    chunk.start_seconds + float(word.start),
                    chunk.start_seconds + float(word.end),
                    float(word.probability),
                )
                for word in segment.words or ()
            ]
            yield from joined(pieces, spaced=self._language not in UNSPACED)


@dataclass(frozen=True, slots=True)
class Piece:
    """What faster-whisper calls a word: it begins with a space where a new word begins. Media time, probability 0–1."""

    text: str
    start_seconds: float
    end_seconds: float
    probability: float


def joined(pieces: Iterable[Piece], *, spaced: bool = True) -> Iterator[Word]:
    """Pieces as words: one that begins without a space belongs to the word before it ("$10" and ",000", "U" and ".S").

    A word lasts from its first piece's start to its last one's end, and is as probable as its least probable piece.

    Args:
        pieces: in order.
        spaced: False for a language written without spaces, each of whose pieces stays a word.
    """
    held: Word | None = None
    for piece in pieces:
        text = " ".join(piece.text.split())
        if not text:
            continue
        if held is not None and spaced and not piece.text[0].isspace():
            least = min(piece.probability, 1.0 if held.probability is None else held.probability)
            held = Word(held.text + text, held.start_seconds, max(held.end_seconds, piece.end_seconds), least)
            continue
        if held is not None:
            yield held
        held = Word(text, piece.start_seconds, piece.end_seconds, piece.probability)
    if held is not None:
        yield held


def understood(text: str, compression: float, log_probability: float) -> bool:
    """Whether a segment's words may be kept.

    Args:
        text: of the segment: it may be a loop of its own among others that are none.
        compression: ratio of all that was decoded with it.
        log_probability: mean over its pieces.
    """
    encoded = text.strip().encode()
    own = len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0
    return max(own, compression) <= MOST_COMPRESSION and log_probability >= LEAST_LOG_PROBABILITY


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
        named["local_files_only"] = is_offline()
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        return WhisperModel(model, **named)
    except Exception as error:
        told = str(error).strip().splitlines()
        why = told[0].rstrip(".") if told else type(error).__name__
        if named.get("local_files_only") and not Path(model).is_dir():
            why = f"it was not fetched before, and {OFFLINE_VARIABLE} is set"
        raise WeightsError(
            f"no Whisper model {model!r} can be had: {why}. It is a size (tiny.en, base, small, "
            "medium, large-v3, …), a converted model's name on the Hugging Face hub, or a folder."
        ) from error


def _name(language: str) -> str:
    return "English" if language == "en" else language


def _some(known: list[str]) -> str:
    return "it knows " + ", ".join(known[:20]) + (", …" if len(known) > 20 else "")

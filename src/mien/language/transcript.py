"""Words put together: sentences, paragraphs, and a transcript as JSON holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mien.core.content import Passage, Transcript, Word

SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")
_CLOSING: Final = "\"'”’)]»"
_NO_ENDS: Final = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e."})


@dataclass(frozen=True, slots=True)
class PassageOptions:
    """Where passages end.

    Attributes:
        paragraph_pause_seconds: a pause of this length between sentences begins a paragraph.
        paragraph_seconds: a paragraph of this length ends with its sentence.
        sentence_pause_seconds: a pause of this length ends a sentence, whatever its punctuation.
    """

    paragraph_pause_seconds: float = 1.5
    paragraph_seconds: float = 45.0
    sentence_pause_seconds: float = 3.0


def sentences_of(words: Iterable[Word], options: PassageOptions | None = None) -> Iterator[Passage]:
    """Words in sentences: each ends at its punctuation, or at a long pause."""
    options = options or PassageOptions()
    held: list[Word] = []
    for word in words:
        if held and word.start_seconds - held[-1].end_seconds >= options.sentence_pause_seconds:
            yield Passage(tuple(held))
            held = []
        held.append(word)
        if _ends(word.text):
            yield Passage(tuple(held))
            held = []
    if held:
        yield Passage(tuple(held))


def paragraphs_of(words: Iterable[Word], options: PassageOptions | None = None) -> tuple[Passage, ...]:
    """Words in paragraphs of whole sentences: one ends at a pause, or with the sentence that makes it long enough."""
    options = options or PassageOptions()
    found: list[Passage] = []
    held: tuple[Word, ...] = ()
    for sentence in sentences_of(words, options):
        if held and (
            sentence.start_seconds - held[-1].end_seconds >= options.paragraph_pause_seconds
            or held[-1].end_seconds - held[0].start_seconds >= options.paragraph_seconds
        ):
            found.append(Passage(held))
            held = ()
        held += sentence.words
    return (*found, Passage(held)) if held else tuple(found)


def in_order(words: Sequence[Word], start_seconds: float = 0.0) -> list[Word]:
    """The words with times that never run backwards, from ``start_seconds`` on: transcribers may overlap theirs."""
    found: list[Word] = []
    latest = start_seconds
    for word in words:
        begin = max(word.start_seconds, latest)
        end = max(word.end_seconds, begin)
        found.append(Word(word.text, begin, end, word.probability))
        latest = end
    return found


def document(transcript: Transcript) -> dict[str, object]:
    """The transcript as JSON holds it; times in seconds, to the millisecond."""
    return {
        "schema_version": 1,
        "source": transcript.source,
        "has_audio": transcript.has_audio,
        "duration_seconds": round(transcript.duration_seconds, 3),
        "complete": transcript.complete,
        "transcriber": transcript.transcriber,
        "model": transcript.model,
        "language": transcript.language,
        "not_understood_seconds": round(transcript.unclear_seconds, 3),
        "note": transcript.note,
        "paragraphs": [
            {
                "start_seconds": round(paragraph.start_seconds, 3),
                "end_seconds": round(paragraph.end_seconds, 3),
                "text": paragraph.text,
                "words": [
                    {
                        "text": word.text,
                        "start_seconds": round(word.start_seconds, 3),
                        "end_seconds": round(word.end_seconds, 3),
                        "probability": None if word.probability is None else round(word.probability, 4),
                    }
                    for word in paragraph.words
                ],
            }
            for paragraph in transcript.paragraphs
        ],
    }


def _ends(text: str) -> bool:
    return text.rstrip(_CLOSING).endswith(SENTENCE_ENDS) and text.lower() not in _NO_ENDS

"""What was said, when: words, sentences, paragraphs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")
_CLOSING: Final = "\"'”’)]»"
_NO_ENDS: Final = frozenset({"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e."})


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it was said.

    Attributes:
        text: with its punctuation, without spaces around it.
        start_seconds: media time at which it begins.
        end_seconds: and ends.
        probability: 0–1, how sure the transcriber is, or None where it does not say.
    """

    text: str
    start_seconds: float
    end_seconds: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that belong together: a sentence, a paragraph. At least one."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Its words with a space between."""
        return " ".join(word.text for word in self.words)

    @property
    def start_seconds(self) -> float:
        """Media time of its first word's beginning."""
        return self.words[0].start_seconds

    @property
    def end_seconds(self) -> float:
        """Media time of its last word's end."""
        return self.words[-1].end_seconds


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


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a recording.

    Attributes:
        source: name of the file.
        has_audio: whether it has a sound track; without one there are no words.
        duration_seconds: of the sound that was heard.
        complete: False where the sound was damaged, or listening was stopped.
        transcriber: who wrote it down.
        model: with which model.
        language: code of the language, or None where there was nothing to tell it by.
        paragraphs: in order; none where nothing was said.
    """

    source: str
    has_audio: bool
    duration_seconds: float
    complete: bool
    transcriber: str
    model: str
    language: str | None
    paragraphs: tuple[Passage, ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word in order."""
        return tuple(word for paragraph in self.paragraphs for word in paragraph.words)

    @property
    def text(self) -> str:
        """Paragraphs with an empty line between."""
        return "\n\n".join(paragraph.text for paragraph in self.paragraphs)


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

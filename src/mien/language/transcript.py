"""Words put together: sentences, paragraphs, and a transcript as JSON holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mien.core.content import Passage, Transcript, Word
from mien.language.stop_words import STOP_WORDS

SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")
_OPENING: Final = "\"'“‘([«¿¡"
_CLOSING: Final = "\"'”’)]»"
_NAMES: Final = """
mr. mrs. ms. mx. dr. prof. st. gen. col. lt. sgt. capt. cmdr. rev. fr. hon. gov. sen. rep. pres. messrs. mme. mlle. vs.
cf. e.g. i.e. viz. approx. ca.
"""
_NUMBERS: Final = "no. nos. fig. figs. vol. vols. p. pp. ch. sec. eq. eqs. art. nr. pt. ed."
_WITHIN: Final = """
inc. ltd. co. corp. bros. jr. sr. etc. al. est. dept. univ. assn. ave. blvd. rd. mt. ft. min. max. tel. temp. jan. feb.
mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. mon. tue. wed. thu. fri. sat. sun.
"""
_BEFORE_A_NAME: Final = frozenset(_NAMES.split())
"""Abbreviations after which a sentence goes on, whatever comes."""
_BEFORE_A_NUMBER: Final = frozenset(_NUMBERS.split())
_OFTEN_WITHIN: Final = frozenset(_WITHIN.split())
"""Abbreviations that end a sentence only where the next word opens one."""
_DOTTED: Final = re.compile(r"(?:[^\W\d_]\.){2,}|ph\.d\.|m\.sc\.|b\.sc\.", re.IGNORECASE)
"""Letters with a dot each: U.S., a.m."""
_INITIAL: Final = re.compile(r"(?!I\.)[^\W\d_]\.")


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
    """Words in sentences: each ends at its punctuation, or at a long pause; not at an abbreviation's dot."""
    options = options or PassageOptions()
    held: list[Word] = []
    for word in words:
        if held and (
            word.start_seconds - held[-1].end_seconds >= options.sentence_pause_seconds
            or _ends(held[-1].text, word.text, capitals=held[0].text.lstrip(_OPENING)[:1].isupper())
        ):
            yield Passage(tuple(held))
            held = []
        held.append(word)
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


def _ends(text: str, following: str, *, capitals: bool) -> bool:
    """Whether a sentence ends with a word, by the word and the one after it.

    Args:
        text: the word.
        following: what comes next.
        capitals: whether this sentence began with one: then the next one does, too.
    """
    bare = text.rstrip(_CLOSING)
    if not bare.endswith("."):
        return bare.endswith(SENTENCE_ENDS)
    if bare.endswith(".."):
        return True
    word, after = bare.lstrip(_OPENING), following.lstrip(_OPENING)
    lower = word.lower()
    if (capitals and after[:1].islower()) or lower in _BEFORE_A_NAME:
        return False
    if lower in _BEFORE_A_NUMBER:
        return not after[:1].isdigit()
    if (_INITIAL.fullmatch(word) and word.isupper()) or _DOTTED.fullmatch(word) or lower in _OFTEN_WITHIN:
        # A name follows as often as a sentence does; a small word with a capital opens one.
        return after[:1].isupper() and after.rstrip(_CLOSING + ",;:").lower() in STOP_WORDS
    return True

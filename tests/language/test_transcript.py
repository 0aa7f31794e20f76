"""Words in sentences and paragraphs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.content import Transcript, Word
from mien.language.transcript import PassageOptions, document, in_order, paragraphs_of, sentences_of


def said(text: str, start: float = 0.0, pace: float = 0.5) -> list[Word]:
    """A text at an even pace."""
    return [Word(word, start + pace * i, start + pace * i + 0.8 * pace) for i, word in enumerate(text.split())]


def texts(words: list[Word], options: PassageOptions | None = None) -> list[str]:
    return [passage.text for passage in paragraphs_of(words, options)]


def test_sentences_end_at_their_punctuation() -> None:
    words = said('He left. "Why?" she asked Mr. Brown! Nobody knew')
    assert [s.text for s in sentences_of(words)] == ["He left.", '"Why?"', "she asked Mr. Brown!", "Nobody knew"]


@pytest.mark.parametrize(
    "text",
    [
        "The U.S. economy grew. | It grew fast.",
        "We begin at 10 a.m. in the hall. | Come at 9 p.m. | We wait.",
        "J. K. Rowling wrote it. | George W. Bush read it.",
        "See Fig. 3 and No. 5 of Vol. 2. | He said no. | Nobody else did.",
        "Pens, paper, etc. and more. | Acme Inc. sold it. | Acme Inc. | It sold everything.",
        "He lives in the U.S. | They live in the U.K. now.",
        "Dr. Brown and Gen. Lee met, e.g. Monday at 10 a.m. Eastern time.",
        "It was I. | Nobody else spoke.",
        'She has a Ph.D. in law. | "He is approx. five," she said. | So Martin Luther King Jr. Boulevard.',
        "We chose plan B. | Then it rained.",
        "and then it rained. | nobody came. | 2.5 percent left.",
        "It cost $10,000. | 300 came... | And left.",
    ],
)
def test_an_abbreviation_ends_no_sentence_in_its_middle(text: str) -> None:
    said_words = said(text.replace(" | ", " "))
    assert " | ".join(s.text for s in sentences_of(said_words)) == text


def test_a_long_pause_ends_a_sentence_without_punctuation() -> None:
    words = [*said("and then"), *said("it began again", 10)]
    assert [s.text for s in sentences_of(words)] == ["and then", "it began again"]


def test_a_pause_between_sentences_begins_a_paragraph() -> None:
    assert texts([*said("One. Two."), *said("Three.", 3.0)]) == ["One. Two.", "Three."]
    assert texts([*said("One. Two."), *said("Three.", 2.0)]) == ["One. Two. Three."]
    assert texts([*said("One and"), *said("two.", 3.0)]) == ["One and two."], "no paragraph ends in a sentence"


def test_a_long_paragraph_ends_with_its_sentence() -> None:
    words = said("a b c d. e f g h. i j.")
    assert texts(words, PassageOptions(paragraph_seconds=1.5)) == ["a b c d.", "e f g h.", "i j."]


WORDS = st.lists(
    st.builds(
        Word,
        st.sampled_from(["a", "b.", "c?", "d"]),
        st.floats(0, 100),
        st.floats(0, 100),
        st.none() | st.floats(0, 1),
    ),
    max_size=30,
)


@given(WORDS)
def test_paragraphs_hold_every_word_once_and_in_order(words: list[Word]) -> None:
    ordered = in_order(words)
    assert [word for passage in paragraphs_of(ordered) for word in passage.words] == ordered


@given(WORDS, st.floats(0, 50))
def test_times_never_run_backwards(words: list[Word], start: float) -> None:
    times = [t for word in in_order(words, start) for t in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)
    assert all(t >= start for t in times)


def test_a_transcript_as_json() -> None:
    told = Transcript("a.mp4", True, 2.0004, True, "whisper", "tiny.en", "en", paragraphs_of(said("Well done.")))
    assert document(told) == {
        "schema_version": 1,
        "source": "a.mp4",
        "has_audio": True,
        "duration_seconds": 2.0,
        "complete": True,
        "transcriber": "whisper",
        "model": "tiny.en",
        "language": "en",
        "not_understood_seconds": 0,
        "note": None,
        "paragraphs": [
            {
                "start_seconds": 0.0,
                "end_seconds": 0.9,
                "text": "Well done.",
                "words": [
                    {"text": "Well", "start_seconds": 0.0, "end_seconds": 0.4, "probability": None},
                    {"text": "done.", "start_seconds": 0.5, "end_seconds": 0.9, "probability": None},
                ],
            }
        ],
    }

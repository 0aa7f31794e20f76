"""A transcript made content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mien.core.content import Content, Term, Transcript, Word, Written
from mien.core.errors import MienError
from mien.core.labels import EMOTIONS, TEXT_EKMAN
from mien.language.describing import describe
from mien.language.emotion import TextClassifier
from mien.language.opening import open_text_classifier
from mien.language.transcript import paragraphs_of
from mien.language.writers.keywords import Keywords
from mien.language.writing import Writer, WriterOptions

WRITER = Keywords(WriterOptions())


def said(*paragraphs: str, language: str | None = "en") -> Transcript:
    words, at = [], 0.0
    for text in paragraphs:
        for word in text.split():
            words.append(Word(word, at, at + 0.4))
            at += 0.5
        at += 2.0
    return Transcript("talk.mp4", True, at, True, "whisper", "tiny.en", language, paragraphs_of(words))


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    pytest.importorskip("tokenizers")
    return open_text_classifier()


def joy(content: Content, paragraph: int) -> float:
    tone = content.paragraphs[paragraph].tone
    assert tone is not None
    assert tone.faces is not None
    return tone.faces[EMOTIONS.index("happiness")]


def test_every_sentence_has_its_tone_and_a_paragraph_that_of_its_words(classifier: TextClassifier) -> None:
    content = describe(said("This is wonderful! I love it so much.", "I am so sad about it."), WRITER, classifier)
    assert [s.tone.label for s in content.sentences if s.tone] == ["joy", "joy", "sadness"]
    assert joy(content, 0) > 0.8 > 0.2 > joy(content, 1)
    assert content.tone_model == (classifier.name, classifier.sha256)
    one = content.paragraphs[0].sentences
    scores = classifier.classify([s.passage.text for s in one], TEXT_EKMAN)
    mean = np.average(scores.probabilities, axis=0, weights=[len(s.passage.words) for s in one])
    tone = content.paragraphs[0].tone
    assert tone is not None
    assert tone.probability == pytest.approx(mean.max(), abs=1e-6)


def test_what_cannot_be_read_has_no_tone_and_moves_none(classifier: TextClassifier) -> None:
    content = describe(said("我很高兴见到你。 This is wonderful!", "我很高兴见到你。"), WRITER, classifier)
    labels = [s.tone.label for s in content.sentences if s.tone]
    assert labels == ["unread", "joy", "unread"]
    assert joy(content, 0) > 0.8
    assert content.paragraphs[1].tone is not None
    assert content.paragraphs[1].tone.faces is None


def test_another_language_is_not_read_as_english(classifier: TextClassifier) -> None:
    content = describe(said("Das ist wunderbar!", language="de"), WRITER, classifier)
    assert (content.tone_model, content.sentences[0].tone) == (None, None)
    assert "another language (de)" in (content.tone_withheld or "")


def test_nothing_said_is_nothing_written() -> None:
    content = describe(said(), WRITER)
    assert (content.written, content.terms, content.paragraphs) == (None, (), ())


def test_a_writer_that_fails_is_replaced_and_it_is_said() -> None:
    class Broken(Writer):
        name = "broken"

        def write(self, sentences: Sequence[str], terms: Sequence[Term]) -> Written:
            raise MienError("the network is down")

    content = describe(said("Horror films are dark."), Broken())
    assert content.written is not None
    assert (content.written.writer, content.written.summary) == ("keywords", ("Horror films are dark.",))
    assert content.writer_note == "the network is down; keywords wrote instead"


def test_sentences_are_those_of_the_transcript() -> None:
    content = describe(said("One. Two and a half.", "Three."), WRITER)
    assert [s.passage.text for s in content.sentences] == ["One.", "Two and a half.", "Three."]
    assert [len(p.sentences) for p in content.paragraphs] == [2, 1]
    assert content.paragraphs[0].end_seconds == content.sentences[1].passage.end_seconds
    assert content.tone_withheld == "no text classifier was asked"

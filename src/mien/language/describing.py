"""A transcript made content: its sentences with their tone, key terms, a summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mien.core.content import Content, Paragraph, Passage, Sentence, Tone, Transcript, Written
from mien.core.errors import MienError
from mien.core.labels import TEXT_EKMAN
from mien.language.emotion import UNREAD, FloatArray, TextClassifier, TextScores
from mien.language.terms import key_terms
from mien.language.transcript import sentences_of
from mien.language.writing import DEFAULT_WRITER, Writer, WriterOptions, open_writer

NOT_ASKED: Final = "no text classifier was asked"
OTHER_LANGUAGE: Final = "{name} reads English, and this is said in another language ({language})"
_UNREAD_TONE: Final = Tone(UNREAD, 0.0, None)


def describe(
    transcript: Transcript,
    writer: Writer,
    classifier: TextClassifier | None = None,
    *,
    tone_withheld: str | None = None,
    writer_note: str | None = None,
) -> Content:
    """What a transcript says.

    A writer that fails is no reason to have no summary: the default one writes then, and a note says so.

    Args:
        transcript: the words.
        writer: sums it up.
        classifier: reads the tone of every sentence; None leaves it out.
        tone_withheld: why there is no classifier, where it was wanted.
        writer_note: why it is this writer and no other, where another was asked for.
    """
    spoken = [list(sentences_of(paragraph.words)) for paragraph in transcript.paragraphs]
    texts = [passage.text for paragraph in spoken for passage in paragraph]
    language = transcript.language
    if classifier is None:
        tone_withheld = tone_withheld or NOT_ASKED
    elif language is not None and not language.lower().startswith("en"):
        tone_withheld, classifier = OTHER_LANGUAGE.format(name=classifier.name, language=language), None
    terms = key_terms(texts, language)
    written: Written | None = None
    if texts:
        try:
            written = writer.write(texts, terms)
        except MienError as error:
            if writer.name == DEFAULT_WRITER:
                raise
            writer_note = f"{error}; {DEFAULT_WRITER} wrote instead"
            written = open_writer(DEFAULT_WRITER, WriterOptions(language=language))[0].write(texts, terms)
    return Content(
        transcript=transcript,
        paragraphs=_paragraphs(spoken, classifier),
        tone_model=None if classifier is None else (classifier.name, classifier.sha256),
        tone_withheld=tone_withheld if classifier is None else None,
        terms=terms,
        written=written,
        writer_note=writer_note,
    )


def _paragraphs(spoken: Sequence[Sequence[Passage]], classifier: TextClassifier | None) -> tuple[Paragraph, ...]:
    if classifier is None:
        return tuple(Paragraph(tuple(Sentence(passage) for passage in paragraph)) for paragraph in spoken)
    limit = classifier.settings.max_characters
    texts = [passage.text[:limit] for paragraph in spoken for passage in paragraph]
    scores = classifier.classify(texts, TEXT_EKMAN)
    found = []
    row = 0
    for paragraph in spoken:
        rows = range(row, row + len(paragraph))
        row += len(paragraph)
        sentences = tuple(Sentence(p, _tone(scores, r)) for p, r in zip(paragraph, rows, strict=True))
        words = np.array([len(p.words) for p in paragraph], np.float32)
        found.append(Paragraph(sentences, _mean_tone(scores, list(rows), words)))
    return tuple(found)


def _tone(scores: TextScores, row: int) -> Tone:
    label, probability = scores.top(row)
    faces = scores.labels.as_faces(scores.probabilities[row : row + 1])[0]
    return Tone(label, probability, None if label == UNREAD else tuple(float(v) for v in faces))


def _mean_tone(scores: TextScores, rows: list[int], words: FloatArray) -> Tone:
    """The tone of several sentences: the mean of what was read, each by its number of words."""
    read = scores.read[rows]
    if not read.any():
        return _UNREAD_TONE
    kept = [row for row, is_read in zip(rows, read.tolist(), strict=True) if is_read]
    mean = np.average(scores.probabilities[kept], axis=0, weights=words[read]).astype(np.float32)[None]
    whole = TextScores(mean, scores.labels, scores.thresholds, np.ones(1, np.float32), scores.settings)
    return _tone(whole, 0)

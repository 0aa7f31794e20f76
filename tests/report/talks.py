"""What was said in the hall of :mod:`tests.report.factory`, made by hand."""

from __future__ import annotations

from dataclasses import replace

from mien.core.content import Content, Paragraph, Passage, Sentence, Source, Term, Tone, Transcript, Word, Written
from mien.core.labels import EMOTIONS

SAID = (
    (5.0, ("Good evening.", "We measured <b>fear</b> & laughter.")),
    (80.0, ("Nobody speaks in the cellar.", "Then the door opens!")),
    (206.0, ("It is dark now.",)),
    (250.0, ("A hand reaches out.",)),
)
SECONDS_A_WORD = 0.6


def passage(text: str, start: float) -> Passage:
    words = text.split()
    return Passage(
        tuple(Word(w, start + i * SECONDS_A_WORD, start + (i + 1) * SECONDS_A_WORD, 0.9) for i, w in enumerate(words))
    )


def tone(label: str, emotion: str) -> Tone:
    return Tone(label, 0.8, tuple(0.9 if e == emotion else 0.1 / 7 for e in EMOTIONS))


def talk(language: str | None = "en") -> Content:
    """Four paragraphs: before, during a scare, while nothing may be told, and before another scare."""
    paragraphs = []
    for at, texts in SAID:
        sentences = []
        for text in texts:
            told = passage(text, at)
            sentences.append(Sentence(told, tone("fear", "fear") if "cellar" in text else Tone("unread", 0.0, None)))
            at = told.end_seconds + 0.2
        read = [s.tone for s in sentences if s.tone and s.tone.faces]
        paragraphs.append(Paragraph(tuple(sentences), read[0] if read else Tone("unread", 0.0, None)))
    whole = tuple(Passage(tuple(w for s in p.sentences for w in s.passage.words)) for p in paragraphs)
    return Content(
        transcript=Transcript("late-show.mp4", True, 360.0, True, "whisper", "tiny.en", language, whole),
        paragraphs=tuple(paragraphs),
        tone_model=("mien-text", "ef" * 32),
        tone_withheld=None,
        terms=(Term("door", 2, 1.0), Term("cellar", 1, 0.5)),
        written=Written("keywords", None, ("Nobody speaks in the cellar.",), (2,), ("door cellar",)),
    )


def long_talk() -> Content:
    """The first paragraph again and again, ten seconds apart."""
    whole = talk()
    first = whole.paragraphs[0]

    def later(seconds: float) -> Paragraph:
        return Paragraph(
            tuple(
                Sentence(
                    Passage(
                        tuple(
                            replace(w, start_seconds=w.start_seconds + seconds, end_seconds=w.end_seconds + seconds)
                            for w in sentence.passage.words
                        )
                    ),
                    sentence.tone,
                )
                for sentence in first.sentences
            ),
            first.tone,
        )

    return replace(whole, paragraphs=tuple(later(10.0 * n) for n in range(24)))


def generated() -> Content:
    """The same, summed up by a generative model, with sources."""
    written = Written("gemini", "gemini-x", ("It is about a cellar.",), (), ("fear of cellars",))
    source = Source("Fear & film", "https://doi.org/10.1/x", ("A. Author", "B. Author", "C", "D"), 2021, "Crossref")
    return replace(
        talk(), written=written, sources=(source,), searches=(("arXiv", "https://arxiv.org/search/?q=fear"),)
    )


def silent() -> Content:
    """A recording without sound."""
    return Content(Transcript("talk.mp4", False, 0.0, True, "whisper", "", None, ()), (), None, None, (), None)

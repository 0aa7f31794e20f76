"""What was said, and when: words, transcripts, and what they are about. It is content, not audience."""

from __future__ import annotations

from dataclasses import dataclass


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
class Unclear:
    """A stretch of sound in which somebody seems to speak and whose words are not to be trusted, media time."""

    start_seconds: float
    end_seconds: float


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
        unclear: where somebody seems to speak and nothing was understood, in order.
        note: what its reader has to know of the transcriber, one clause, or None.
    """

    source: str
    has_audio: bool
    duration_seconds: float
    complete: bool
    transcriber: str
    model: str
    language: str | None
    paragraphs: tuple[Passage, ...]
    unclear: tuple[Unclear, ...] = ()
    note: str | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word in order."""
        return tuple(word for paragraph in self.paragraphs for word in paragraph.words)

    @property
    def unclear_seconds(self) -> float:
        """How long somebody seems to speak without being understood."""
        return sum(stretch.end_seconds - stretch.start_seconds for stretch in self.unclear)

    @property
    def mostly_unclear(self) -> bool:
        """Whether more of the speech was not understood than was."""
        return self.unclear_seconds > sum(word.end_seconds - word.start_seconds for word in self.words)

    @property
    def text(self) -> str:
        """Paragraphs with an empty line between."""
        return "\n\n".join(paragraph.text for paragraph in self.paragraphs)


@dataclass(frozen=True, slots=True)
class Tone:
    """The emotion that a text is written in.

    Attributes:
        label: its strongest name of the text classifier's, ``uncertain``, or ``unread`` where it could not be read.
        probability: 0–1, how likely readers name that emotion; 0 where it could not be read.
        faces: eight shares in the faces' canonical order, summing to 1; None where it could not be read.
    """

    label: str
    probability: float
    faces: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, and its tone, or None where no classifier read it."""

    passage: Passage
    tone: Tone | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that belong together, at least one, and the tone of all of them by their words."""

    sentences: tuple[Sentence, ...]
    tone: Tone | None = None

    @property
    def start_seconds(self) -> float:
        """Media time of its first word's beginning."""
        return self.sentences[0].passage.start_seconds

    @property
    def end_seconds(self) -> float:
        """Media time of its last word's end."""
        return self.sentences[-1].passage.end_seconds


@dataclass(frozen=True, slots=True)
class Term:
    """A key term as it was first said, how often it occurs, and its weight relative to the strongest, 0–1."""

    text: str
    count: int
    weight: float


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer made of a text.

    Attributes:
        writer: its plug-in's name.
        model: the generative model that wrote it, or None where sentences were picked from the text.
        summary: sentences in order; none for a text without any.
        picked: of each sentence of the summary its number in the text, from 0; empty where they were written anew.
        queries: what to search scholarly sources for.
    """

    writer: str
    model: str | None
    summary: tuple[str, ...]
    picked: tuple[int, ...]
    queries: tuple[str, ...]

    @property
    def generated(self) -> bool:
        """Whether a generative model wrote it."""
        return self.model is not None


@dataclass(frozen=True, slots=True)
class Source:
    """A scholarly source that somebody found for the content.

    Attributes:
        title: as it was published under.
        link: an http or https address, or None.
        authors: their names as published; none where not told.
        year: of publication, or None.
        found_by: which index told of it.
    """

    title: str
    link: str | None
    authors: tuple[str, ...]
    year: int | None
    found_by: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a recording says.

    Attributes:
        transcript: the words.
        paragraphs: sentence by sentence, in order.
        tone_model: name and hash of the text classifier, or None where none read it.
        tone_withheld: why none did, or None.
        terms: key terms, strongest first.
        written: summary and queries; None for a transcript without words.
        writer_note: why another writer than the one asked for wrote them, or None.
        sources: found already, best first; none where nobody looked.
        searches: ready-made searches, name and address.
    """

    transcript: Transcript
    paragraphs: tuple[Paragraph, ...]
    tone_model: tuple[str, str] | None
    tone_withheld: str | None
    terms: tuple[Term, ...]
    written: Written | None
    writer_note: str | None = None
    sources: tuple[Source, ...] = ()
    searches: tuple[tuple[str, str], ...] = ()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence in order."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph.sentences)

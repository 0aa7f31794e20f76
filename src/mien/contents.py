"""What was said in a recording, from its words to searches to follow: for the command line and for workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.content import Content, Source, Transcript
from mien.core.errors import SettingsError, UnsupportedMediaError

if TYPE_CHECKING:
    from mien.language.transcribing import Transcriber

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Listening:
    """Who listens to a recording.

    Attributes:
        transcriber: a plug-in's name; None for the default.
        model: of the transcriber; None for its default.
        language: code of what is spoken; None tells it from the sound.
        threads: of the transcriber; 0 takes every core.
        name: what the recording is called, where not as its file.
    """

    transcriber: str | None = None
    model: str | None = None
    language: str | None = None
    threads: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """Who sums up what was said.

    Attributes:
        writer: a plug-in's name; None for the default.
        model: of the writer.
        language: of the text, where the transcript does not tell it.
    """

    writer: str | None = None
    model: str | None = None
    language: str | None = None


def listener_of(recording: Path, listening: Listening) -> Transcriber | None:
    """Who listens, ready to; None for a recording without sound.

    Raises:
        MienError: what it takes is missing.
    """
    from mien.language.audio import AudioFile
    from mien.language.transcribing import DEFAULT_TRANSCRIBER, TranscriberOptions, open_transcriber

    try:
        has_audio = recording.is_file() and AudioFile(recording).info.has_audio
    except UnsupportedMediaError:
        has_audio = False  # A picture, say; whether it is anything at all is told where its frames are read.
    if not has_audio:
        return None
    options = TranscriberOptions(listening.model, listening.language, listening.threads)
    return open_transcriber(listening.transcriber or DEFAULT_TRANSCRIBER, options)


def listen(
    recording: Path,
    listener: Transcriber | None,
    listening: Listening,
    tell: Tell,
    progress: Callable[[float, float | None], None] = lambda heard, of: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Transcript:
    """The words of a recording; none of one without sound.

    Args:
        recording: a file.
        listener: of :func:`listener_of`.
        listening: what that was asked.
        tell: told what is sent where.
        progress: told seconds heard, and how many there will be or None.
        should_stop: asked while listening; what was heard by then is kept.

    Raises:
        MienError: it cannot be listened to.
    """
    from mien.language.transcribing import transcribe

    if listener is None:
        return unheard(recording, listening, None)
    name = listening.name or recording.name
    if listener.sends_to and not should_stop():
        tell(f"The sound of {name} is sent to {listener.sends_to}.")
    return replace(transcribe(recording, listener, progress=progress, should_stop=should_stop), source=name)


def unheard(recording: Path, listening: Listening, why: str | None) -> Transcript:
    """No words: of a recording without sound, or of one that could not be listened to, which ``why`` tells."""
    from mien.language.transcribing import DEFAULT_TRANSCRIBER

    transcriber, name = listening.transcriber or DEFAULT_TRANSCRIBER, listening.name or recording.name
    return Transcript(name, why is not None, 0.0, why is None, transcriber, listening.model or "", None, (), note=why)


def tell_of_listening(told: Transcript) -> Iterator[str]:
    """What its reader has to know of a transcript, a line each: what was not understood, the transcriber's note."""
    if told.unclear:
        told_of = f"{told.unclear_seconds:.1f} s of {told.source} were not understood and left out"
        yield f"Most of what is said was not understood: {told_of}." if told.mostly_unclear else f"{told_of}."
    if told.note:
        yield f"{told.note}."


def describe(told: Transcript, writing: Writing, tell: Tell, stopped: Callable[[], bool] = lambda: False) -> Content:
    """What a transcript is about: tone, key terms, a summary, searches to follow.

    Args:
        told: what was said.
        writing: who sums it up.
        tell: told what is sent where, and what is missing.
        stopped: once it says so, nothing is sent to anybody any more.

    Raises:
        MienError: the writer cannot be had.
    """
    from mien.language import describing
    from mien.language.emotion import TextClassifier
    from mien.language.opening import open_text_classifier
    from mien.language.writing import DEFAULT_WRITER, WriterOptions, open_writer

    if not told.has_audio:
        tell(f"{told.source} has no sound: there is nothing to transcribe.")
    classifier: TextClassifier | None = None
    withheld = None
    if told.paragraphs:
        try:
            classifier = open_text_classifier()
        except SettingsError as error:
            withheld = str(error)
    options = WriterOptions(writing.model, told.language or writing.language)
    writer, note = open_writer(writing.writer or DEFAULT_WRITER, options)
    if writer.sends_to and stopped():
        note = f"{writer.name} was not asked after the interrupt; {DEFAULT_WRITER} wrote instead"
        writer = open_writer(DEFAULT_WRITER, options)[0]
    if writer.sends_to and told.paragraphs:
        tell(f"The text of what was said is sent to {writer.sends_to}.")
    content = describing.describe(told, writer, classifier, tone_withheld=withheld, writer_note=note)
    for line in (content.writer_note, content.tone_withheld if told.paragraphs else None):
        if line:
            tell(f"{line}.")
    return _with_searches(content)


def terms_of(content: Content) -> tuple[str, ...]:
    """Key terms that fit a search; nothing else of what was said is ever sent to look for works."""
    from mien.scholar import fitting_terms

    asked = fitting_terms(content.written.queries if content.written is not None else ())
    return tuple(asked or fitting_terms([term.text for term in content.terms]))


def find_works(terms: tuple[str, ...], text: str, tell: Tell) -> tuple[Source, ...]:
    """Scholarly works about key terms.

    Args:
        terms: what leaves this machine.
        text: what was said, which stays here: works are ranked by it.
        tell: told what is sent where, and what went wrong.
    """
    from mien.scholar import SourceOptions, find_sources, service_title

    wanted = SourceOptions.from_environment()
    if not wanted.offline:
        services = ", ".join(map(service_title, wanted.services))
        tell(f"Asking {services}: {', '.join(terms)}")
    found = find_sources(list(terms), text, wanted)
    for failure in found.failures:
        tell(f"{service_title(failure.service)} {failure.reason}.")
    if found.offline:
        tell("No scholarly service was reached: the report holds searches to follow.")
    return tuple(
        Source(
            one.title,
            one.url if one.url.startswith(("http://", "https://")) else None,
            one.authors,
            one.year,
            ", ".join(map(service_title, one.found_in)),
        )
        for one in found.sources
    )


def spoken_text(content: Content) -> str:
    """Everything that was said, as one text."""
    return " ".join(sentence.passage.text for sentence in content.sentences)


def _with_searches(content: Content) -> Content:
    from mien.scholar import search_links

    terms = terms_of(content)
    if not terms:
        return content
    return replace(content, searches=tuple((link.name, link.url) for link in search_links(list(terms))))

"""``--speech`` and what belongs to it: what was said in a recording, beside what was felt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mien.cli._keys import take_keys
from mien.core.errors import MienError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from mien.core.content import Content, Transcript
    from mien.language.transcribing import Transcriber

F = TypeVar("F", bound=Callable[..., Any])

BELONG: Final = {
    "language": "--language",
    "transcriber": "--transcriber",
    "speech_model": "--speech-model",
    "writer": "--writer",
    "writer_model": "--writer-model",
    "sources": "--sources",
}
"""Options that mean nothing without speech, by their names in a command."""


def speech_options(command: F) -> F:
    """What was said: asked for, from where, by whom."""
    for option in (
        click.option("--sources", is_flag=True, default=None,
                     help="Also look for scholarly works: key terms, and nothing else, are sent to OpenAlex, Crossref, "
                     "arXiv and Semantic Scholar."),
        click.option("--writer-model", metavar="NAME",
                     help="Google's model that writes [default: gemini-flash-latest]."),
        click.option("--writer", type=click.Choice(["keywords", "gemini"]),
                     help="Who sums up what was said: keywords picks sentences on this machine; gemini sends the text "
                     "to Google (key in GOOGLE_API_KEY) [default: keywords]."),
        click.option("--speech-model", metavar="NAME", help="Of the transcriber, as for 'mien transcribe --model'."),
        click.option("--transcriber", type=click.Choice(["whisper", "deepgram"]),
                     help="whisper listens on this machine; deepgram sends the sound away (key in DEEPGRAM_API_KEY) "
                     "[default: whisper]."),
        click.option("--language", metavar="CODE",
                     help="That is spoken, such as en [default: told from the sound]."),
        click.option("--transcript", type=click.Path(path_type=Path), metavar="FILE",
                     help="Subtitles of the recording at hand (.vtt or .srt), instead of listening; implies --speech."),
        click.option("--speech", is_flag=True,
                     help="Also tell what was said (extra [speech]): transcript, summary, key terms, and what was felt "
                     "during each part. A transcript may name people."),
    ):  # fmt: skip
        command = option(command)
    return command


def check_speech(options: Mapping[str, Any], inputs: Sequence[str]) -> None:
    """Refuse what makes no sense, before any time is spent.

    Raises:
        SettingsError: an option without speech, or speech of several recordings where there can be one.
    """
    if not _asked(options):
        lone = [flag for name, flag in BELONG.items() if options[name] is not None]
        if lone:
            raise SettingsError(f"{lone[0]} belongs to --speech: add it, or leave {lone[0]} out.")
        return
    if options["transcript"] is not None:
        given = [BELONG[name] for name in ("transcriber", "speech_model") if options[name] is not None]
        if given:
            raise SettingsError(f"{given[0]} and --transcript both say where words come from: give one of them.")
        if len(inputs) > 1 and options["zones"] is None:
            raise SettingsError("--transcript is of one recording: give one input.")
    elif options["zones"] is not None and len(inputs) > 1:
        raise SettingsError("several cameras of a hall each have a sound: give what was said with '--transcript'.")
    if options["writer_model"] is not None and options["writer"] != "gemini":
        raise SettingsError("--writer-model belongs to '--writer gemini'.")


def speech_of(options: Mapping[str, Any], locator: str, console: Console) -> Speech | None:
    """Who will tell what is said in a recording, where that was asked for: nothing is listened to yet.

    Args:
        options: of the command.
        locator: the recording.
        console: told what is sent where, and what is missing.

    Raises:
        MienError: what it takes is missing, or the subtitles cannot be read.
    """
    return Speech(options, Path(locator), console) if _asked(options) else None


class Speech:
    """What is said in a recording, once somebody asks: after its frames, so that an interrupt does not cost them.

    Args:
        options: of the command.
        recording: its file.
        console: told what is sent where, and what is missing.

    Attributes:
        failed: why nothing could be heard of a sound track that is there, or None.

    Raises:
        MienError: what it takes is missing, or the subtitles cannot be read.
    """

    def __init__(self, options: Mapping[str, Any], recording: Path, console: Console) -> None:
        from mien.contents import Listening, Writing, listener_of
        from mien.language.subtitle_files import read_subtitles
        from mien.language.writing import DEFAULT_WRITER, WriterOptions, open_writer

        if options["transcriber"] or options["writer"] or options["sources"]:
            take_keys(os.environ)
        self.failed: MienError | None = None
        self._recording = recording
        self._console = console
        self._sources = bool(options["sources"])
        self._listening = Listening(
            options["transcriber"], options["speech_model"], options["language"], options["threads"]
        )
        self._writing = Writing(options["writer"], options["writer_model"], options["language"])
        self._told: Transcript | None = None
        self._listener: Transcriber | None = None
        if options["transcript"] is not None:
            self._told = read_subtitles(options["transcript"], options["language"])
        else:
            self._listener = listener_of(recording, self._listening)
        # What it lacks is told before anything is read.
        open_writer(options["writer"] or DEFAULT_WRITER, WriterOptions(options["writer_model"]))

    def content(self, stopped: Callable[[], bool]) -> Content:
        """What was said. Where listening fails, that is told, and kept in ``failed``.

        Args:
            stopped: asked while listening; once it says so, nothing is sent to anybody any more.
        """
        from mien.contents import describe, find_works, spoken_text, tell_of_listening, terms_of

        told = self._told or self._listen(stopped)
        for line in tell_of_listening(told) if self.failed is None else ():
            self._tell(line)
        content = describe(told, self._writing, self._tell, stopped)
        terms = terms_of(content)
        if not self._sources or not terms or stopped():
            return content
        return replace(content, sources=find_works(terms, spoken_text(content), self._tell))

    def _tell(self, line: str) -> None:
        self._console.print(f"[yellow]{line}[/yellow]", highlight=False)

    def _listen(self, stopped: Callable[[], bool]) -> Transcript:
        from mien.contents import listen, unheard

        recording, listening = self._recording, self._listening
        if self._listener is None:
            return unheard(recording, listening, None)
        try:
            with listening_bar(f"listening to {recording.name}", self._console) as update:
                return listen(recording, self._listener, listening, self._tell, update, stopped)
        except MienError as error:
            self.failed = error
            return unheard(recording, listening, str(error))


def ended(
    frames: str | None, speech: Speech | None, content: Content | None, stopped: Callable[[], bool]
) -> str | None:
    """Why a run over frames and sound ended early, in the words of ``stopped_because``; None where it did not.

    Args:
        frames: why their reading ended early, or None.
        speech: who told what was said.
        content: what they told.
        stopped: whether the user asked to stop.

    Raises:
        MienError: listening failed.
    """
    if frames == "interrupted":
        return frames
    if speech is not None and speech.failed is not None:
        raise speech.failed
    if content is None or content.transcript.complete:
        return frames
    return "interrupted" if stopped() else "truncated"


def _asked(options: Mapping[str, Any]) -> bool:
    return bool(options["speech"] or options["transcript"] is not None)


@contextmanager
def listening_bar(name: str, console: Console | None = None) -> Iterator[Callable[[float, float | None], None]]:
    """A progress bar that is told seconds of sound heard, and how many there will be or None."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = console or Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda heard, of: bar.update(task, completed=heard, total=of)

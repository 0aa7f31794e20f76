"""``--speech`` and what belongs to it: what was said in a recording, beside what was felt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mien.core.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from mien.core.content import Content

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


def content_of(
    options: Mapping[str, Any], locator: str, console: Console, stopped: Callable[[], bool]
) -> Content | None:
    """What is said in a recording, where that was asked for.

    Args:
        options: of the command.
        locator: the recording.
        console: told what is sent where, and what is missing.
        stopped: asked while listening.

    Raises:
        MienError: it cannot be listened to, or the subtitles cannot be read.
    """
    if not _asked(options):
        return None
    from mien.contents import Listening, Writing, describe, find_works, listen, spoken_text, terms_of
    from mien.language.subtitle_files import read_subtitles

    def tell(line: str) -> None:
        console.print(f"[yellow]{line}[/yellow]", highlight=False)

    if options["transcript"] is not None:
        told = read_subtitles(options["transcript"], options["language"])
    else:
        asked = Listening(options["transcriber"], options["speech_model"], options["language"], options["threads"])
        with listening_bar(f"listening to {Path(locator).name}", console) as update:
            told = listen(Path(locator), asked, tell, update, stopped)
    content = describe(told, Writing(options["writer"], options["writer_model"], options["language"]), tell)
    terms = terms_of(content)
    if not options["sources"] or not terms:
        return content
    return replace(content, sources=find_works(terms, spoken_text(content), tell))


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

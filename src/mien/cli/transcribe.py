"""``mien transcribe``: what is said in a recording."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mien.cli import INTERRUPTED, TRUNCATED
from mien.cli._keys import take_keys
from mien.cli._signals import stop_on_signal
from mien.cli._speech import listening_bar
from mien.core.errors import SettingsError

if TYPE_CHECKING:
    from mien.core.content import Transcript

FORMATS: Final = {".json": "json", ".vtt": "vtt", ".srt": "srt", ".txt": "text"}
"""Formats by the suffix of --out."""


@click.command()
@click.argument("recording", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", type=click.Path(path_type=Path),
              help="Write it here: .json, .vtt (WebVTT), .srt (SubRip) or .txt.  [default: text on the terminal]",
              )  # fmt: skip
@click.option(
    "--to", "to", type=click.Choice(sorted(FORMATS.values())), help="Format (default: by the suffix of --out)."
)
@click.option("--transcriber", type=click.Choice(["whisper", "deepgram"]), default="whisper", show_default=True,
              help="whisper listens on this machine; deepgram sends the sound away (key in DEEPGRAM_API_KEY).",
              )  # fmt: skip
@click.option("--model", help="tiny.en (default), base, small, …, a folder; or Deepgram's (default: nova-3).")
@click.option("--language", metavar="CODE", help="That is spoken, such as en (default: told from the sound).")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="0 takes every core.")
@click.pass_context
def command(
    context: click.Context,
    /,
    recording: Path,
    out: Path | None,
    to: str | None,
    transcriber: str,
    model: str | None,
    language: str | None,
    threads: int,
) -> None:
    """Write down what is said in a recording, with the time of every word (extra [speech]).

    Any container is read; one without sound gives an empty transcript. Ctrl-C ends early and keeps what was heard,
    marked incomplete (exit code 130; 12 where the recording is damaged or breaks off).
    """
    if out is not None and to is None and out.suffix.lower() not in FORMATS:
        raise SettingsError(f"{out.name} has none of the suffixes {', '.join(FORMATS)}: name the format with '--to'.")
    from mien.language.transcribing import DEFAULT_TRANSCRIBER, TranscriberOptions, open_transcriber, transcribe
    from mien.report.files import check_output, whole_text_file

    if out is not None:
        check_output(out, recording)
    if transcriber != DEFAULT_TRANSCRIBER:
        take_keys(os.environ)
    listener = open_transcriber(transcriber, TranscriberOptions(model, language, threads))
    if listener.sends_to:
        click.echo(f"The sound of {recording.name} is sent to {listener.sends_to}.", err=True)
    with stop_on_signal() as stopped:
        with listening_bar(recording.name) as update:
            told = transcribe(recording, listener, progress=update, should_stop=stopped)
        interrupted = stopped()
    text = _rendered(told, to or (FORMATS[out.suffix.lower()] if out else "text"))
    if out is None:
        click.echo(text, nl=False)
    else:
        with whole_text_file(out) as file:
            file.write(text)
    click.echo(_summary(told) + (f": {out}" if out else ""), err=True)
    from mien.contents import tell_of_listening

    for line in tell_of_listening(told):
        click.echo(line, err=True)
    if not told.complete:
        context.exit(INTERRUPTED if interrupted else TRUNCATED)


def _rendered(told: Transcript, form: str) -> str:
    from mien.language.subtitles import cues, srt, webvtt
    from mien.language.transcript import document

    if form == "json":
        return json.dumps(document(told), ensure_ascii=False, indent=1) + "\n"
    if form == "text":
        return f"{told.text}\n" if told.paragraphs else ""
    return {"vtt": webvtt, "srt": srt}[form](cues(told.words))


def _summary(told: Transcript) -> str:
    if not told.has_audio:
        return f"{told.source} has no sound"
    number = len(told.words)
    ended = "" if told.complete else ", incomplete"
    return f"{told.source}: {number} word{'' if number == 1 else 's'} in {told.duration_seconds:.1f} s{ended}"

"""``mien recover``: the reports of a live session that was cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mien.cli import TRUNCATED
from mien.core.errors import InputError, OutputError

if TYPE_CHECKING:
    from mien.core.audience import Analysis
    from mien.report.unfinished import HeldFolder, Unfinished

SILENT_SECONDS: Final = 30.0
"""A session that has written no line for so long is taken to have ended, where no lock tells."""
AHEAD_SECONDS: Final = 5.0
AHEAD_STEPS: Final = 4
"""So much later than its durable lines a report may reach that was written just before a power cut."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--quiet", is_flag=True, help="No summary.")
@click.pass_context
def command(context: click.Context, /, folder: Path, quiet: bool) -> None:
    """Make the reports of a live session that was cut off, from the lines it had written.

    DIR is what 'mien live --record' was writing to. Metrics come without intervals: what they are reckoned from never
    leaves the process that sees the faces.
    """
    from rich.console import Console

    from mien.report import write_reports
    from mien.report.terminal import summary
    from mien.report.unfinished import FILE, HeldFolder, clear_leftovers, finish, read_unfinished

    with HeldFolder(folder) as ours:
        _check_alone(folder, ours)
        left = read_unfinished(folder)
        _check_that_nothing_is_lost(folder, left)
        clear_leftovers(folder)
        try:
            findings = write_reports(_analysis(left), folder, created=datetime.now(UTC))
        except OutputError as error:
            raise OutputError(f"{error} Or copy {folder} elsewhere, and recover it there.") from error
        if left.whole_but_for_the_end:
            finish(folder)
    if left.unreadable:
        lines = (
            "1 line could not be read and is"
            if left.unreadable == 1
            else (f"{left.unreadable} lines could not be read and are")
        )
        click.echo(f"{lines} left out.", err=True)
    if not left.whole_but_for_the_end:
        click.echo(f"Some of them have others after them: {FILE} is kept, should they be mended.", err=True)
    if left.missing:
        steps = "1 step is" if left.missing == 1 else f"{left.missing} steps are"
        click.echo(f"{steps} missing between others, and told as a gap.", err=True)
    if not quiet:
        Console().print(summary(findings, folder))
    context.exit(TRUNCATED if left.missing or not left.whole_but_for_the_end else 0)


def _check_alone(folder: Path, ours: HeldFolder) -> None:
    """Refuse a folder that somebody else works in."""
    from mien.report.unfinished import silent_seconds

    if not ours.held:
        raise InputError(
            f"the session in {folder} still runs, or is being recovered. End it with Ctrl-C: it writes its reports "
            "itself."
        )
    if not ours.locked and silent_seconds(folder) < SILENT_SECONDS:
        raise InputError(
            f"the session in {folder} may still run: it wrote a line {silent_seconds(folder):.0f} s ago, and its file "
            f"system cannot tell. Where it does not, recover it {SILENT_SECONDS:.0f} s after its last line."
        )


def _check_that_nothing_is_lost(folder: Path, left: Unfinished) -> None:
    """Refuse to put a shorter report in a longer one's place."""
    from mien.report.unfinished import TIMELINE, reported_until

    until, reported = left.whole[-1].end_time if len(left.whole) else 0.0, reported_until(folder, left.session)
    if reported > until + AHEAD_SECONDS + AHEAD_STEPS * left.session.step_seconds:
        raise InputError(
            f"the report in {folder} tells of {reported:.1f} s, {TIMELINE} of {until:.1f} s only: lines are missing at "
            "its end. Nothing was changed. Put them back, or move report.json away to have reports of what is left."
        )


def _analysis(left: Unfinished) -> Analysis:
    from mien.core.audience import Analysis
    from mien.metrics import create_all
    from mien.runtime.recording import retold

    named = [zone for camera in left.provenance.cameras for zone in camera.zones]
    return Analysis(
        retold(left.whole, create_all(left.audience), left.session, complete=False),
        replace(left.provenance, frames_read=_frames_read(left)),
        {
            zone: retold(left.zones[zone], create_all(left.audience), left.session, complete=False)
            for zone in dict.fromkeys([*named, *left.zones])
            if zone in left.zones
        },
    )


def _frames_read(left: Unfinished) -> int | None:
    """Frames that were read, where the lines tell: of several cameras a step holds those of the one that had most."""
    from mien.runtime.recording import frames_of

    if left.missing or not left.whole_but_for_the_end or len(left.provenance.cameras) > 1:
        return None
    parts = [frames_of(log) for log in left.zones.values()]
    return None if None in parts else frames_of(left.whole)

"""``mien recover``: the reports of a live session that was cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mien.core.errors import InputError

if TYPE_CHECKING:
    from mien.core.audience import Analysis
    from mien.report.unfinished import Unfinished


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--quiet", is_flag=True, help="No summary.")
def command(folder: Path, quiet: bool) -> None:
    """Make the reports of a live session that was cut off, from the lines it had written.

    DIR is what 'mien live --record' was writing to. Metrics come without intervals: what they are reckoned from never
    leaves the process that sees the faces.
    """
    from rich.console import Console

    from mien.report import write_reports
    from mien.report.terminal import summary
    from mien.report.unfinished import FILE, HeldFolder, finish, read_unfinished

    with HeldFolder(folder) as ours:
        if not ours.held:
            raise InputError(f"the session in {folder} still runs. End it with Ctrl-C: it writes its reports itself.")
        left = read_unfinished(folder)
        findings = write_reports(_analysis(left), folder, created=datetime.now(UTC))
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
    if not quiet:
        Console().print(summary(findings, folder))


def _analysis(left: Unfinished) -> Analysis:
    from mien.core.audience import Analysis
    from mien.metrics import create_all
    from mien.runtime.recording import frames_of, retold

    return Analysis(
        retold(left.whole, create_all(left.audience), left.session, complete=False),
        replace(left.provenance, frames_read=frames_of(left.whole)),
        {
            zone: retold(log, create_all(left.audience), left.session, complete=False)
            for zone, log in sorted(left.zones.items())
        },
    )

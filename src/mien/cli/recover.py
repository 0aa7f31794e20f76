"""``mien recover``: the reports of a live session that was cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    from mien.report.unfinished import finish, read_unfinished

    left = read_unfinished(folder)
    findings = write_reports(_analysis(left), folder, created=datetime.now(UTC))
    finish(folder)
    if left.unreadable:
        click.echo(f"{left.unreadable} lines could not be read and are left out.", err=True)
    if not quiet:
        Console().print(summary(findings, folder))


def _analysis(left: Unfinished) -> Analysis:
    from mien.core.audience import Analysis
    from mien.core.settings import AudienceSettings
    from mien.metrics import create_all
    from mien.runtime.recording import retold

    audience = AudienceSettings.model_validate(left.provenance.settings["audience"])
    provenance = replace(left.provenance, frames_read=sum(snapshot.frames or 0 for snapshot in left.whole))
    return Analysis(
        retold(left.whole, create_all(audience), left.session, complete=False),
        provenance,
        {
            zone: retold(log, create_all(audience), left.session, complete=False)
            for zone, log in sorted(left.zones.items())
        },
    )

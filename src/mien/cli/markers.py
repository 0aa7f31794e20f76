"""``mien markers``: what was found, as markers in an edit suite."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import click

_PACKAGE = Path(__file__).parents[1] / "report" / "markers"
FORMATS = sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules([str(_PACKAGE)]) if not m.name.startswith("_"))
"""Names of the formats, told without importing any."""
KINDS = ("peak", "scare", "sustained-tension", "missed-opportunity")
"""Kinds of moments (``core.findings.MomentKind``)."""


@click.command()
@click.argument("report", type=click.Path(path_type=Path), metavar="REPORT.json")
@click.option("--to", "to", type=click.Choice(FORMATS), required=True, help="Format of the file.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True,
              help="Only moments of this kind; may be given several times.  [default: every kind]")  # fmt: skip
@click.option("--frame-rate", required=True, metavar="RATE",
              help="Of the film in the edit suite, not of the recording: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60.",
              )  # fmt: skip
@click.option("--drop-frame", is_flag=True, help="Drop-frame timecode (29.97 and 59.94).")
@click.option("--start-timecode", default="01:00:00:00", show_default=True, help="Of the film's first frame.")
@click.option("--title", help="Of the sequence [default: the name of what was recorded].")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
def command(
    report: Path,
    to: str,
    kinds: tuple[str, ...],
    frame_rate: str,
    drop_frame: bool,
    start_timecode: str,
    title: str | None,
    out: Path,
) -> None:
    """Write a report's moments as markers for an edit suite.

    Each marker covers its moment from beginning to end; its comment tells the rise, the interval, the coverage and
    the timecode of the peak.
    """
    from mien.core.findings import MomentKind
    from mien.report.markers import MarkerOptions, Sheet, write_markers
    from mien.report.reading import duration_of, film_stretches, moments_of, on_film, read_report, stretches_of
    from mien.report.timecode import frame_rate_of

    rate = frame_rate_of(frame_rate)
    told = read_report(report)
    name = title or Path(told.provenance.input.name).stem
    options = MarkerOptions(
        frame_rate=rate,
        drop_frame=drop_frame,
        start_timecode=start_timecode,
        title=f"DEMO {name}" if told.demo else name,
        duration_seconds=duration_of(told),
        created=told.created,
        note="DEMO" if told.demo else "",
    )
    chosen = {MomentKind(kind.replace("-", "_")) for kind in kinds or KINDS}
    moments = [moment for moment in moments_of(told) if moment.kind in chosen]
    shown = on_film(told, moments)
    sheet = Sheet.of(shown, options, film_stretches(told, stretches_of(told)))
    write_markers(sheet, to, out)
    number = len(sheet.markers)
    click.echo(f"{out}: {number} marker{'' if number == 1 else 's'}")
    if len(shown) < len(moments):
        click.echo(f"{len(moments) - len(shown)} were left out: the film did not run then.")

"""``mien demo``: fetches a short clip of a real face and analyses it, to show what a report looks like."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-report"), show_default=True)
@click.option("--annotate", is_flag=True, help="Also write annotated.mp4.")
@click.pass_context
def command(context: click.Context, out: Path, annotate: bool) -> None:
    """Analyse a short public clip of one face."""
    from mien import weights
    from mien.cli.analyze import command as analyze

    clip = weights.resolve("demo-clip")
    arguments = [str(clip), "--out", str(out), *(["--annotate"] if annotate else [])]
    context.exit(analyze.main(arguments, standalone_mode=False) or 0)

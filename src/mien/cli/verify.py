"""``mien verify``: was a signed report altered (needs the extra ``[sign]``)."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("report", type=click.Path(path_type=Path), metavar="REPORT.json")
@click.option("--key", type=click.Path(path_type=Path), help="Public key it must be signed with, PEM.")
def command(report: Path, key: Path | None) -> None:
    """Tell whether a signed report was altered; exits with 10 if so, with 11 if somebody else signed it."""
    from mien.report.signing import verify

    told = verify(report, key)
    whose = f"by the holder of {key}" if key else f"with {told.public_key}; whose key that is, only --key can tell"
    click.echo(f"{report}: not altered since it was signed {whose}")

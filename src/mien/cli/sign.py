"""``mien sign``: a report that shows when it was altered (needs the extra ``[sign]``)."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("report", type=click.Path(path_type=Path), metavar="REPORT.json")
@click.option("--key", type=click.Path(path_type=Path), required=True, help="Private key, PEM.")
@click.option("--new-key", "make_key", is_flag=True, help="Make that key first, and its public key beside it (.pub).")
def command(report: Path, key: Path, make_key: bool) -> None:
    """Sign a report; the signature is written beside it."""
    from mien.report.reading import read_bytes
    from mien.report.signing import new_key, sign, signature_path

    read_bytes(report)
    if make_key:
        click.echo(f"{key}: private key, keep it to yourself; {new_key(key)}: public key, to be given away")
    made = sign(report, key)
    click.echo(f"{signature_path(report)}: signed with {made.public_key}")

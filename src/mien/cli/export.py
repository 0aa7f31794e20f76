"""``mien export``: a checkpoint as a model folder (needs the extra ``[train]``)."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The model folder to write.")
def command(checkpoint: Path, out: Path) -> None:
    """Convert a checkpoint of `mien train` into a model folder: ONNX, label map, preprocessing, temperature."""
    from mien.core.errors import SettingsError

    try:
        from mien.training.export import export
    except ImportError as error:
        raise SettingsError("converting a checkpoint needs torch: pip install 'mien[train]'") from error
    click.echo(f"model folder: {export(checkpoint, out)}")

"""``mien train``: run a recipe (needs the extra ``[train]``)."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the checkpoint and its curve.")
def command(recipe: Path, out: Path) -> None:
    """Train a classifier from a recipe (YAML) and write its model folder."""
    from mien.assembly import load_detector
    from mien.core.errors import SettingsError
    from mien.core.settings import DetectionSettings, InferenceSettings

    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise SettingsError("training needs torch: pip install 'mien[train]'") from error
    from mien.training.export import export
    from mien.training.recipe import load_recipe
    from mien.training.train import EpochReport, train

    plan = load_recipe(recipe)
    detector = None
    if plan.data.aligned_share > 0:
        detector, _ = load_detector(plan.data.detector, DetectionSettings(), InferenceSettings())

    def report(epoch: EpochReport) -> None:
        click.echo(
            f"epoch {epoch.epoch:3d}  loss {epoch.loss:.4f}  majority {epoch.majority8:.4f}  argmax {epoch.argmax8:.4f}"
            f"  macro recall {epoch.macro_recall:.4f}  {epoch.seconds:.0f} s"
        )

    checkpoint = train(plan, out, detector, report)
    folder = export(checkpoint, out / plan.name)
    click.echo(f"model folder: {folder}")

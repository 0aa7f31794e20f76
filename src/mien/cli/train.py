"""``mien train``: run a recipe (needs the extra ``[train]``)."""

from __future__ import annotations

import sys
from pathlib import Path

import click

START_FILES = (".pt", ".pth", "faceres.bin")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the checkpoint and its curve.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out; start it where there is none.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
              help="auto prefers cuda, then mps (Apple's), then cpu; only cpu is tested.")  # fmt: skip
def command(recipe: Path, out: Path, resume: bool, device: str) -> None:
    """Train a classifier from a recipe (YAML) and write its model folder.

    A run that was broken off ends with --resume as it would have ended without. Nothing that a run made is written over
    without it.
    """
    from mien.assembly import load_detector
    from mien.core.errors import SettingsError
    from mien.core.settings import DetectionSettings, InferenceSettings

    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise SettingsError("training needs torch: pip install 'mien[train]'") from error
    from mien.training.export import export
    from mien.training.recipe import load_recipe
    from mien.training.train import EpochReport, Listener, train

    plan = load_recipe(recipe)
    pretrained = _pretrained(plan.pretrained) if plan.pretrained else None
    detector = None
    if plan.data.aligned_share > 0:
        detector, _ = load_detector(plan.data.detector, DetectionSettings(), InferenceSettings())
    line = _Line()

    def told(report: EpochReport) -> None:
        score = report.score
        line.settle(
            f"epoch {report.epoch:3d}  loss {report.loss:.4f}  valid {score.valid_loss:.4f}  "
            f"majority {score.majority:.4f}  argmax {score.argmax:.4f}  macro recall {score.macro_recall:.4f}  "
            f"F1 {score.macro_f1:.4f}  {report.seconds:.0f} s{'  *' if report.best else ''}"
        )

    listener = Listener(
        epoch=told,
        batch=lambda epoch, done, total: line.passing(f"epoch {epoch:3d}  batch {done} of {total}"),
        note=line.settle,
    )
    checkpoint = train(plan, out, detector, listener, pretrained=pretrained, resume=resume, device=device)
    folder = export(checkpoint, out / plan.name)
    click.echo(f"model folder: {folder}")


def _pretrained(name: str) -> Path:
    """The file of registered weights; SettingsError when training of faces cannot start from them."""
    from mien import weights
    from mien.core.errors import SettingsError

    starts = [e.name for e in weights.registry().values() if e.kind == "backbone" and e.file.endswith(START_FILES)]
    if name not in starts:
        raise SettingsError(
            f"pretrained: {name!r} names no registered weights that training starts from: choose one of "
            f"{', '.join(starts)}, or name a file of your own as start_from"
        )
    return weights.resolve(name)


class _Line:
    """Lines that stay, and on a terminal one below them that is written over."""

    def __init__(self) -> None:
        self._lively = sys.stderr.isatty()

    def passing(self, text: str) -> None:
        if self._lively:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    def settle(self, text: str) -> None:
        if self._lively:
            click.echo("\r\x1b[K", nl=False, err=True)
        click.echo(text)

"""``mien data``: preparing labelled faces."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Prepare labelled faces for training."""


@command.command("split")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the three npz files.")
@click.option("--shares", type=(float, float, float), default=(0.8, 0.1, 0.1), show_default=True,
              help="Of train, validation and test.")  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True)
def split_command(data: Path, out: Path, shares: tuple[float, float, float], seed: int) -> None:
    """Split DATA (an npz of `images` and `votes`) into train.npz, valid.npz and test.npz.

    Copies of one picture stay on one side, and each side has the same mix of emotions.
    """
    import numpy as np

    from mien.core.errors import OutputError, SettingsError
    from mien.evaluation.faces import load_voted_faces
    from mien.evaluation.split import split

    faces = load_voted_faces(data)
    try:
        parts = split(faces, shares, np.random.default_rng(seed))
    except ValueError as error:
        raise SettingsError(str(error)) from error
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("train", "valid", "test"):
            rows = getattr(parts, name)
            np.savez(out / f"{name}.npz", images=faces.images[rows], votes=faces.votes[rows])
            click.echo(f"{out / name}.npz: {len(rows)} faces")
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}") from error

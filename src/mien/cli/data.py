"""``mien data``: preparing and examining labelled faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mien.evaluation.layouts import Colour, Part

DATA = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Prepare labelled faces for training.

    DATA is an npz of `images` and `votes`, a folder with one folder a class, or FER+, FER2013, RAF-DB, AffectNet or a
    CSV as docs/guides/training.md describes.
    """


@command.command("split")
@click.argument("data", type=DATA)
@click.option("--out", type=DATA, required=True, help="Folder for the three npz files.")
@click.option("--shares", type=(float, float, float), default=(0.8, 0.1, 0.1), show_default=True,
              help="Of train, validation and test.")  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.85, show_default=True,
              help="Score from which two pictures are copies of one photograph.")  # fmt: skip
@click.option("--layout", help="Of DATA; found out when not given.")
@click.option("--size", "size_px", type=click.IntRange(16, 512), default=48, show_default=True,
              help="Side of pictures read from files, pixels.")  # fmt: skip
@click.option("--colour", type=click.Choice(["grey", "rgb"]), default="grey", show_default=True)
def split_command(
    data: Path, out: Path, shares: tuple[float, float, float], seed: int, threshold: float, layout: str | None,
    size_px: int, colour: Colour,
) -> None:  # fmt: skip
    """Split DATA into train.npz, valid.npz and test.npz.

    Copies of one photograph, also mirrored, shifted or watermarked ones, stay on one side, and each side has the same
    mix of emotions. About 3 ms of processor time a face.
    """
    import numpy as np

    from mien.core.errors import OutputError, SettingsError
    from mien.evaluation.faces import load_voted_faces, save_voted_faces
    from mien.evaluation.layouts import ReadOptions
    from mien.evaluation.split import split

    faces = load_voted_faces(data, ReadOptions(size_px=size_px, colour=colour), layout)
    with click.progressbar(length=len(faces), label="comparing") as bar:
        try:
            parts = split(
                faces, shares, np.random.default_rng(seed), threshold, lambda done: bar.update(done - bar.pos)
            )
        except ValueError as error:
            raise SettingsError(str(error)) from error
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error
    for name in ("train", "valid", "test"):
        rows = getattr(parts, name)
        save_voted_faces(out / f"{name}.npz", faces, rows)
        click.echo(f"{out / name}.npz: {len(rows)} faces")


@command.command("audit")
@click.argument("train", type=DATA)
@click.argument("valid", type=DATA)
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.85, show_default=True,
              help="Score from which two pictures are copies of one photograph.")  # fmt: skip
@click.option("--pairs", type=DATA, help="Write the pairs to this CSV: rows, score, mirrored.")
@click.option(
    "--sheet", type=DATA, help="Write a PNG of the pairs with the lowest scores, to look at. It shows the people."
)
@click.option("--clean", type=DATA, help="Write the rows of VALID without a copy in TRAIN to this npz.")
def audit_command(
    train: Path, valid: Path, threshold: float, pairs: Path | None, sheet: Path | None, clean: Path | None
) -> None:
    """Count the photographs of VALID that TRAIN holds too.

    What a model has seen in training it answers better: figures on such copies flatter.
    """
    import numpy as np

    from mien.core.errors import OutputError
    from mien.evaluation.audit import audit, contact_sheet, pair_rows
    from mien.evaluation.faces import load_voted_faces, save_voted_faces

    seen, held = load_voted_faces(train), load_voted_faces(valid)
    with click.progressbar(length=len(held), label="comparing") as bar:
        found = audit(held, seen, threshold, lambda done: bar.update(done - bar.pos))
    click.echo(
        f"{found.leaked} of {len(held)} faces of {valid} ({100 * found.leaked / len(held):.1f} %) show a photograph of "
        f"{train} (score {threshold:g} or more); {found.identical} are identical by pixel, {found.mirrored} mirrored"
    )
    for least, count in found.at:
        click.echo(f"  score {least:.2f} or more: {count}")
    if found.leaked:
        click.echo(f"same class by most votes: {100 * found.agreement:.1f} % of these pairs")
    try:
        if pairs is not None:
            pairs.write_text("".join(",".join(row) + "\n" for row in pair_rows(found.copies)), encoding="utf-8")
        if sheet is not None:
            sheet.write_bytes(contact_sheet(found.copies, held, seen))
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}") from error
    if clean is not None:
        rows = np.setdiff1d(np.arange(len(held)), found.copies.first)
        save_voted_faces(clean, held, rows)
        click.echo(f"{clean}: {len(rows)} faces")


@command.command("teach")
@click.argument("data", type=DATA)
@click.option("--teacher", "teachers", multiple=True, required=True, help="Model folder or name; several are averaged.")
@click.option("--out", type=DATA, required=True, help="The npz of soft labels to write.")
@click.option("--layout", help="Of DATA; found out when not given.")
@click.option("--part", type=click.Choice(["all", "train", "valid", "test"]), default="all", show_default=True)
@click.option("--size", "size_px", type=click.IntRange(16, 512), default=48, show_default=True,
              help="Side of pictures read from files, pixels; the recipe's crop.size.")  # fmt: skip
@click.option("--colour", type=click.Choice(["grey", "rgb"]), default="grey", show_default=True,
              help="Of pictures read from files; the recipe's input.colour.")  # fmt: skip
def teach_command(
    data: Path, teachers: tuple[str, ...], out: Path, layout: str | None, part: Part, size_px: int, colour: Colour
) -> None:
    """Store what teachers answer about DATA, for a recipe's `distil`.

    The file takes at most 2 bytes a face and class, so a student can be trained again without its teacher.
    """
    from mien.assembly import load_classifier
    from mien.core.settings import InferenceSettings
    from mien.evaluation.faces import load_voted_faces
    from mien.evaluation.layouts import ReadOptions
    from mien.training.soft_labels import teach

    faces = load_voted_faces(data, ReadOptions(part=part, size_px=size_px, colour=colour), layout)
    loaded = [load_classifier(name, InferenceSettings()) for name in teachers]
    teach(loaded, faces, out)
    click.echo(
        f"{out}: answers of {', '.join(t.name for t in loaded)} about {len(faces)} faces, {out.stat().st_size} bytes"
    )

"""``mien data``: preparing and examining labelled faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._data import PARTS, data_options, picture_options, read_all_data, read_data

if TYPE_CHECKING:
    from mien.core.faces import EmotionClassifier, UInt8Array
    from mien.evaluation.coverage import AttributeCoverage

DATA = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Prepare labelled faces for training.

    DATA is an npz of `images` and `votes`, a folder with one folder a class, or FER+, FER2013, RAF-DB, AffectNet or a
    CSV as docs/guides/training.md describes.
    """


@command.command("split")
@click.argument("data", type=DATA)
@click.option("--out", type=DATA, required=True, help="Folder for the npz files.")
@click.option("--shares", type=(float, float, float), default=(0.8, 0.1, 0.1), show_default=True,
              help="Of train, validation and test; a side of 0 is not written.")  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.85, show_default=True,
              help="Score from which two pictures are copies of one photograph.")  # fmt: skip
@data_options({"--part": "DATA"})
@picture_options()
def split_command(
    data: Path, out: Path, shares: tuple[float, float, float], seed: int, threshold: float, **options: Any
) -> None:
    """Split DATA into train.npz, valid.npz and test.npz.

    Copies of one photograph, also mirrored, shifted or watermarked ones, stay on one side, and each side has the same
    mix of emotions. About 3 ms of processor time a face. Of data that has a test part of its own, split `--part train`.
    Names of the pictures' files go with them. No file that is there is written over.
    """
    import numpy as np

    from mien.core.errors import SettingsError
    from mien.evaluation.faces import save_voted_faces
    from mien.evaluation.split import SIDES, split
    from mien.report.files import all_or_none, results_folder

    _check_sides([out / f"{name}.npz" for name in SIDES], data)
    faces = read_data(data, options, size_px=options["size_px"], colour=options["colour"])
    with click.progressbar(length=len(faces), label="comparing") as bar:
        try:
            parts = split(
                faces, shares, np.random.default_rng(seed), threshold, lambda done: bar.update(done - bar.pos)
            )
        except ValueError as error:
            raise SettingsError(
                f"{data} cannot be split {':'.join(f'{share:g}' for share in shares)}: {error}."
            ) from error
    written = {name: rows for name in SIDES if len(rows := getattr(parts, name))}
    with results_folder(out), all_or_none(out) as unfinished:
        for name, rows in written.items():
            save_voted_faces(unfinished / f"{name}.npz", faces, rows)
    for name, rows in written.items():
        click.echo(f"{out / name}.npz: {len(rows)} faces")


def _check_sides(sides: Sequence[Path], data: Path) -> None:
    """Make sure that a split takes no file's place, its own source least of all."""
    from mien.core.errors import OutputError, SettingsError

    there = [side for side in sides if side.exists()]
    for side in there:
        if any(read.exists() and side.samefile(read) for read in _files_read(data)):
            raise SettingsError(f"{side} is what is read: choose another folder with '--out'.")
    if there:
        named = " and ".join(map(str, there))
        told, them = (f"each of {named}", "them") if len(there) > 1 else (named, "it")
        raise OutputError(f"{told} is of another split: remove {them}, or choose another folder with '--out'.")


def _files_read(*data: Path) -> list[Path]:
    """Files that data sets may lie in, and that nothing may be written over: themselves, and the parts in a folder."""
    return [file for path in data for file in (path, *(path / f"{part}.npz" for part in PARTS))]


def _check_outputs(paths: Sequence[Path | None], *data: Path) -> None:
    """Make sure that files can be written, each its own, and that none takes the place of what is read."""
    from mien.core.errors import SettingsError
    from mien.report.files import check_output

    asked = [path for path in paths if path is not None]
    for path in asked:
        check_output(path, *data)
        if path.exists() and any(read.is_dir() and path.resolve().is_relative_to(read.resolve()) for read in data):
            raise SettingsError(f"{path} lies in what is read, where nothing is written over: choose another file.")
    if len({path.resolve() for path in asked}) < len(asked):
        raise SettingsError(f"{asked[0]} is to be written twice: name a file for each.")


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
@data_options({"--train-part": "TRAIN", "--valid-part": "VALID"})
@picture_options()
def audit_command(
    train: Path, valid: Path, threshold: float, pairs: Path | None, sheet: Path | None, clean: Path | None,
    **options: Any,
) -> None:  # fmt: skip
    """Count the photographs of VALID that TRAIN holds too.

    What a model has seen in training it answers better: figures on such copies flatter.
    """
    import numpy as np

    from mien.core.errors import OutputError
    from mien.evaluation.audit import audit, contact_sheet, pair_rows
    from mien.evaluation.faces import save_voted_faces

    _check_outputs((pairs, sheet, clean), train, valid)
    both = {"train_part": train, "valid_part": valid}
    seen, held = read_all_data(both, options, size_px=options["size_px"], colour=options["colour"])
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


@command.command("coverage")
@click.argument("data", type=DATA)
@click.option("--groups", type=DATA, required=True, metavar="GROUPS.csv",
              help="Declared groups of the faces: a column 'row' or 'file', and one an attribute.")  # fmt: skip
@click.option("--min-group", type=click.IntRange(10), default=30, show_default=True,
              help="Tell groups of fewer faces as few.")  # fmt: skip
@data_options({"--part": "DATA"})
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON; shares are 0–1.")
def coverage_command(data: Path, groups: Path, min_group: int, as_json: bool, **options: Any) -> None:
    """Count the faces of DATA by declared group and emotion.

    Groups are only what GROUPS.csv declares, by the row among the faces that are read, counted from 0, or by the
    picture's file. None is inferred from a picture.
    """
    from mien.evaluation.coverage import coverage
    from mien.evaluation.groups import read_groups

    faces = read_data(data, options)
    report = coverage(faces.votes, faces.labels, read_groups(groups, len(faces), faces.files), min_group)
    if as_json:
        click.echo(report.as_json(data.name), nl=False)
        return
    click.echo(f"{data}: {report.faces} faces; groups as {groups} declares them")
    for name, told in report.attributes.items():
        click.echo(f"{name}: nothing declared of {told.undeclared} faces ({100 * told.undeclared_share:.1f} %)")
        _print_coverage(told, report.least_group)


def _print_coverage(told: AttributeCoverage, least_group: int) -> None:
    width = max((len(group) for group in told.groups), default=0)
    for group, one in told.groups.items():
        if one is None:
            click.echo(f"  {group:{width}s}  few: fewer than {least_group}")
            continue
        counts = ", ".join(f"{emotion} {count}" for emotion, count in one.emotions.items())
        unnamed = f", without an emotion {one.unnamed}" if one.unnamed else ""
        click.echo(f"  {group:{width}s}  {one.faces} ({100 * one.share:.1f} %): {counts}{unnamed}")
    for short in told.shortfalls:
        of_all, of_emotion = (f"{100 * share:.1f} %" for share in (short.share_of_all, short.share_of_emotion))
        click.echo(
            f"  warning: {short.group} is {of_all} of all and {of_emotion} of {short.emotion} ({short.faces} faces): "
            "a model learns little of it there"
        )


@command.command("teach")
@click.argument("data", type=DATA)
@click.option("--teacher", "teachers", multiple=True, required=True, help="Model folder or name; several are averaged.")
@click.option("--out", type=DATA, required=True, help="The npz of soft labels to write.")
@data_options({"--part": "DATA"})
@picture_options()
def teach_command(data: Path, teachers: tuple[str, ...], out: Path, **options: Any) -> None:
    """Store what teachers answer about DATA, for a recipe's `distil`.

    The file takes at most 2 bytes a face and class, so a student can be trained again without its teacher. It is about
    pictures as the recipe reads them: --size is its crop.size, --colour its input.colour. A teacher of another size or
    colour sees the files' pictures in its own; they are held in memory beside the student's.
    """
    from mien.assembly import load_classifier
    from mien.core.settings import InferenceSettings
    from mien.training.soft_labels import teach

    _check_outputs((out,), data)
    faces = read_data(data, options, size_px=options["size_px"], colour=options["colour"])
    loaded = [load_classifier(name, InferenceSettings()) for name in teachers]

    def seen_by(teacher: EmotionClassifier) -> UInt8Array:
        form = (teacher.geometry.size, teacher.colour)
        if form == (options["size_px"], options["colour"]):
            return faces.images
        return read_data(data, options, size_px=form[0], colour=form[1]).images

    teach(loaded, faces, out, seen_by)
    click.echo(
        f"{out}: answers of {', '.join(t.name for t in loaded)} about {len(faces)} faces, {out.stat().st_size} bytes"
    )

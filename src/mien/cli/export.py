"""``mien export``: a model in another format, compared with its source; or a checkpoint as a model folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._data import data_options, read_all_data
from mien.cli._options import given
from mien.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from mien.assembly import ClassifierFiles
    from mien.conversion.convert import Conversion, Origin

FORMATS = ("onnx", "onnx-fp16", "onnx-int8", "tflite", "tflite-fp16", "tflite-int8", "savedmodel")
"""As in ``mien.conversion.convert``, which costs too much to import for a list."""


@click.command()
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write; new.")
@click.option("--to", type=click.Choice(FORMATS),
              help="Convert, and compare in the format's own runtime before it is written (default: a checkpoint as "
              "its recipe says, without a comparison).")  # fmt: skip
@click.option("--mirror/--no-mirror", default=None,
              help="Whether serving averages each crop of a checkpoint's with its mirror image, at twice the time "
              "(default: as its recipe says).")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), help="Labelled faces to compare on.")
@click.option("--calibrate", type=click.Path(path_type=Path), metavar="DATA",
              help="Faces that show the ranges of eight-bit integers.")  # fmt: skip
@click.option("--calibration-faces", type=click.IntRange(1), default=512, show_default=True,
              help="At most so many of them, drawn by a fixed seed.")  # fmt: skip
@data_options({"--data-part": "--data", "--calibrate-part": "--calibrate"})
@click.option("--force", is_flag=True, help="Write it though it does not agree with its source.")
@click.option("--json", "as_json", is_flag=True, help="Print export.json.")
def command(model: str, out: Path, to: str | None, mirror: bool | None, **options: Any) -> None:
    """Convert MODEL, a name, a model folder, or a checkpoint of `mien train` (which needs torch).

    A name is a shipped model's, or one's that `mien models list` calls a classifier: its graph is fetched.

    With --to the result is run in its own runtime and compared with MODEL before it is written; one that disagrees is
    refused. TFLite and SavedModel need the tools of `make export-tools`.
    """
    from mien.conversion.folders import check_new

    checkpoint, files = _source(model)
    if checkpoint is None and mirror is not None:
        raise SettingsError(
            f"--{'mirror' if mirror else 'no-mirror'} is of a checkpoint, whose temperature is fitted anew: {model} "
            "is a model folder. Leave it out."
        )
    if to is None:
        if checkpoint is None:
            raise SettingsError(f"{model} is a model folder already: say what to convert it to with '--to'.")
        if needless := given(*options):
            raise SettingsError(
                f"{needless[0]} is of a conversion: say what to convert to with '--to', or leave it out."
            )
        check_new(out)
        _write(checkpoint, out, mirror)
        return
    _check_faces(options)
    check_new(out)
    if files is not None:
        graph = files.graph() if files.registered else None
        _tell(_convert(files.folder, to, out, options, graph=graph), out, as_json=options["as_json"])
    elif checkpoint is not None:
        _training()
        from mien.training.export import export, origin

        with tempfile.TemporaryDirectory() as name:
            made = export(checkpoint, Path(name) / out.resolve().name, quantised=False, mirror=mirror)
            _tell(_convert(made, to, out, options, origin=origin(checkpoint)), out, as_json=options["as_json"])


def _source(model: str) -> tuple[Path | None, ClassifierFiles | None]:
    """The checkpoint, or else the files of the model, that a name or path stands for."""
    from mien.assembly import find_classifier

    try:
        return None, find_classifier(model)
    except InputError as error:
        if Path(model).is_file():
            return Path(model), None
        raise InputError(f"{error}, and no checkpoint") from error


def _check_faces(options: dict[str, Any]) -> None:
    """Refuse what is said of faces that are not named, before anything is read or fetched."""
    for name in ("calibrate", "data"):
        if options[name] is None and options[f"{name}_part"] != "all":
            raise SettingsError(f"--{name}-part is of the faces of --{name}: name them with '--{name} DATA'.")
    if given("calibration_faces") and options["calibrate"] is None:
        raise SettingsError("--calibration-faces is of the faces of --calibrate: name them with '--calibrate DATA'.")
    of_either = given("layout", "label_map", "labels")
    if of_either and options["calibrate"] is None and options["data"] is None:
        raise SettingsError(f"{of_either[0]} is of labelled faces: name them with '--data DATA' or '--calibrate DATA'.")


def _write(checkpoint: Path, out: Path, mirror: bool | None) -> None:
    from mien.report.files import results_folder

    _training()
    from mien.training.export import export

    with results_folder(out):
        export(checkpoint, out, mirror=mirror)
    click.echo(f"model folder: {out}")


def _training() -> None:
    try:
        import mien.training.export  # noqa: F401
    except ImportError as error:
        raise SettingsError("converting a checkpoint needs torch: pip install 'mien[train]'") from error


def _convert(
    folder: Path,
    to: Any,
    out: Path,
    options: dict[str, Any],
    *,
    graph: Path | None = None,
    origin: Origin | None = None,
) -> Conversion:
    from mien.classifiers.model_folder import read_preprocess
    from mien.conversion.convert import choose_faces, convert

    seen = read_preprocess(folder)
    paths = {f"{name}_part": options[name] for name in ("calibrate", "data") if options[name] is not None}
    read = read_all_data(paths, options, size_px=seen.crop.size, colour=seen.input.colour)
    by_part = dict(zip(paths, read, strict=True))
    faces = choose_faces(
        to, by_part.get("calibrate_part"), by_part.get("data_part"), calibration_faces=options["calibration_faces"]
    )
    return convert(folder, to, out, faces, graph=graph, origin=origin, force=options["force"])


def _tell(made: Conversion, out: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo((out / "export.json").read_text(encoding="utf-8"), nl=False)
        return
    told = made.comparison
    click.echo(
        f"{told.faces} faces ({made.compared_on}): {100 * told.label_agreement:.1f} % get the same label; shares "
        f"differ by {told.mean_share_difference:.4f} in the mean, {told.largest_share_difference:.4f} at most"
    )
    for name, run, accuracy in (
        ("source", told.source, told.source_accuracy),
        ("export", told.target, told.target_accuracy),
    ):
        right = "" if accuracy is None else f", {100 * accuracy:.1f} % of {told.labelled} labelled faces right"
        speed = ", ".join(f"{ms:.2f} in batches of {batch}" for batch, ms in run.cpu_ms_per_face.items())
        click.echo(f"{name}: {run.runtime}{right}; CPU ms a face, one thread: {speed}")
    for clause in made.beyond:
        click.echo(f"written all the same: {clause}", err=True)
    click.echo(f"model folder: {made.folder}")

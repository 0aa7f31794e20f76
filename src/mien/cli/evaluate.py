"""``mien evaluate``: how good a classifier is on faces with votes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._data import data_options, picture_options, read_data
from mien.cli._options import inference
from mien.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from mien.evaluation.evaluate import Evaluation, EvaluationOptions

JSON_FILE, PAGE_FILE = "evaluation.json", "evaluation.html"


@click.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@data_options({"--part": "DATA"})
@picture_options(default="the model's")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--out", type=click.Path(path_type=Path), help=f"Folder for {JSON_FILE} and {PAGE_FILE}.")
@click.option("--card", type=click.Path(path_type=Path), metavar="CARD.md", help="Write the model's card there.")
@click.option("--about", type=click.Path(path_type=Path), metavar="TEXT.md.j2",
              help="The hand-written part of the card (default: CARD.md.j2 beside it, if there is one).")  # fmt: skip
@click.option("--groups", type=click.Path(path_type=Path), metavar="GROUPS.csv",
              help="Declared groups of the faces: a column 'row', and one an attribute.")  # fmt: skip
@click.option("--min-group", type=click.IntRange(10), default=30, show_default=True,
              help="Withhold groups of fewer faces.")  # fmt: skip
@click.option("--robustness-faces", type=click.IntRange(0),
              help="Faces for the robustness curves; 0 leaves them out (default: 1000 with --out or --card, else 0). "
              "Each is read 47 times.")  # fmt: skip
@click.option("--speed/--no-speed", default=True, help="Measure processor time a face.  [default: speed]")
@click.option("--fit-balanced", is_flag=True,
              help="Choose the balanced operating point on DATA, which must be training faces, and store it in the "
              "model folder.")  # fmt: skip
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="Threads of the network.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(model: str, data: Path, **options: Any) -> None:
    """Score MODEL (a shipped name or a model folder) on DATA, faces with votes or labels.

    DATA is an npz of `images` and `votes`, or another layout that `mien data` reads. Shares are 0–1 in the JSON.
    """
    from mien.assembly import load_classifier
    from mien.evaluation.evaluate import EvaluationOptions, evaluate, steps
    from mien.evaluation.groups import read_groups
    from mien.evaluation.robustness import RobustnessOptions

    if options["about"] is not None and options["card"] is None:
        raise SettingsError("--about is the hand-written part of a card: say where the card goes with '--card'.")
    classifier = load_classifier(model, inference(options["threads"], ()))
    faces = read_data(
        data,
        options,
        size_px=options["size_px"] or classifier.geometry.size,
        colour=options["colour"] or classifier.colour,
    )
    if options["fit_balanced"]:
        _fit_balanced(model, classifier, faces)
        return
    curves = options["robustness_faces"]
    if curves is None:
        curves = RobustnessOptions().faces if options["out"] or options["card"] else 0
    groups = read_groups(options["groups"], len(faces)) if options["groups"] else None
    wanted = EvaluationOptions(
        robustness=RobustnessOptions(curves),
        speed=options["speed"],
        threads=options["threads"],
        least_group=options["min_group"],
    )
    with _results(options["out"]), _progress(wanted, steps(wanted), quiet=options["quiet"]) as progress:
        result = evaluate(classifier, faces, _name(data, options["part"]), wanted, groups, progress)
        _write(result, model, options)
    if options["as_json"]:
        click.echo(result.as_json(), nl=False)
    else:
        _print(result)


def _name(data: Path, part: str) -> str:
    """What a data set is called: its file, with the folder that tells whose split it is, and the part that was read."""
    name = f"{data.resolve().parent.name}/{data.name}" if data.suffix == ".npz" else data.resolve().name
    return name if part == "all" else f"{name}, part {part}"


@contextlib.contextmanager
def _results(out: Path | None) -> Iterator[None]:
    from mien.report.files import results_folder

    if out is None:
        yield
        return
    with results_folder(out):
        yield


def _write(result: Evaluation, model: str, options: dict[str, Any]) -> None:
    from mien import models
    from mien.evaluation.card import render_card
    from mien.evaluation.html import render
    from mien.report.files import whole_text_file

    out, card = options["out"], options["card"]
    if card is not None:
        about = options["about"] or (beside if (beside := Path(f"{card}.j2")).is_file() else None)
        text = render_card(result, models.bundled().get(model, Path(model)), about)
        with whole_text_file(card) as file:
            file.write(text)
    if out is not None:
        for name, content in ((JSON_FILE, result.as_json()), (PAGE_FILE, render(result))):
            with whole_text_file(out / name) as file:
                file.write(content)


def _fit_balanced(model: str, classifier: Any, faces: Any) -> None:
    import json

    from mien import models
    from mien.evaluation.faces import classify_pictures
    from mien.evaluation.operating import choose_balanced
    from mien.report.files import whole_text_file

    path = models.bundled().get(model, Path(model)) / "preprocess.json"
    try:
        choice = choose_balanced(classify_pictures(classifier, faces.images), faces.votes)
    except ValueError as error:
        raise InputError(f"no operating point can be chosen on these faces: {error}") from error
    document = json.loads(path.read_text(encoding="utf-8"))
    document["operating_points"] = {"balanced": choice.as_document()}
    with whole_text_file(path) as file:
        file.write(json.dumps(document, indent=2) + "\n")
    click.echo(
        f"{path}: {choice.reason}.\nOn held-out folds: mean recall {100 * choice.held_out_macro_recall:.1f} %, "
        f"accuracy {100 * choice.held_out_accuracy:.1f} %."
    )


@contextlib.contextmanager
def _progress(options: EvaluationOptions, steps: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bar:
        task = bar.add_task("faces", total=steps)
        yield lambda done: bar.update(task, advance=1, description=done)


def _print(result: Evaluation) -> None:
    def interval(ends: tuple[float, float] | None) -> str:
        return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}" if ends else "–"

    def share(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.0f} %"

    for view in ("8", "7", "5"):
        for protocol in ("majority", "argmax"):
            score = getattr(result, f"{protocol}{view}")
            click.echo(
                f"{protocol:8s} {view} classes: {100 * score.accuracy:.1f} % of {score.faces} faces (95 %: "
                f"{interval(score.interval)}), macro recall {100 * score.macro_recall:.1f} %, "
                f"macro F1 {100 * score.macro_f1:.1f} %"
            )
    click.echo(
        f"calibration error (ECE): {100 * result.ece:.1f} % (95 %: {interval(result.calibration.interval)}); "
        f"{100 * result.calibration.ece_as_shipped:.1f} % with the model's own temperature"
    )
    for name, point in result.operating_points.items():
        at = point.argmax8
        fear, disgust = at.classes["fear"], at.classes["disgust"]
        click.echo(
            f"{name} operating point, argmax 8 classes: macro recall {100 * at.macro_recall:.1f} % (95 %: "
            f"{interval(at.macro_recall_interval)}), accuracy {100 * at.accuracy:.1f} %\n"
            f"  fear recall {share(fear.recall)} ({interval(fear.recall_interval)}), precision {share(fear.precision)} "
            f"({interval(fear.precision_interval)}); disgust recall {share(disgust.recall)} "
            f"({interval(disgust.recall_interval)})"
        )
    for emotion, one in result.argmax8.classes.items():
        auc, correlation = result.agreement.auc[emotion].value, result.agreement.correlation[emotion].value
        click.echo(
            f"  {emotion:10s} recall {share(one.recall):>5s}  precision {share(one.precision):>5s}  "
            f"AUC {'–' if auc is None else f'{auc:.3f}'}  correlation with vote share "
            f"{'–' if correlation is None else f'{correlation:.2f}'}"
        )
    if result.ms_per_face:
        told = ", ".join(f"{ms:.2f} in batches of {batch}" for batch, ms in result.ms_per_face.items())
        click.echo(f"processor milliseconds a face: {told}")

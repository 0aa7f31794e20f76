"""``mien evaluate``: how good a classifier is on faces with votes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mien.cli._data import data_options, picture_options, read_data
from mien.cli._figures import print_evaluation, print_own_classes
from mien.cli._options import LABEL_SET_NAMES, given, inference, provider_option
from mien.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from mien.assembly import ClassifierFiles
    from mien.core.faces import EmotionClassifier
    from mien.evaluation.evaluate import Evaluation
    from mien.evaluation.faces import VotedFaces

JSON_FILE, PAGE_FILE = "evaluation.json", "evaluation.html"
CURVE_POINTS = 44
"""As ``steps_of`` in ``mien.evaluation.robustness`` counts them, which costs too much to import for a number."""
OF_THE_EIGHT = ("card", "groups", "robustness_faces", "fit_balanced")
"""Options that mean nothing for a model with classes of its own."""
OF_AN_EVALUATION = ("as_json", "out", "card", "groups", "min_group", "robustness_faces", "speed")
"""Options that mean nothing where a point is chosen and stored."""
LIMITS = ("least_accuracy_percent", "least_fear_precision_percent")
LEAST_ACCURACY_PERCENT, LEAST_FEAR_PRECISION_PERCENT = 78.0, 45.0
"""As in ``BalanceRule`` of ``mien.evaluation.operating``."""


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
              help="Declared groups of the faces: a column 'row' or 'file', and one an attribute.")  # fmt: skip
@click.option("--min-group", type=click.IntRange(10), default=30, show_default=True,
              help="Withhold groups of fewer faces.")  # fmt: skip
@click.option("--robustness-faces", type=click.IntRange(0),
              help="Faces for the robustness curves; 0 leaves them out (default: 1000 with --out or --card, else 0). "
              f"Each is read {CURVE_POINTS} times.")  # fmt: skip
@click.option("--speed/--no-speed", default=True, help="Measure processor time a face.  [default: speed]")
@click.option("--fit-balanced", is_flag=True,
              help="Choose the balanced operating point on DATA, which must be training faces, and store it in the "
              "model folder.")  # fmt: skip
@click.option("--least-accuracy-percent", type=click.FloatRange(0, 100), show_default=f"{LEAST_ACCURACY_PERCENT:g}",
              help="That --fit-balanced must keep, argmax 8 classes.")  # fmt: skip
@click.option("--least-fear-precision-percent", type=click.FloatRange(0, 100),
              show_default=f"{LEAST_FEAR_PRECISION_PERCENT:g}",
              help="Of the calls of fear, as many as --fit-balanced must keep right.")  # fmt: skip
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="Threads of the network.")
@provider_option
@click.option("--quiet", is_flag=True, help="No progress.")
def command(model: str, data: Path, **options: Any) -> None:
    """Score MODEL (a name or a model folder) on DATA, faces with votes or labels.

    A model whose classes are not the eight emotions is scored in its own. DATA is an npz of `images` and `votes`, or
    another layout that `mien data` reads. Shares are 0–1 in the JSON.
    """
    from mien.assembly import find_classifier, load_classifier
    from mien.evaluation.evaluate import EvaluationOptions, check_emotions, evaluate, steps
    from mien.evaluation.groups import read_groups
    from mien.evaluation.robustness import RobustnessOptions

    files = find_classifier(model)
    _check(model, files, options)
    classifier = load_classifier(model, inference(options["threads"], options["providers"]), own_classes=True)
    own = _own_classes(classifier, options)
    faces = read_data(
        data,
        options,
        size_px=options["size_px"] or classifier.geometry.size,
        colour=options["colour"] or classifier.colour,
        labels=own if classifier.labels.name not in LABEL_SET_NAMES else (),
    )
    if own:
        _evaluate_own(classifier, faces, _name(data, options["part"]), options)
        return
    if options["fit_balanced"]:
        name = _name(data, options["part"])
        check_emotions(faces, name)
        _fit_balanced(files.folder, classifier, faces, name, options)
        return
    _warn_of_chosen(files.folder, faces, _name(data, options["part"]))
    curves = options["robustness_faces"]
    if curves is None:
        curves = RobustnessOptions().faces if options["out"] or options["card"] else 0
    groups = read_groups(options["groups"], len(faces), faces.files) if options["groups"] else None
    wanted = EvaluationOptions(
        robustness=RobustnessOptions(curves),
        speed=options["speed"],
        threads=options["threads"],
        least_group=options["min_group"],
    )
    with _results(options["out"]), _progress(steps(wanted), quiet=options["quiet"]) as progress:
        result = evaluate(classifier, faces, _name(data, options["part"]), wanted, groups, progress)
        _write(result, files, options)
    if options["as_json"]:
        click.echo(result.as_json(), nl=False)
    else:
        print_evaluation(result)


def _check(model: str, files: ClassifierFiles, options: dict[str, Any]) -> None:
    """Refuse what cannot be done before any face is read."""
    from mien.report.files import check_output

    about, card = options["about"], options["card"]
    asked = given(*OF_AN_EVALUATION)
    if asked and options["fit_balanced"]:
        raise SettingsError(
            f"{asked[0]} is of an evaluation, and --fit-balanced stores a point without one: leave it out, and "
            "evaluate the model afterwards."
        )
    if about is not None and card is None:
        raise SettingsError("--about is the hand-written part of a card: say where the card goes with '--card'.")
    if about is not None and not about.is_file():
        raise InputError(f"cannot read the hand-written part {about}: there is no such file")
    if card is not None:
        check_output(card, *([about] if about else []))
    limits = [f"--{name.replace('_', '-')}" for name in LIMITS if options[name] is not None]
    if limits and not options["fit_balanced"]:
        raise SettingsError(
            f"{limits[0]} is a limit of the balanced operating point: choose one with '--fit-balanced'."
        )
    if options["fit_balanced"] and files.registered:
        raise SettingsError(
            f"{model} is a model of others, of which Mien has a description only: nothing is stored with it. Make a "
            f"folder of your own with 'mien export {model} --to onnx --out DIR', and choose a point for that."
        )


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


def _write(result: Evaluation, files: ClassifierFiles, options: dict[str, Any]) -> None:
    from mien.evaluation.card import render_card
    from mien.evaluation.html import render
    from mien.report.files import whole_text_file

    out, card = options["out"], options["card"]
    if card is not None:
        about = options["about"] or (beside if (beside := Path(f"{card}.j2")).is_file() else None)
        text = render_card(result, files.folder, about, graph=files.graph())
        with whole_text_file(card) as file:
            file.write(text)
    if out is not None:
        for name, content in ((JSON_FILE, result.as_json()), (PAGE_FILE, render(result))):
            with whole_text_file(out / name) as file:
                file.write(content)


def _own_classes(classifier: EmotionClassifier, options: dict[str, Any]) -> tuple[str, ...]:
    """The classes of a model that has its own; none where they are the eight emotions.

    Raises:
        SettingsError: something is asked for that only models of the eight have.
    """
    from mien.core.labels import EMOTIONS

    if classifier.labels.labels == EMOTIONS:
        return ()
    asked = [f"--{name.replace('_', '-')}" for name in OF_THE_EIGHT if options[name]]
    if asked:
        raise SettingsError(
            f"{asked[0]} is for models of the eight emotions, and {classifier.name} has classes of its own "
            f"({', '.join(classifier.labels.labels)}): leave it out."
        )
    return classifier.labels.labels


def _evaluate_own(classifier: EmotionClassifier, faces: VotedFaces, name: str, options: dict[str, Any]) -> None:
    from mien.evaluation.own_classes import evaluate_own_classes, own_steps
    from mien.report.files import whole_text_file

    out, speed = options["out"], options["speed"]
    with _results(out), _progress(own_steps(speed=speed), quiet=options["quiet"]) as progress:
        result = evaluate_own_classes(
            classifier, faces, name, speed=speed, threads=options["threads"], progress=progress
        )
        if out is not None:
            with whole_text_file(out / JSON_FILE) as file:
                file.write(result.as_json())
    if options["as_json"]:
        click.echo(result.as_json(), nl=False)
    else:
        print_own_classes(result)


def _warn_of_chosen(folder: Path, faces: VotedFaces, name: str) -> None:
    """Tell where a point is judged by the faces that it was chosen on."""
    from mien.classifiers.model_folder import read_preprocess

    digest = faces.digest()
    for point, said in read_preprocess(folder).operating_points.items():
        if said.data_sha256 == digest:
            click.echo(f"the {point} point was chosen on {name} itself: its figures flatter", err=True)


def _fit_balanced(
    folder: Path, classifier: EmotionClassifier, faces: VotedFaces, name: str, options: dict[str, Any]
) -> None:
    import json

    from mien.evaluation.faces import classify_pictures
    from mien.evaluation.operating import BalanceRule, choose_balanced
    from mien.report.files import whole_text_file

    path = folder / "preprocess.json"
    accuracy, fear = (
        (usual if options[name] is None else options[name]) / 100
        for name, usual in zip(LIMITS, (LEAST_ACCURACY_PERCENT, LEAST_FEAR_PRECISION_PERCENT), strict=True)
    )
    rule = BalanceRule(least_accuracy=accuracy, least_precision={"fear": fear})
    try:
        choice = choose_balanced(classify_pictures(classifier, faces.images), faces.votes, rule, name)
    except ValueError as error:
        raise InputError(f"no operating point can be chosen on these faces: {error}") from error
    document = json.loads(path.read_text(encoding="utf-8"))
    document["operating_points"] = {"balanced": choice.as_document() | {"data_sha256": faces.digest()}}
    with whole_text_file(path) as file:
        file.write(json.dumps(document, indent=2) + "\n")
    plainly = "; none is better than the plain point" if choice.strength == 0 else ""
    click.echo(
        f"{path}: {choice.reason}{plainly}.\nOn held-out folds: mean recall "
        f"{100 * choice.held_out_macro_recall:.1f} %, accuracy {100 * choice.held_out_accuracy:.1f} %."
    )


@contextlib.contextmanager
def _progress(steps: int, *, quiet: bool) -> Iterator[Callable[[str], None]]:
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

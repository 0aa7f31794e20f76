"""``mien text``: the emotion of texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from mien.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from mien.core.labels import TextLabelSet
    from mien.language.emotion import TextClassifier, TextScores

LABELS: Final = ("ekman", "original")
BATCH: Final = 64
FOREIGN: Final = "it is not in English, which is all that the model reads"


class _TextGroup(click.Group):
    """A group whose first word, where it is no command, is the first text to read."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["read", *args]
        return super().parse_args(ctx, args)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="0 takes every core."),
        click.option(
            "--model",
            default="mien-text",
            show_default=True,
            help="A shipped model, a model folder, or hf:NAME of the Hugging Face hub.",
        ),
        click.option(
            "--labels",
            type=click.Choice(LABELS),
            default=LABELS[0],
            show_default=True,
            help="Seven emotions (Ekman's six and neutral), or GoEmotions' 27 and neutral.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=_TextGroup)
def command() -> None:
    """Tell the emotion of texts: `mien text "What a night!"`.

    Needs the extra [text]. A text that is the name of a command below is read with `mien text read TEXT`.
    """


@command.command("read")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--file", type=click.Path(path_type=Path), help="Read a text a line from this file; - is standard input.")
@click.option("--out", type=click.Path(path_type=Path), help="With --file: write JSON lines here, not to the terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a text.")
@click.option(
    "--uncertain-below",
    type=click.FloatRange(0, 1),
    help="Least probability of the strongest label for it to be named (default: 0.35).",
)
@_options
def read(
    texts: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    as_json: bool,
    uncertain_below: float | None,
    labels: str,
    model: str,
    threads: int,
) -> None:
    """Read TEXTs, or a file with a text a line (JSON lines out)."""
    from mien.core.labels import text_label_set
    from mien.report.files import check_output

    if bool(texts) == (file is not None):
        raise SettingsError("say what to read: 'mien text \"TEXT\"', or 'mien text --file FILE'")
    if out is not None and file is None:
        raise SettingsError("--out is for the lines of --file; a TEXT is answered on the terminal")
    if out is not None and file is not None:
        check_output(out, file)
    classifier = _open(model, threads, uncertain_below)
    label_set = text_label_set(labels)
    if file is not None:
        _read_lines(classifier, label_set, file, out)
        return
    scores = classifier.classify(texts, label_set)
    for row, text in enumerate(texts):
        if as_json:
            click.echo(json.dumps(_record(scores, row, text), ensure_ascii=False))
        else:
            _print(scores, row, text if len(texts) > 1 else None)


@command.command()
@click.argument("data", type=click.Path(path_type=Path), metavar="FILE.tsv")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@_options
def evaluate(data: Path, as_json: bool, labels: str, model: str, threads: int) -> None:
    """Score a model on labelled texts: text, tab, comma-separated labels (GoEmotions' form)."""
    import numpy as np

    from mien.core.labels import text_label_set
    from mien.evaluation.text import evaluate_texts, read_labelled

    label_set = text_label_set(labels)
    labelled = read_labelled(data, label_set)
    classifier = _open(model, threads, None)
    parts = []
    with _bar("reading texts") as update:
        for start in range(0, len(labelled.texts), BATCH):
            part = labelled.texts[start : start + BATCH]
            parts.append(classifier.classify(part, label_set).probabilities)
            update(start + len(part), len(labelled.texts))
    result = evaluate_texts(np.concatenate(parts), classifier.thresholds(label_set), labelled.truth, label_set)
    if as_json:
        document = {"model": classifier.name, "model_sha256": classifier.sha256, **result.as_document()}
        click.echo(json.dumps(document, indent=1))
        return
    click.echo(f"{classifier.name}, model {classifier.sha256[:12]}, {result.texts:,} texts, labels {result.labels}")
    click.echo(f"macro F1 {result.macro_f1:.3f}, micro F1 {result.micro_f1:.3f} (any number of labels a text)")
    single = result.single_label
    click.echo(
        f"one label: macro F1 {single.macro_f1:.3f}, accuracy {100 * single.accuracy:.1f} % of {single.texts:,} texts"
    )
    click.echo(f"calibration error (ECE) of the strongest label {100 * result.ece:.1f} %")
    for label, score in result.classes.items():
        click.echo(
            f"  {label:15s} F1 {score.f1:.2f}   precision {score.precision:.2f}   recall {score.recall:.2f}"
            f"   {score.texts:,} texts"
        )


@command.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for weights, curves and the model.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Run only this seed of the recipe (may be repeated).")
def train(recipe: Path, out: Path, seeds: tuple[int, ...]) -> None:
    """Train a text classifier from a RECIPE (YAML) and write its model folder (extra [train]).

    Seeds whose weights lie in --out already are not run again, so they can be run side by side with --seed; the folder
    is written once all are there.
    """
    try:
        import tokenizers  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise SettingsError("training needs torch and tokenizers: pip install 'mien[train,text]'") from error
    from mien.training.text.recipe import load_text_recipe
    from mien.training.text.run import finish, prepare, run_seed
    from mien.training.text.train import TextEpoch

    plan = load_text_recipe(recipe)
    unknown = sorted(set(seeds) - set(plan.seeds))
    if unknown:
        raise SettingsError(f"{recipe} has no seed {unknown[0]}: there are {', '.join(map(str, plan.seeds))}")
    prepared = prepare(plan)

    def report(epoch: TextEpoch) -> None:
        click.echo(
            f"seed {epoch.seed}  epoch {epoch.epoch}  loss {epoch.loss:.4f}  tuning loss {epoch.tune_loss:.4f}"
            f"  {epoch.seconds:.0f} s"
        )

    paths = {seed: out / f"seed-{seed}.pt" for seed in plan.seeds}
    for seed in seeds or plan.seeds:
        if not paths[seed].exists():
            with _bar(f"seed {seed}") as update:
                run_seed(plan, prepared, seed, out, report, lambda epoch, done, total: update(done, total))
    waiting = [str(seed) for seed, path in paths.items() if not path.exists()]
    if waiting:
        click.echo(f"seeds still to be run: {', '.join(waiting)}")
        return
    exported = finish(plan, prepared, list(paths.values()), out / plan.name)
    for name, small in exported.small.items():
        plain = exported.plain[name]
        click.echo(f"{name}: macro F1 {small.macro_f1:.4f} on the tuning slice, {plain.macro_f1:.4f} in 32-bit floats")
    click.echo(f"model folder: {exported.folder}")


def _open(model: str, threads: int, uncertain_below: float | None) -> TextClassifier:
    from mien.cli._options import inference
    from mien.language.emotion import TextSettings
    from mien.language.opening import open_text_classifier

    settings = TextSettings() if uncertain_below is None else TextSettings(uncertain_below=uncertain_below)
    return open_text_classifier(model, inference(threads, ()), settings)


def _record(scores: TextScores, row: int, text: str) -> dict[str, object]:
    from mien.core.labels import EMOTIONS

    label, score = scores.top(row)
    faces = scores.labels.as_faces(scores.probabilities[row : row + 1])[0]
    return {
        # A lone surrogate, which a terminal may hand over, cannot be written.
        "text": text.encode("utf-8", "replace").decode("utf-8"),
        "label": label,
        "score": round(score, 4),
        "present": list(scores.present(row)),
        "scores": {name: round(value, 4) for name, value in scores.named(row).items()},
        "faces": {emotion: round(float(share), 4) for emotion, share in zip(EMOTIONS, faces, strict=True)},
        "known": round(float(scores.known[row]), 4),
    }


def _print(scores: TextScores, row: int, text: str | None) -> None:
    label, score = scores.top(row)
    if text is not None:
        click.echo(text)
    if not scores.read[row]:
        foreign = scores.foreign is not None and scores.foreign[row]
        click.echo(f"{label}: {FOREIGN if foreign else 'there is nothing in it that the model knows'}")
        return
    click.echo(f"{label} {score:.2f}")
    for name, value in islice(scores.named(row).items(), 7):
        click.echo(f"  {name:15s} {value:.2f}")


def _read_lines(classifier: TextClassifier, labels: TextLabelSet, file: Path, out: Path | None) -> None:
    """Answer a file line by line, in constant memory; the output has its name when it is whole."""
    total = 0
    if str(file) != "-":
        try:
            total = file.stat().st_size
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from error
    with _source(file) as source, _sink(out) as sink, _bar(str(file)) as update:
        done, number, unread = 0, 0, 0
        while lines := list(islice(source, BATCH)):
            texts = [line.decode("utf-8", "replace").rstrip("\r\n") for line in lines]
            limit = classifier.settings.max_characters
            scores = classifier.classify([text if len(text) <= limit else "" for text in texts], labels)
            for row, text in enumerate(texts):
                number += 1
                record = {"line": number, **_record(scores, row, text)}
                if not scores.read[row]:
                    unread += 1
                    record["reason"] = _reason(scores, row, text, limit)
                sink.write(json.dumps(record, ensure_ascii=False) + "\n")
            done += sum(map(len, lines))
            update(done, total)
    texts_read = f"{number:,} text{'' if number == 1 else 's'}"
    click.echo(f"{texts_read}, {unread:,} of them unread" + (f": {out}" if out else ""), err=True)


def _reason(scores: TextScores, row: int, text: str, limit: int) -> str:
    if len(text) > limit:
        return f"longer than {limit:,} characters"
    if scores.foreign is not None and scores.foreign[row]:
        return FOREIGN
    return "the model knows too few of its characters" if text.strip() else "empty"


@contextmanager
def _source(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    with stream:
        yield stream


def _sink(out: Path | None) -> AbstractContextManager[IO[str]]:
    from mien.report.files import whole_text_file

    return nullcontext(sys.stdout) if out is None else whole_text_file(out)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)

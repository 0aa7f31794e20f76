"""``mien evaluate``: how good a classifier is on faces with votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mien.cli._options import inference


@click.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True)
def command(model: str, data: Path, as_json: bool, threads: int) -> None:
    """Score MODEL (a shipped name or a model folder) on DATA, an npz of `images` and `votes`."""
    import json

    from mien.assembly import load_classifier
    from mien.evaluation.accuracy import Evaluation, evaluate_probabilities
    from mien.evaluation.faces import classify_pictures, load_voted_faces

    faces = load_voted_faces(data)
    classifier = load_classifier(model, inference(threads, ()))
    result: Evaluation = evaluate_probabilities(classify_pictures(classifier, faces.images), faces.votes)
    if as_json:
        click.echo(json.dumps(result.as_document(), indent=1))
        return
    _print(result)


def _print(result: Any) -> None:
    for name, score in (("majority, 8 classes", result.majority8), ("argmax, 8 classes", result.argmax8)):
        click.echo(
            f"{name}: {100 * score.accuracy:.1f} % of {score.faces} faces (95 %: {100 * score.low:.1f} to "
            f"{100 * score.high:.1f}), macro recall {100 * score.macro_recall:.1f} %"
        )
    click.echo(f"calibration error (ECE): {100 * result.ece:.1f} %")
    for emotion, correlation in result.correlation.items():
        recall = result.argmax8.recall[emotion]
        shown = "–" if recall is None else f"{100 * recall:.0f} %"
        click.echo(f"  {emotion:10s} recall {shown:>5s}   correlation with vote share {correlation:.2f}")

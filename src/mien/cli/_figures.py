"""What ``mien evaluate`` prints of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mien.evaluation.compounds import CompoundReport
    from mien.evaluation.evaluate import Evaluation
    from mien.evaluation.groups import GroupReport
    from mien.evaluation.own_classes import OwnEvaluation


def print_evaluation(result: Evaluation) -> None:
    """Every figure but those of the curves, which only a page shows."""
    for view in ("8", "7", "5"):
        for protocol in ("majority", "argmax"):
            score = getattr(result, f"{protocol}{view}")
            click.echo(
                f"{protocol:8s} {view} classes: {100 * score.accuracy:.1f} % of {score.faces} faces (95 %: "
                f"{_interval(score.interval)}), macro recall {100 * score.macro_recall:.1f} %, "
                f"macro F1 {100 * score.macro_f1:.1f} %"
            )
    click.echo(
        f"calibration error (ECE): {100 * result.ece:.1f} % (95 %: {_interval(result.calibration.interval)}); "
        f"{100 * result.calibration.ece_as_shipped:.1f} % with the model's own temperature"
    )
    for name, point in result.operating_points.items():
        at = point.argmax8
        fear, disgust = at.classes["fear"], at.classes["disgust"]
        precision = f"{_share(fear.precision)} ({_interval(fear.precision_interval)})"
        click.echo(
            f"{name} operating point, argmax 8 classes: macro recall {100 * at.macro_recall:.1f} % (95 %: "
            f"{_interval(at.macro_recall_interval)}), accuracy {100 * at.accuracy:.1f} %\n"
            f"  fear recall {_share(fear.recall)} ({_interval(fear.recall_interval)}), precision {precision}; "
            f"disgust recall {_share(disgust.recall)} "
            f"({_interval(disgust.recall_interval)})"
        )
    for emotion, one in result.argmax8.classes.items():
        auc, correlation = result.agreement.auc[emotion].value, result.agreement.correlation[emotion].value
        click.echo(
            f"  {emotion:10s} recall {_share(one.recall):>5s}  precision {_share(one.precision):>5s}  "
            f"AUC {'–' if auc is None else f'{auc:.3f}'}  correlation with vote share "
            f"{'–' if correlation is None else f'{correlation:.2f}'}"
        )
    if result.compounds is not None:
        _print_compounds(result.compounds)
    if result.groups is not None:
        _print_groups(result.groups)
    _print_times(result.ms_per_face)


def print_own_classes(result: OwnEvaluation) -> None:
    """Every figure of a model in classes of its own."""
    told = result.argmax
    click.echo(
        f"argmax, {len(result.classes)} classes of its own: {100 * told.accuracy:.1f} % of {told.faces} faces (95 %: "
        f"{_interval(told.interval)}), macro recall {100 * told.macro_recall:.1f} % (95 %: "
        f"{_interval(told.macro_recall_interval)}), macro F1 {100 * told.macro_f1:.1f} %"
    )
    width = max(map(len, result.classes))
    for (label, one), called in zip(told.classes.items(), told.confusion, strict=True):
        click.echo(
            f"  {label:{width}s} {one.faces:5d} faces  recall {_share(one.recall):>5s}  precision "
            f"{_share(one.precision):>5s}  called {', '.join(map(str, called))}"
        )
    _print_times(result.ms_per_face)


def _print_times(ms_per_face: dict[str, float] | None) -> None:
    if ms_per_face:
        told = ", ".join(f"{ms:.2f} in batches of {batch}" for batch, ms in ms_per_face.items())
        click.echo(f"processor milliseconds a face: {told}")


def _print_compounds(report: CompoundReport) -> None:
    low, high = report.accuracy_interval
    click.echo(
        f"compound12, the votes' view as truth: {100 * report.accuracy:.1f} % of {report.faces} faces (95 %: "
        f"{100 * low:.1f} to {100 * high:.1f})"
    )
    for label, one in report.classes.items():
        correlation, auc = one.correlation.value, one.auc.value
        click.echo(
            f"  {label:19s} {one.faces:5d} faces  recall {_share(one.recall):>5s}  precision "
            f"{_share(one.precision):>5s}  AUC {'–' if auc is None else f'{auc:.3f}'}  correlation with its share of "
            f"the votes {'–' if correlation is None else f'{correlation:.2f}'}"
        )


def _print_groups(report: GroupReport) -> None:
    for attribute, told in report.attributes.items():
        gap = "" if told.largest_gap is None else f", accuracies {100 * told.largest_gap:.1f} points apart at most"
        click.echo(f"declared {attribute}: {told.undeclared} faces undeclared{gap}")
        for group, one in told.groups.items():
            if one is None:
                click.echo(f"  {group}: withheld, fewer than {report.least_group} faces")
                continue
            accuracy = _of_faces(one.accuracy, one.majority_faces, one.interval)
            macro_recall = _of_faces(one.macro_recall, one.argmax_faces, one.macro_recall_interval)
            click.echo(
                f"  {group}: {one.faces} faces, majority 8 classes {accuracy}, macro recall {macro_recall}, "
                f"fear recall {_of_faces(one.fear_recall, one.fear_faces)}, "
                f"calibration error {_of_faces(one.ece, one.voted_faces)}"
            )


def _of_faces(share: float | None, faces: int | None, interval: tuple[float, float] | None = None) -> str:
    """A figure of a group with the faces behind it, or that there are too few of them."""
    if share is None:
        return f"withheld ({faces or 0} {'face' if faces == 1 else 'faces'})"
    behind = "" if faces is None else f" of {faces}"
    return f"{100 * share:.1f} %{behind}" + (f" (95 %: {_interval(interval)})" if interval else "")


def _interval(ends: tuple[float, float] | None) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}" if ends else "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"

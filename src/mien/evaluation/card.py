"""A model's card: Markdown whose every figure comes from an evaluation, around what only its makers can say.

The hand-written part is a Jinja template. It is given the evaluation as ``e``, the model folder's ``preprocess`` and
the ready parts ``facts``, ``protocols``, ``emotions``, ``points``, ``robustness``, ``groups`` and ``skew``; filters
``percent``, ``spread``, ``plain`` and ``thousands`` write numbers. It may extend or include templates beside it. Where
there is none, ``page/card.md.j2`` says what is not told.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jinja2

from mien.core.errors import InputError, SettingsError
from mien.core.labels import EMOTIONS
from mien.evaluation.evaluate import Evaluation
from mien.evaluation.html import percent, plain, spread
from mien.evaluation.resampling import Range
from mien.evaluation.robustness import Curve

DIGITS_OF_HASH = 12
USUAL: Final = Path(__file__).parent / "page" / "card.md.j2"
"""What is written around the figures where nobody wrote anything."""


def render_card(
    evaluation: Evaluation,
    folder: Path,
    about: Path | None = None,
    skew: dict[str, Any] | None = None,
    *,
    graph: Path | None = None,
) -> str:
    """The card.

    Args:
        evaluation: of the model in ``folder``.
        folder: the model's, for its size and preprocessing.
        about: the hand-written part, see the module; the usual one where None.
        graph: the model's, where its folder describes one that lies elsewhere.
        skew: what ``benchmarks.skew --json`` printed for the model, where it was measured.

    Raises:
        SettingsError: the hand-written part is no template, or uses a figure or a template that there is not.
        InputError: it or the model folder cannot be read.
    """
    written = about or USUAL
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(written.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"percent": percent, "spread": spread, "plain": plain, "thousands": _thousands}
    try:
        preprocess = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
        size = (graph or folder / "model.onnx").stat().st_size
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the model folder {folder}: {error}") from error
    try:
        text = written.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the hand-written part {about}: {error}") from error
    try:
        return environment.from_string(text).render(
            e=evaluation,
            preprocess=preprocess,
            facts=_facts(evaluation, size),
            protocols=_protocols(evaluation),
            emotions=_emotions(evaluation),
            points=_points(evaluation),
            robustness=_robustness(evaluation),
            groups=_groups(evaluation),
            skew=_skew(skew),
        )
    except jinja2.TemplateError as error:
        raise SettingsError(f"the hand-written part of the card cannot be filled in: {error}") from error


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _thousands(value: int) -> str:
    return f"{value:,}"


def _facts(e: Evaluation, size: int) -> str:
    rows = [["version", f"model `{e.model.sha256[:DIGITS_OF_HASH]}` (first {DIGITS_OF_HASH} digits of its SHA-256)"]]
    rows.append(["size of the graph", f"{size / 1e6:.1f} MB"])
    rows.append(["crop", f"{e.model.crop_px}×{e.model.crop_px} px"])
    if e.ms_per_face:
        told = ", ".join(f"{ms:.2f} in batches of {batch}" for batch, ms in e.ms_per_face.items())
        rows.append(
            [
                "processor time a face",
                f"{told} milliseconds, {e.machine.threads} thread of {e.machine.processor}, normalising included, "
                "cutting the crop not",
            ]
        )
    return table(["", ""], rows)


def _protocols(e: Evaluation) -> str:
    rows = []
    for view in ("8", "7", "5"):
        for protocol in ("majority", "argmax"):
            s = getattr(e, f"{protocol}{view}")
            rows.append(
                [
                    f"{protocol}, {view} classes",
                    percent(s.accuracy),
                    spread(s.interval),
                    f"{s.faces:,}",
                    percent(s.macro_recall),
                    percent(s.macro_f1),
                ]
            )
    return table(["protocol", "accuracy", "95 %", "faces", "macro recall", "macro F1"], rows)


def _emotions(e: Evaluation) -> str:
    rows = []
    for emotion in EMOTIONS:
        one, auc, r = e.argmax8.classes[emotion], e.agreement.auc[emotion], e.agreement.correlation[emotion]
        rows.append(
            [
                emotion,
                f"{one.faces:,}",
                f"{percent(one.recall, 0)} ({spread(one.recall_interval, 0)})",
                f"{percent(one.precision, 0)} ({spread(one.precision_interval, 0)})",
                plain(one.f1),
                plain(auc.value, 3),
                plain(r.value) + (f" ({plain(r.interval[0])} to {plain(r.interval[1])})" if r.interval else ""),
            ]
        )
    head = ["emotion", "faces", "recall (95 %)", "precision (95 %)", "F1", "AUC", "correlation with the share of votes"]
    return table(head, rows)


def _points(e: Evaluation) -> str:
    rows = []
    for name, point in e.operating_points.items():
        at = point.argmax8
        fear, disgust = at.classes["fear"], at.classes["disgust"]
        rows.append(
            [
                name,
                f"{percent(at.macro_recall)} ({spread(at.macro_recall_interval)})",
                f"{percent(at.accuracy)} ({spread(at.interval)})",
                f"{percent(fear.recall, 0)} ({spread(fear.recall_interval, 0)})",
                f"{percent(fear.precision, 0)} ({spread(fear.precision_interval, 0)})",
                f"{percent(disgust.recall, 0)} ({spread(disgust.recall_interval, 0)})",
            ]
        )
    head = ["operating point", "macro recall", "accuracy", "fear recall", "fear precision", "disgust recall"]
    reasons = [f"The {name} point is {point.reason}." for name, point in e.operating_points.items() if name != "plain"]
    return "\n\n".join([table(head, rows), *reasons])


def _robustness(e: Evaluation) -> str:
    if e.robustness is None:
        return "Robustness was not measured."
    rows = [[f"{name}, {curve.unit}", _course(curve)] for name, curve in e.robustness.curves.items()]
    return table(["disturbance", "accuracy by level"], rows)


def _course(curve: Curve) -> str:
    told = (f"{'as is' if p.level is None else f'{p.level:g}'}: {percent(p.accuracy)}" for p in curve.points)
    return " · ".join(told)


def _groups(e: Evaluation) -> str:
    if e.groups is None:
        return "No figure by group can be given: these faces come without declared groups, and none were inferred."
    parts = []
    for attribute, told in e.groups.attributes.items():
        rows = [
            [group, f"{g.faces:,}", _of_faces(g.accuracy, g.majority_faces, g.interval),
             _of_faces(g.macro_recall, g.argmax_faces)]
            if g
            else [group, f"fewer than {e.groups.least_group}", "withheld", "withheld"]
            for group, g in told.groups.items()
        ]  # fmt: skip
        parts.append(table([attribute, "faces", "accuracy (95 %)", "macro recall"], rows))
    return "\n\n".join(parts)


def _of_faces(share: float | None, faces: int | None, interval: Range | None = None) -> str:
    """A figure with the faces behind it, or that they are too few."""
    told = "withheld" if share is None else percent(share) + (f" ({spread(interval)})" if interval else "")
    return told if faces is None else f"{told} of {faces:,}"


def _skew(skew: dict[str, Any] | None) -> str:
    if skew is None:
        return "Not measured through the whole pipeline."
    sizes = list(skew["pipeline_accuracy"])
    rows = [
        [words, *(f"{skew[key][size]:.1f} %" for size in sizes)]
        for words, key in (
            ("the same faces fed directly", "crop_accuracy"),
            ("whole pipeline", "pipeline_accuracy"),
            ("found", "found"),
        )
    ]
    return table(["size of the pasted picture", *(f"{size} px" for size in sizes)], rows)

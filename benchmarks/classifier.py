"""The shipped classifiers' figures: measured, and told wherever a text tells them.

    python -m benchmarks.classifier            # measure on FER+'s validation split and print
    python -m benchmarks.classifier --json     # processor milliseconds a face only: models.<name>.<batch size>, and
                                               # peers.<name>.<batch size> after ``make peers``
    python -m benchmarks.classifier --write    # measure, and write evaluations, cards, claims and the picture of cost
    python -m benchmarks.classifier --times    # measure the times of all in one run, and write them likewise
    python -m benchmarks.classifier --render   # write cards, claims and picture again from the evaluations there are

A model's evaluation lies beside its card as ``NAME.evaluation.json``, what ``benchmarks.skew`` says of it as
``NAME.skew.json``, and the card's hand-written part as ``NAME.md.j2``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import bars, cost, skew
from benchmarks.peers import classifier_ms
from benchmarks.pipeline import build
from mien import models
from mien.assembly import load_classifier
from mien.core.labels import EMOTIONS
from mien.core.settings import DEFAULT_CLASSIFIER, InferenceSettings
from mien.evaluation.accuracy import ProtocolScore
from mien.evaluation.card import render_card
from mien.evaluation.evaluate import Evaluation, EvaluationOptions, evaluate, machine_part, read_evaluation
from mien.evaluation.faces import load_voted_faces
from mien.evaluation.html import percent, spread
from mien.evaluation.robustness import RobustnessOptions
from mien.evaluation.speed import BATCHES, cpu_ms_per_face

DEFAULT_DATA = Path("../shared/data/ferplus/valid.npz")
CARDS = cost.CARDS
PAGE = Path("docs/claims.md")
BLOCK = re.compile(r"(?<=<!-- figures: begin -->\n).*?(?=<!-- figures: end -->)", re.DOTALL)
ROBUSTNESS_FACES = 2000
PASSES = 15
"""Over all models: on a shared machine a few seconds of one model may tell of a neighbour's work."""
SKEW_FACES = 1000
_ASKED = "What each was to reach, in brackets, and what it reached; in bold where it does not:\n"


def shipped() -> list[str]:
    """Names of the shipped models, the default one first."""
    return sorted(models.bundled(), key=lambda name: (name != DEFAULT_CLASSIFIER, name))


def claims(measured: Sequence[bars.Measured]) -> str:
    """The figures in ``docs/claims.md``, as Markdown."""
    return "\n" + "\n".join([_ASKED, bars.table(measured), "", *(_block(m.evaluation) for m in measured)])


def _block(e: Evaluation) -> str:
    times = ", ".join(f"{ms:.2f} ({batch})" for batch, ms in (e.ms_per_face or {}).items()) or "not measured"
    rows = "\n".join(_row(e, emotion) for emotion in EMOTIONS)
    points = "\n".join(
        f"| {name} | {_score(point.argmax8)} | {percent(point.argmax8.recall['fear'], 0)} "
        f"| {percent(point.argmax8.precision['fear'], 0)} | {percent(point.argmax8.recall['disgust'], 0)} |"
        for name, point in e.operating_points.items()
    )
    name = f"`{e.model.name}`, model `{e.model.sha256[:12]}`"
    head = ("operating point, argmax 8", "accuracy (95 %)", "macro recall (95 %)", "fear recall", "fear precision")
    return f"""{name}, on FER+'s validation split. That split chose the model, so it flatters.

| protocol | accuracy (95 %) | faces | macro recall (95 %) |
|---|---|---|---|
| majority, 8 classes | {_score(e.majority8, faces=True)} |
| argmax, 8 classes | {_score(e.argmax8, faces=True)} |
| majority, 7 classes | {_score(e.majority7, faces=True)} |
| majority, 5 classes | {_score(e.majority5, faces=True)} |

Calibration error (ECE) {percent(e.ece)} ({spread(e.calibration.interval)}). Processor milliseconds a face by
batch size, one thread of {e.machine.processor}: {times}.

| {" | ".join(head)} | disgust recall |
|---|---|---|---|---|---|
{points}

| emotion, plain point | recall | precision | AUC | correlation with the share of votes |
|---|---|---|---|---|
{rows}

"""


def _row(e: Evaluation, emotion: str) -> str:
    one, auc, r = e.argmax8.classes[emotion], e.agreement.auc[emotion].value, e.agreement.correlation[emotion].value
    figures = (percent(one.recall, 0), percent(one.precision, 0), _plain(auc, 3), _plain(r, 2))
    return f"| {emotion} | {' | '.join(figures)} |"


def _plain(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _score(score: ProtocolScore, *, faces: bool = False) -> str:
    told = [f"{percent(score.accuracy)} ({spread(score.interval)})"]
    if faces:
        told.append(f"{score.faces:,}")
    return " | ".join([*told, f"{percent(score.macro_recall)} ({spread(score.macro_recall_interval)})"])


def read_measured(name: str, cards: Path = CARDS) -> bars.Measured:
    """What is stored of a shipped model."""
    skewed = cards / f"{name}.skew.json"
    told: dict[str, Any] | None = json.loads(skewed.read_text(encoding="utf-8")) if skewed.is_file() else None
    return bars.Measured(read_evaluation(cards / f"{name}.evaluation.json"), told)


def card(measured: bars.Measured, cards: Path = CARDS) -> str:
    """A shipped model's card from what was measured and its hand-written part."""
    about = cards / f"{measured.name}.md.j2"
    return render_card(measured.evaluation, models.bundled()[measured.name], about, measured.skew)


def render() -> None:
    """Write every text and picture that tells a figure, from the stored evaluations."""
    measured = [read_measured(name) for name in shipped()]
    for one in measured:
        (CARDS / f"{one.name}.md").write_text(card(one), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: claims(measured), page), encoding="utf-8")
    cost.PICTURE.write_text(cost.draw([m.evaluation for m in measured]), encoding="utf-8")


def time_again(names: Sequence[str]) -> None:
    """Put the times of one run into the stored evaluations: those of different machines or hours do not compare."""
    for name, times in speeds(names).items():
        path = CARDS / f"{name}.evaluation.json"
        told = read_evaluation(path).model_copy(update={"ms_per_face": times, "machine": machine_part(_load(name), 1)})
        path.write_text(told.as_json(), encoding="utf-8")


def speeds(names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Processor milliseconds a face by model and batch size, one thread: the least of passes over all models."""
    loaded = {name: _load(name) for name in names}
    passes = [{name: cpu_ms_per_face(one) for name, one in loaded.items()} for _ in range(PASSES)]
    return {
        name: {batch: round(min(times[name][batch] for times in passes), 4) for batch in passes[0][name]}
        for name in names
    }


def _load(name: str) -> Any:
    return load_classifier(name, InferenceSettings(threads=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument(
        "--classifier", action="append", help="a shipped model or a model folder (default: all shipped)"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--render", action="store_true")
    arguments = parser.parse_args()
    names = arguments.classifier or shipped()
    if arguments.json:
        told = {"unit": "processor milliseconds a face", "models": speeds(names), "peers": classifier_ms(BATCHES[:2])}
        print(json.dumps(told, indent=1))
        return
    if arguments.times:
        time_again(shipped())
    if arguments.times or arguments.render:
        render()
        return
    faces = load_voted_faces(arguments.data)
    options = EvaluationOptions(RobustnessOptions(ROBUSTNESS_FACES if arguments.write else 0))
    for name in names:
        result = bars.Measured(evaluate(_load(name), faces, "FER+ validation", options))
        if arguments.write:
            result = replace(result, skew=skew.measure(build(skew.open_gate(), None, name), arguments.data, SKEW_FACES))
            (CARDS / f"{name}.evaluation.json").write_text(result.evaluation.as_json(), encoding="utf-8")
            (CARDS / f"{name}.skew.json").write_text(json.dumps(result.skew, indent=1) + "\n", encoding="utf-8")
        print(claims([result]))
    if arguments.write:
        render()


if __name__ == "__main__":
    main()

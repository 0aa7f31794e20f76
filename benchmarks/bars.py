"""What was set out for each shipped classifier, beside what it reached: a miss is told where the figures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mien.evaluation.accuracy import ProtocolScore
from mien.evaluation.evaluate import Evaluation
from mien.evaluation.html import percent


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure that was asked for.

    Attributes:
        what: as the table calls it.
        asked: by model; ``*`` stands for every model that is not named.
        read: takes it from an evaluation; None where it was not measured.
        at_most: whether less is better.
        shown: as text.
    """

    what: str
    asked: dict[str, float]
    read: Callable[[Evaluation], float | None]
    at_most: bool = False
    shown: Callable[[float], str] = percent

    def of(self, model: str) -> float | None:
        """What was asked of a model, or None."""
        return self.asked.get(model, self.asked.get("*"))

    def is_met(self, model: str, reached: float) -> bool:
        """Whether a figure is what was asked, or better."""
        asked = self.of(model)
        return asked is not None and (reached <= asked if self.at_most else reached >= asked)


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms"


def _two_digits(value: float) -> str:
    return f"{value:.2f}"


def _balanced(read: Callable[[ProtocolScore], float | None]) -> Callable[[Evaluation], float | None]:
    def of(e: Evaluation) -> float | None:
        point = e.operating_points.get("balanced")
        return None if point is None else read(point.argmax8)

    return of


BARS = (
    Bar("accuracy, majority, 8 classes", {"mien-s": 0.875, "mien-m": 0.89, "mien-l": 0.895},
        lambda e: e.majority8.accuracy),
    Bar("accuracy, argmax, 8 classes", {"mien-s": 0.845, "mien-m": 0.865, "mien-l": 0.87},
        lambda e: e.argmax8.accuracy),
    Bar("accuracy, majority, 5 classes", {"mien-m": 0.92}, lambda e: e.majority5.accuracy),
    Bar("calibration error (ECE)", {"*": 0.03}, lambda e: e.ece, at_most=True),
    Bar("correlation with the share of votes for fear", {"*": 0.82}, lambda e: e.agreement.correlation["fear"].value,
        shown=_two_digits),
    Bar("balanced point: macro recall", {"mien-m": 0.72}, _balanced(lambda score: score.macro_recall)),
    Bar("balanced point: recall of fear", {"mien-m": 0.70}, _balanced(lambda score: score.recall["fear"])),
    Bar("balanced point: precision of fear", {"mien-m": 0.45}, _balanced(lambda score: score.precision["fear"])),
    Bar("balanced point: recall of disgust", {"mien-m": 0.60}, _balanced(lambda score: score.recall["disgust"])),
    Bar("balanced point: accuracy", {"mien-m": 0.78}, _balanced(lambda score: score.accuracy)),
    Bar("processor time a face, batches of 8", {"mien-s": 0.38, "mien-m": 1.7},
        lambda e: (e.ms_per_face or {}).get("8"), at_most=True, shown=_milliseconds),
)  # fmt: skip
"""On FER+'s validation split."""


def table(evaluations: Sequence[Evaluation]) -> str:
    """Every bar with what each model reached, as Markdown; what misses its bar is in bold."""
    names = [e.model.name for e in evaluations]
    lines = [f"| set out for | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {bar.what} | {' | '.join(_cell(bar, e) for e in evaluations)} |" for bar in BARS]
    return "\n".join(lines)


def _cell(bar: Bar, e: Evaluation) -> str:
    asked, reached = bar.of(e.model.name), bar.read(e)
    if reached is None:
        return "not measured"
    if asked is None:
        return f"{bar.shown(reached)} (none)"
    sign = "at most" if bar.at_most else "at least"
    told = bar.shown(reached) if bar.is_met(e.model.name, reached) else f"**{bar.shown(reached)}**"
    return f"{told} ({sign} {bar.shown(asked)})"

"""What was set out for each shipped classifier, beside what it reached: a miss is told where the figures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mien.evaluation.accuracy import ProtocolScore
from mien.evaluation.evaluate import Evaluation
from mien.evaluation.html import percent


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one classifier.

    Attributes:
        evaluation: on FER+'s validation split.
        skew: as ``benchmarks.skew`` tells it, accuracies in percent by the face's pixels; None where not measured.
    """

    evaluation: Evaluation
    skew: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Of the classifier."""
        return self.evaluation.model.name


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure that was asked for.

    Attributes:
        what: as the table calls it.
        asked: by model; ``*`` stands for every model that is not named.
        read: takes it from what was measured; None where it was not measured.
        at_most: whether less is better.
        shown: as text.
    """

    what: str
    asked: dict[str, float]
    read: Callable[[Measured], float | None]
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


def _points(value: float) -> str:
    return f"{value:.1f} points"


def _pipeline_loss(m: Measured) -> float | None:
    if m.skew is None:
        return None
    direct, whole = m.skew["crop_accuracy"], m.skew["pipeline_accuracy"]
    losses: list[float] = [round(direct[size] - whole[size], 1) for size in direct]
    return max(losses)


def _balanced(read: Callable[[ProtocolScore], float | None]) -> Callable[[Measured], float | None]:
    def of(m: Measured) -> float | None:
        point = m.evaluation.operating_points.get("balanced")
        return None if point is None else read(point.argmax8)

    return of


BARS = (
    Bar("accuracy, majority, 8 classes", {"mien-s": 0.875, "mien-m": 0.89, "mien-l": 0.895},
        lambda m: m.evaluation.majority8.accuracy),
    Bar("accuracy, argmax, 8 classes", {"mien-s": 0.845, "mien-m": 0.865, "mien-l": 0.87},
        lambda m: m.evaluation.argmax8.accuracy),
    Bar("accuracy, majority, 5 classes", {"mien-m": 0.92}, lambda m: m.evaluation.majority5.accuracy),
    Bar("calibration error (ECE)", {"*": 0.03}, lambda m: m.evaluation.ece, at_most=True),
    Bar("correlation with the share of votes for fear", {"*": 0.82},
        lambda m: m.evaluation.agreement.correlation["fear"].value, shown=_two_digits),
    Bar("balanced point: macro recall", {"mien-m": 0.72}, _balanced(lambda score: score.macro_recall)),
    Bar("balanced point: recall of fear", {"mien-m": 0.70}, _balanced(lambda score: score.recall["fear"])),
    Bar("balanced point: precision of fear", {"mien-m": 0.45}, _balanced(lambda score: score.precision["fear"])),
    Bar("balanced point: recall of disgust", {"mien-m": 0.60}, _balanced(lambda score: score.recall["disgust"])),
    Bar("balanced point: accuracy", {"mien-m": 0.78}, _balanced(lambda score: score.accuracy)),
    Bar("processor time a face, batches of 8", {"mien-s": 0.38, "mien-m": 1.7},
        lambda m: (m.evaluation.ms_per_face or {}).get("8"), at_most=True, shown=_milliseconds),
    Bar("lost through the whole pipeline, the worst of the sizes of face", {"*": 2.0}, _pipeline_loss,
        at_most=True, shown=_points),
)  # fmt: skip
"""On FER+'s validation split."""


def table(measured: Sequence[Measured]) -> str:
    """Every bar with what each model reached, as Markdown; what misses its bar is in bold."""
    names = [m.name for m in measured]
    lines = [f"| set out for | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {bar.what} | {' | '.join(_cell(bar, m) for m in measured)} |" for bar in BARS]
    return "\n".join(lines)


def _cell(bar: Bar, m: Measured) -> str:
    asked, reached = bar.of(m.name), bar.read(m)
    if reached is None:
        return "not measured"
    if asked is None:
        return f"{bar.shown(reached)} (none)"
    sign = "at most" if bar.at_most else "at least"
    told = bar.shown(reached) if bar.is_met(m.name, reached) else f"**{bar.shown(reached)}**"
    return f"{told} ({sign} {bar.shown(asked)})"

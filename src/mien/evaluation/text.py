"""Text emotion against labelled comments: F1 as the GoEmotions paper counts it, and calibration. NumPy alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError
from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL, TextLabelSet, ekman_of

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

PUBLISHED_ORDER: Final = {
    TEXT_ORIGINAL.name: TEXT_ORIGINAL.labels,
    TEXT_EKMAN.name: ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
}
"""The order of the numbers in GoEmotions' files, for a file without a ``labels.txt`` beside it."""


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts that people labelled.

    Attributes:
        texts: N texts.
        truth: bool N×C, every row with at least one label.
        labels: the C labels.
    """

    texts: tuple[str, ...]
    truth: BoolArray
    labels: TextLabelSet


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One label: shares 0–1, and how many texts carry it."""

    precision: float
    recall: float
    f1: float
    texts: int


@dataclass(frozen=True, slots=True)
class SingleLabelScore:
    """The strongest label against the only one, over texts that carry exactly one.

    Attributes:
        texts: texts the protocol keeps.
        accuracy: share answered right, 0–1.
        macro_f1: mean F1 over labels that occur, 0–1.
    """

    texts: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class TextEvaluation:
    """A classifier against labelled texts.

    Attributes:
        labels: name of the label set.
        texts: texts scored.
        macro_f1: mean over labels that occur of their F1, 0–1, where a text may have any number of labels and a label
            is answered when its probability reaches its threshold (the published protocol).
        micro_f1: F1 over all answers at once.
        single_label: the protocol of one answer a text.
        ece: expected calibration error of the strongest label: its probability against how often it is among the text's
            labels, 15 equal bins, 0–1.
        mean_ece: mean over labels of the same between a label's probability and its presence.
        classes: each label's figures.
    """

    labels: str
    texts: int
    macro_f1: float
    micro_f1: float
    single_label: SingleLabelScore
    ece: float
    mean_ece: float
    classes: dict[str, ClassScore]

    def as_document(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)


def evaluate_texts(
    probabilities: FloatArray, thresholds: FloatArray, truth: BoolArray, labels: TextLabelSet
) -> TextEvaluation:
    """Score calibrated probabilities.

    Args:
        probabilities: float32 N×C, 0–1.
        thresholds: float32 C.
        truth: bool N×C.
        labels: the C labels.
    """
    answered = probabilities >= thresholds
    hit = (answered & truth).sum(axis=0)
    given, actual = answered.sum(axis=0), truth.sum(axis=0)
    classes = {
        label: ClassScore(
            float(hit[i] / given[i]) if given[i] else 0.0,
            float(hit[i] / actual[i]) if actual[i] else 0.0,
            f1(int(hit[i]), int(given[i]), int(actual[i])),
            int(actual[i]),
        )
        for i, label in enumerate(labels.labels)
    }
    occurring = [score.f1 for score in classes.values() if score.texts]
    strongest = probabilities.argmax(axis=1)
    right = truth[np.arange(len(truth)), strongest]
    return TextEvaluation(
        labels.name,
        len(truth),
        float(np.mean(occurring)) if occurring else 0.0,
        f1(int(hit.sum()), int(given.sum()), int(actual.sum())),
        _single_label(strongest, truth),
        calibration_error(probabilities.max(axis=1, initial=0.0), right),
        float(np.mean([calibration_error(probabilities[:, i], truth[:, i]) for i in range(len(labels))])),
        classes,
    )


def f1(hit: int, given: int, actual: int) -> float:
    """Harmonic mean of precision ``hit/given`` and recall ``hit/actual``; 0 where nothing was hit."""
    return 2 * hit / (given + actual) if hit else 0.0


def calibration_error(probabilities: FloatArray, happened: BoolArray, bins: int = 15) -> float:
    """Expected calibration error, 0–1: mean gap between probability and frequency over equal-width bins.

    Args:
        probabilities: float32 N, 0–1.
        happened: bool N.
        bins: how many.
    """
    if len(probabilities) == 0:
        return 0.0
    slot = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = np.bincount(slot, happened.astype(np.float64) - probabilities, bins)
    return float(np.abs(gap).sum() / len(probabilities))


def read_labelled(path: Path, labels: TextLabelSet) -> LabelledTexts:
    """Labelled texts of a tab-separated file: text, comma-separated labels, and whatever follows.

    Labels are names, or numbers into the lines of a ``labels.txt`` beside the file (in GoEmotions' published order
    without one). Texts with the 28 labels can be read in the seven: they are grouped as published.

    Raises:
        InputError: no such file, or a line that is none of this; the message has its number.
    """
    order = _order(path, labels)
    try:
        # Comments may hold line separators other than a newline.
        numbered = list(enumerate(path.read_bytes().decode("utf-8").split("\n"), 1))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {error}") from error
    lines = [(number, line) for number, line in numbered if line.strip()]
    if not lines:
        raise InputError(f"{path} holds no labelled text")
    source = TEXT_ORIGINAL if set(order) == set(TEXT_ORIGINAL.labels) else labels
    truth = np.zeros((len(lines), len(source)), dtype=bool)
    texts = []
    for row, (number, line) in enumerate(lines):
        text, separator, rest = line.rstrip("\r").partition("\t")
        if not separator:
            raise InputError(f"{path}, line {number}: there is no tab between a text and its labels")
        texts.append(text)
        for name in rest.split("\t")[0].split(","):
            truth[row, _column(name.strip(), order, source, f"{path}, line {number}")] = True
    if source is TEXT_ORIGINAL and labels == TEXT_EKMAN:
        truth = ekman_of(truth.astype(np.float32)) > 0
    return LabelledTexts(tuple(texts), truth, labels)


def _order(path: Path, labels: TextLabelSet) -> tuple[str, ...]:
    beside = path.parent / "labels.txt"
    if not beside.is_file():
        return PUBLISHED_ORDER[labels.name]
    order = tuple(beside.read_text(encoding="utf-8").split())
    known = {frozenset(labels.labels)} | ({frozenset(TEXT_ORIGINAL.labels)} if labels == TEXT_EKMAN else set())
    if frozenset(order) not in known:
        raise InputError(f"{beside} lists {', '.join(order)}, which are not the labels {labels.name!r}")
    return order


def _column(name: str, order: tuple[str, ...], source: TextLabelSet, place: str) -> int:
    label = name
    if name.isascii() and name.isdigit():
        if int(name) >= len(order):
            raise InputError(f"{place}: label {name} is beyond the {len(order)} labels there are")
        label = order[int(name)]
    if label not in source.labels:
        raise InputError(f"{place}: {name!r} is no label; there are {', '.join(source.labels)}")
    return source.index(label)


def _single_label(strongest: npt.NDArray[np.int_], truth: BoolArray) -> SingleLabelScore:
    kept = truth.sum(axis=1) == 1
    answer, label = strongest[kept], truth[kept].argmax(axis=1)
    right = answer == label
    scores = [
        f1(int((right & (label == c)).sum()), int((answer == c).sum()), int((label == c).sum()))
        for c in np.unique(label)
    ]
    accuracy = float(right.mean()) if len(label) else 0.0
    return SingleLabelScore(int(kept.sum()), accuracy, float(np.mean(scores)) if scores else 0.0)

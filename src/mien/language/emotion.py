"""The emotion of texts: what a classifier promises, and what its readings are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mien.core.errors import InputError
from mien.core.labels import UNCERTAIN, TextLabelSet
from mien.core.settings import Settings

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

UNREAD: Final = "unread"
"""What the label of a text reads that the classifier cannot read: empty, mostly in characters it never learnt, or
plainly in another language."""


class TextSettings(Settings):
    """When a text's emotion is named."""

    uncertain_below: float = Field(0.35, ge=0, le=1)
    """Least probability of the strongest label; below it the label is :data:`~mien.core.labels.UNCERTAIN`."""
    known_share: float = Field(0.5, ge=0, le=1)
    """Least share of a text's pieces that the classifier knows; below it the text is :data:`UNREAD`."""
    max_characters: int = Field(20_000, ge=1)
    """Longest text that is read; a longer one is refused."""


@dataclass(frozen=True, slots=True)
class TextScores:
    """Readings of N texts.

    Attributes:
        probabilities: float32 N×C, 0–1 each: how likely readers of the text name that emotion. Independent of each
            other; rows of texts that were not read are zeros.
        labels: their C labels.
        thresholds: float32 C: a label whose probability reaches its own is present in the text.
        known: float32 N, share of each text's pieces that the classifier knows; 0 for an empty text.
        settings: when a label is withheld.
        foreign: bool N, the texts that are plainly in a language which the classifier does not read; None for none.
    """

    probabilities: FloatArray
    labels: TextLabelSet
    thresholds: FloatArray
    known: FloatArray
    settings: TextSettings
    foreign: BoolArray | None = None

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2 or self.probabilities.shape[1] != len(self.labels):
            raise ValueError(f"expected N×{len(self.labels)} probabilities, got shape {self.probabilities.shape}")
        if self.thresholds.shape != (len(self.labels),) or self.known.shape != (len(self.probabilities),):
            raise ValueError(f"thresholds {self.thresholds.shape} and known {self.known.shape} do not fit")

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def read(self) -> BoolArray:
        """bool N: the texts that could be read."""
        return _read(self.known, self.foreign, self.settings)

    def top(self, row: int) -> tuple[str, float]:
        """The strongest label of a text and its probability.

        The label is :data:`~mien.core.labels.UNCERTAIN` below the threshold, and :data:`UNREAD`, with 0, where the text
        could not be read. The probabilities stay.
        """
        if not self.read[row]:
            return UNREAD, 0.0
        column = int(self.probabilities[row].argmax())
        score = float(self.probabilities[row, column])
        return (self.labels.labels[column] if score >= self.settings.uncertain_below else UNCERTAIN), score

    def present(self, row: int) -> tuple[str, ...]:
        """Every label whose probability reaches its own threshold, strongest first; none for a text not read."""
        p = self.probabilities[row]
        found = [c for c in np.argsort(-p, kind="stable") if self.read[row] and p[c] >= self.thresholds[c]]
        return tuple(self.labels.labels[int(c)] for c in found)

    def named(self, row: int) -> dict[str, float]:
        """Every label with its probability, strongest first."""
        order = np.argsort(-self.probabilities[row], kind="stable")
        return {self.labels.labels[int(c)]: float(self.probabilities[row, c]) for c in order}


@dataclass(frozen=True, slots=True)
class Readings:
    """What a backend gives for N texts: float32 N×C probabilities, float32 N known shares, and bool N, which of them
    are plainly in a language that it does not read (None for none)."""

    probabilities: FloatArray
    known: FloatArray
    foreign: BoolArray | None = None


class TextClassifier(ABC):
    """Reads texts. A backend implements :meth:`_read` and :meth:`thresholds`.

    Attributes:
        name: what reports call it.
        sha256: hash of its weights, hexadecimal.
        label_sets: those it can answer in.
        settings: when a label is withheld.
    """

    name: str
    sha256: str
    label_sets: tuple[TextLabelSet, ...]
    settings: TextSettings

    def classify(self, texts: Sequence[str], labels: TextLabelSet) -> TextScores:
        """The emotion of each text; a text's answer does not depend on its neighbours.

        Raises:
            InputError: a text is longer than the settings allow, or this classifier has no such labels.
        """
        if labels not in self.label_sets:
            raise InputError(
                f"{self.name} does not know the labels {labels.name!r}; it answers in "
                f"{', '.join(s.name for s in self.label_sets)}"
            )
        for number, text in enumerate(texts, 1):
            if len(text) > self.settings.max_characters:
                raise InputError(
                    f"text {number} has {len(text):,} characters; at most {self.settings.max_characters:,} are read at "
                    "once. Split it into paragraphs."
                )
        if not texts:
            empty = np.zeros((0, len(labels)), np.float32)
            return TextScores(empty, labels, self.thresholds(labels), np.zeros(0, np.float32), self.settings)
        readings = self._read(texts, labels)
        read = _read(readings.known, readings.foreign, self.settings)
        probabilities = np.where(read[:, None], readings.probabilities, np.float32(0))
        thresholds = self.thresholds(labels)
        return TextScores(probabilities, labels, thresholds, readings.known, self.settings, readings.foreign)

    @abstractmethod
    def thresholds(self, labels: TextLabelSet) -> FloatArray:
        """float32 C: the probability from which each label is present."""

    @abstractmethod
    def _read(self, texts: Sequence[str], labels: TextLabelSet) -> Readings:
        """Readings of at least one text; what an empty one gets as probabilities is not used."""


def _read(known: FloatArray, foreign: BoolArray | None, settings: TextSettings) -> BoolArray:
    readable = (known > 0) & (known >= settings.known_share)
    return readable if foreign is None else readable & ~foreign

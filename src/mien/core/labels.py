"""The label sets and the mappings between them.

The canonical space is FER+'s eight emotions (Barsoum et al., 2016, *Training deep networks for facial expression
recognition with crowd-sourced label distribution*). Every other label set is a view of it: a function of one
face's eight probabilities. A view is applied to each face before anything is averaged, because dropping or
combining classes and then renormalising does not commute with the mean over people.

Where contempt goes in each view that has no contempt is written beside the view.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

UNCERTAIN: Final = "uncertain"
"""What a face's label reads while its strongest probability is below the uncertainty threshold."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A compound expression: two canonical emotions that share one face's probability."""

    label: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A named, ordered set of emotion labels and how it is derived from the canonical eight.

    Attributes:
        name: the identifier users give (``cinema7``).
        labels: the labels in index order.
        sources: for each label the canonical emotions that are summed into it; an empty tuple is a label
            that facial probabilities alone cannot support.
        pairs: compounds carved out of two canonical emotions (see :meth:`view`).
        descriptions: a few words for each label.
    """

    name: str
    labels: tuple[str, ...]
    sources: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.sources):
            raise ValueError(f"label set {self.name}: {len(self.labels)} labels, {len(self.sources)} sources")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"label set {self.name} repeats a label")

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Position of ``label``; ValueError names the label set when it is not one of its labels."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise ValueError(f"{label!r} is not in label set {self.name} ({', '.join(self.labels)})") from None

    def without(self, left_out: Collection[str]) -> tuple[str, ...]:
        """The labels of which nothing is told when some canonical emotions are not.

        Args:
            left_out: canonical emotions.
        """
        pairs = {pair.label for pair in self.pairs if pair.first in left_out or pair.second in left_out}
        return tuple(
            label
            for label, source in zip(self.labels, self.sources, strict=True)
            if label in pairs or (source and all(name in left_out for name in source))
        )

    def told_without(self, left_out: Collection[str]) -> tuple[str, ...]:
        """The labels that a face can still be given when some canonical emotions are not told.

        Args:
            left_out: canonical emotions.
        """
        unseen = self.without(left_out)
        pairs = {pair.label for pair in self.pairs}
        return tuple(
            label
            for label, source in zip(self.labels, self.sources, strict=True)
            if label not in unseen and (source or label in pairs)
        )

    def view(self, probabilities: FloatArray) -> FloatArray:
        """This label set's probabilities of each face.

        Args:
            probabilities: float32 N×8, canonical order, rows sum to 1.

        Returns:
            float32 N×len(self), rows sum to 1. Mass of canonical emotions that the set leaves out is
            redistributed in proportion (renormalised). A row whose whole mass is left out becomes neutral
            where the set has neutral, uniform otherwise.

        A compound takes ``2·min(a, b)`` of its two parents, an equal share from each: it is whole when both
        share the face equally and vanishes when one is absent. Where several compounds draw on one parent,
        each is scaled so that no parent gives more than it has; the total mass is unchanged.
        """
        p = np.asarray(probabilities, dtype=np.float32)
        if p.ndim != 2 or p.shape[1] != len(FERPLUS8.labels):
            raise ValueError(f"expected N×{len(FERPLUS8.labels)} canonical probabilities, got shape {p.shape}")
        singles = p
        compounds = np.zeros((len(p), len(self.pairs)), dtype=np.float32)
        if self.pairs:
            singles, compounds = _carve_pairs(p, self.pairs)
        out = np.zeros((len(p), len(self.labels)), dtype=np.float32)
        for column, names in enumerate(self.sources):
            for name in names:
                out[:, column] += singles[:, FERPLUS8.labels.index(name)]
        for column, pair in enumerate(self.pairs):
            out[:, self.labels.index(pair.label)] += compounds[:, column]
        total = out.sum(axis=1, keepdims=True)
        empty = total[:, 0] <= 1e-9
        if empty.any():
            out[empty] = 0.0
            if "neutral" in self.labels:
                out[empty, self.labels.index("neutral")] = 1.0
            else:
                out[empty] = 1.0 / len(self.labels)
            total = out.sum(axis=1, keepdims=True)
        return np.asarray(out / total, dtype=np.float32)


def _carve_pairs(p: FloatArray, pairs: tuple[Pair, ...]) -> tuple[FloatArray, FloatArray]:
    """Split canonical mass into what stays single and what becomes each compound (see :meth:`LabelSet.view`)."""
    index = FERPLUS8.labels.index
    shares = np.stack([np.minimum(p[:, index(c.first)], p[:, index(c.second)]) for c in pairs], axis=1)
    demand = np.zeros_like(p)
    for column, pair in enumerate(pairs):
        demand[:, index(pair.first)] += shares[:, column]
        demand[:, index(pair.second)] += shares[:, column]
    scale = np.divide(p, demand, out=np.ones_like(p), where=demand > p)
    singles = p.copy()
    compounds = np.zeros_like(shares)
    for column, pair in enumerate(pairs):
        first, second = index(pair.first), index(pair.second)
        given = shares[:, column] * np.minimum(scale[:, first], scale[:, second])
        singles[:, first] -= given
        singles[:, second] -= given
        compounds[:, column] = 2.0 * given
    return np.maximum(singles, 0.0), compounds


def _same(*labels: str) -> tuple[tuple[str, ...], ...]:
    return tuple((label,) for label in labels)


FERPLUS8: Final = LabelSet(
    "ferplus8",
    ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    _same("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
)
EMOTIONS: Final = FERPLUS8.labels
"""The canonical eight, in the order of every probability array inside Mien."""

CINEMA7: Final = LabelSet(
    "cinema7",
    ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    # Contempt is rejection without arousal: nearest to disgust in a cinema, and 0.6 % of FER+'s faces.
    (("anger",), ("disgust", "contempt"), ("fear",), ("happiness",), ("sadness",), ("surprise",), ("neutral",)),
    descriptions=MappingProxyType(
        {
            "fear": "the primary reaction to horror",
            "surprise": "jump scares",
            "disgust": "visceral reaction; contempt counts here",
            "happy": "nervous laughter, release of tension",
            "sad": "empathy",
            "angry": "rejection",
            "neutral": "baseline",
        }
    ),
)

INDEXED7: Final = LabelSet(
    "indexed7",
    ("happy", "surprise", "sad", "anger", "disgust", "fear", "neutral"),
    # The published seven have no contempt and do not fold it anywhere: it is left out and renormalised.
    (("happiness",), ("surprise",), ("sadness",), ("anger",), ("disgust",), ("fear",), ("neutral",)),
    descriptions=MappingProxyType(
        {
            "happy": "joy, satisfaction, contentment",
            "surprise": "shock, amazement, astonishment",
            "sad": "sorrow, melancholy, dejection",
            "anger": "rage, frustration, annoyance",
            "disgust": "revulsion, distaste, aversion",
            "fear": "anxiety, worry, apprehension",
            "neutral": "calm, composed, unexpressive",
        }
    ),
)

STUDIO6: Final = LabelSet(
    "studio6",
    ("happy", "sad", "angry", "surprised", "disgust", "neutral"),
    # No fear: a fearful face in a trailer test is closest to surprised (shared brow and eye action units 1, 2, 5).
    # Contempt joins disgust, as in cinema7.
    (("happiness",), ("sadness",), ("anger",), ("surprise", "fear"), ("disgust", "contempt"), ("neutral",)),
)

ENGAGEMENT5: Final = LabelSet(
    "engagement5",
    ("angry", "happy", "neutral", "sad", "surprise"),
    # Disgust, fear and contempt have no class here and are left out of the view; the engagement metric uses all eight.
    (("anger",), ("happiness",), ("neutral",), ("sadness",), ("surprise",)),
)

COMPOUND12: Final = LabelSet(
    "compound12",
    (
        "neutral",
        "happy",
        "sad",
        "angry",
        "surprise",
        "fear",
        "disgust",
        "contempt",
        "happily surprised",
        "sadly angry",
        "fearfully surprised",
        "other",
    ),
    (
        *_same("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust", "contempt"),
        (),
        (),
        (),
        # "other" is for expressions outside the eight; a distribution over the eight gives it nothing.
        (),
    ),
    pairs=(
        Pair("happily surprised", "happiness", "surprise"),
        Pair("sadly angry", "sadness", "anger"),
        Pair("fearfully surprised", "fear", "surprise"),
    ),
)

LABEL_SETS: Final[Mapping[str, LabelSet]] = MappingProxyType(
    {s.name: s for s in (FERPLUS8, CINEMA7, INDEXED7, STUDIO6, ENGAGEMENT5, COMPOUND12)}
)


def label_set(name: str) -> LabelSet:
    """The label set called ``name``; ValueError lists the known ones."""
    try:
        return LABEL_SETS[name]
    except KeyError:
        raise ValueError(f"unknown label set {name!r}: choose one of {', '.join(LABEL_SETS)}") from None


@dataclass(frozen=True, slots=True)
class TextLabelSet:
    """A named, ordered set of emotion labels that texts are given, and where each is in the faces' vocabulary.

    A text may carry several of them, so their probabilities are independent and need not sum to 1.

    Attributes:
        name: the identifier users give (``ekman``).
        labels: the labels in index order.
        faces: for each label the canonical emotion it counts as.
    """

    name: str
    labels: tuple[str, ...]
    faces: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.faces):
            raise ValueError(f"text label set {self.name}: {len(self.labels)} labels, {len(self.faces)} in faces")
        unknown = sorted(set(self.faces) - set(EMOTIONS))
        if unknown:
            raise ValueError(f"text label set {self.name}: {', '.join(unknown)} is no canonical emotion")

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Position of ``label``; ValueError names the label set when it is not one of its labels."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise ValueError(f"{label!r} is not in text label set {self.name} ({', '.join(self.labels)})") from None

    def as_faces(self, probabilities: FloatArray) -> FloatArray:
        """Texts in the words of faces, to be laid beside an audience's shares.

        Args:
            probabilities: float32 N×len(self), 0–1 each.

        Returns:
            float32 N×8, canonical order, rows sum to 1: each emotion takes the strongest of its labels, and the row is
            renormalised. A row of zeros (a text that could not be read) stays zeros. No text label counts as contempt.
        """
        p = np.asarray(probabilities, dtype=np.float32)
        if p.ndim != 2 or p.shape[1] != len(self.labels):
            raise ValueError(f"expected N×{len(self.labels)} probabilities of {self.name}, got shape {p.shape}")
        out = np.zeros((len(p), len(EMOTIONS)), dtype=np.float32)
        for column, emotion in enumerate(self.faces):
            target = EMOTIONS.index(emotion)
            out[:, target] = np.maximum(out[:, target], p[:, column])
        total = out.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(out, total, out=out, where=total > 0), dtype=np.float32)


EKMAN_GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "joy": (
            "joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism", "relief", "pride",
            "admiration", "desire", "caring",
        ),
        "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
        "anger": ("anger", "annoyance", "disapproval"),
        "fear": ("fear", "nervousness"),
        "disgust": ("disgust",),
        "surprise": ("surprise", "realization", "confusion", "curiosity"),
        "neutral": ("neutral",),
    }
)  # fmt: skip
"""GoEmotions' 28 labels under Ekman's six and neutral, as published with the data (Demszky et al., 2020,
*GoEmotions: A dataset of fine-grained emotions*, section 5.3 and its ``ekman_mapping.json``)."""

JOY_IN_FACES: Final = "happiness"
"""What texts call joy. The other six words are the same for texts and faces; contempt is not in the texts' six."""


def _face_of(label: str) -> str:
    group = next(group for group, members in EKMAN_GROUPS.items() if label in members)
    return JOY_IN_FACES if group == "joy" else group


TEXT_EKMAN: Final = TextLabelSet("ekman", tuple(EKMAN_GROUPS), tuple(_face_of(group) for group in EKMAN_GROUPS))
"""The seven public names of text emotion."""

_ORIGINAL: Final = (
    *("admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire"),
    *("disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy"),
    *("love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise"),
    "neutral",
)
TEXT_ORIGINAL: Final = TextLabelSet("original", _ORIGINAL, tuple(_face_of(label) for label in _ORIGINAL))
"""GoEmotions' 27 emotions and neutral, in the order of its files."""

TEXT_LABEL_SETS: Final[Mapping[str, TextLabelSet]] = MappingProxyType({s.name: s for s in (TEXT_EKMAN, TEXT_ORIGINAL)})


def text_label_set(name: str) -> TextLabelSet:
    """The text label set called ``name``; ValueError lists the known ones."""
    try:
        return TEXT_LABEL_SETS[name]
    except KeyError:
        raise ValueError(f"unknown text label set {name!r}: choose one of {', '.join(TEXT_LABEL_SETS)}") from None


def ekman_of(original: FloatArray) -> FloatArray:
    """The seven from the 28: of each group the strongest member.

    Args:
        original: float32 N×28, 0–1 each, order of :data:`TEXT_ORIGINAL`; of 0 and 1, it is the published grouping of
            labels.

    Returns:
        float32 N×7, order of :data:`TEXT_EKMAN`.
    """
    p = np.asarray(original, dtype=np.float32)
    if p.ndim != 2 or p.shape[1] != len(TEXT_ORIGINAL):
        raise ValueError(f"expected N×{len(TEXT_ORIGINAL)} probabilities, got shape {p.shape}")
    columns = [[TEXT_ORIGINAL.index(label) for label in members] for members in EKMAN_GROUPS.values()]
    return np.stack([p[:, members].max(axis=1) for members in columns], axis=1)


def weigh(probabilities: FloatArray, weights: FloatArray) -> FloatArray:
    """Shares times the factor of each emotion, renormalised.

    Args:
        probabilities: float32 N×8, canonical order, rows sum to 1.
        weights: float32 8, factor of each emotion, see ``core.settings.canonical_weights``.

    Returns:
        float32 N×8, rows sum to 1. A face that showed nothing but what is left out is neutral; where neutral is left
        out too, all that is told alike.
    """
    weighted = probabilities * weights
    total = weighted.sum(axis=1, keepdims=True)
    lost = total[:, 0] <= 1e-9
    if lost.any():
        neutral = EMOTIONS.index("neutral")
        told = weights > 0
        weighted[lost] = np.arange(len(weights)) == neutral if told[neutral] else told
        total = weighted.sum(axis=1, keepdims=True)
    return np.asarray(weighted / total, np.float32)

"""Training data as arrays in memory: what is learned of each face, and what counts as right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mien.core.errors import SettingsError
from mien.core.faces import FloatArray, UInt8Array
from mien.core.labels import EMOTIONS, LabelSet, label_set
from mien.evaluation.duplicates import copies_between
from mien.evaluation.faces import VotedFaces, load_voted_faces
from mien.evaluation.label_map import check_label_map
from mien.evaluation.layouts import ReadOptions
from mien.evaluation.protocols import Truth, argmax_truth, majority_truth, vote_distribution
from mien.preprocess import to_grey
from mien.training.recipe import DataSection, Recipe
from mien.training.soft_labels import read_soft_labels


@dataclass(frozen=True, slots=True)
class Examples:
    """What a run learns from.

    Attributes:
        images: uint8 N×S×S grey or N×S×S×3 RGB.
        targets: float32 N×K, rows sum to 1.
        teacher: float32 N×K, rows sum to 1; None when the recipe does not distil.
        labels: names of the K classes.
    """

    images: UInt8Array
    targets: FloatArray
    teacher: FloatArray | None
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class Held:
    """What a run is judged by.

    Attributes:
        images: uint8 N×S×S grey or N×S×S×3 RGB.
        targets: float32 N×K vote shares; rows without a vote are all zero and weigh nothing.
        majority, argmax: the faces each protocol keeps, with their class among ``labels``.
        labels: names of the K classes.
    """

    images: UInt8Array
    targets: FloatArray
    majority: Truth
    argmax: Truth
    labels: tuple[str, ...]


def digest(examples: Examples, held: Held) -> str:
    """A hash of everything that a run learns from and is judged by: one that goes on must go on with the same."""
    whole = hashlib.sha256()
    for part in (
        *(examples.images, examples.targets),
        *(() if examples.teacher is None else (examples.teacher,)),
        *(held.images, held.targets),
        *(held.majority.keep, held.majority.label, held.argmax.keep, held.argmax.label),
    ):
        whole.update(np.ascontiguousarray(part).data)
    return whole.hexdigest()


def load_training(recipe: Recipe) -> tuple[Examples, Held]:
    """Both splits as a recipe names them.

    Raises:
        InputError, UnsupportedMediaError: a data set is missing or malformed.
        SettingsError: the splits have different classes, neither has one that ``label_map`` names, too little is left
            to learn from, or nothing to be judged by.
    """
    data = recipe.data
    training, validation = load_faces(recipe, "train"), load_faces(recipe, "valid")
    check_label_map(data.label_map, (training.called, validation.called), "data.label_map")
    if training.labels != validation.labels:
        raise SettingsError(
            f"{data.train} has classes {', '.join(training.labels)}, {data.valid} {', '.join(validation.labels)}"
        )
    targets, labels = class_targets(training, data)
    keep = targets.sum(axis=1) > 0
    if data.drop_copies:
        keep[_copied(training.images, validation.images)] = False
    rows = np.flatnonzero(keep)
    if len(rows) < recipe.schedule.batch_size:
        raise SettingsError(f"{data.train}: {len(rows)} faces to learn from are fewer than schedule.batch_size")
    teacher = None
    if recipe.distil is not None:
        teacher = label_set(data.label_set).view(read_soft_labels(recipe.distil.labels, training))[rows]
    judged = held(validation, recipe)
    if judged.targets.sum() == 0:
        raise SettingsError(
            f"{data.valid}: no face has a vote for any of {', '.join(labels)}: nothing can be judged by it"
        )
    return Examples(coloured(training.images, recipe)[rows], targets[rows], teacher, labels), judged


def _copied(training: UInt8Array, validation: UInt8Array) -> npt.NDArray[np.intp]:
    """Rows of training that show a photograph of validation, intp M.

    A search keeps a few pairs a picture of its first set: from the validation side alone it would leave the other
    training copies of a photograph that is there many times. From either side a pair that the other misses is found.
    """
    return np.union1d(copies_between(training, validation).first, copies_between(validation, training).second)


def load_faces(recipe: Recipe, split: Literal["train", "valid"]) -> VotedFaces:
    """One split as a recipe names it; errors as :func:`load_training`."""
    data = recipe.data
    path, part = (data.train, data.train_part) if split == "train" else (data.valid, data.valid_part)
    options = ReadOptions(part, recipe.crop.size, recipe.input.colour, data.label_map, data.labels)
    return load_voted_faces(path, options, data.layout)


def held(faces: VotedFaces, recipe: Recipe) -> Held:
    """A validation split as a recipe is judged by it: against the votes, whatever it learns from."""
    votes = recipe.data.model_copy(update={"targets": "votes", "drop_single_votes": False})
    targets, labels = class_targets(faces, votes)
    majority, argmax = (_truth(faces, recipe.data, protocol) for protocol in ("majority", "argmax"))
    return Held(coloured(faces.images, recipe), targets, majority, argmax, labels)


def class_targets(faces: VotedFaces, data: DataSection) -> tuple[FloatArray, tuple[str, ...]]:
    """What is learned of each face: float32 N×K, and the names of the K classes.

    Rows sum to 1, or to 0 where nothing is learned: no vote for any class, a face that the protocol drops, or one whose
    votes mostly went to emotions that the label set leaves out.

    Raises:
        SettingsError: a view of the eight emotions is asked for, and the faces have other classes.
    """
    if faces.labels not in (EMOTIONS, label_set(data.label_set).labels) and data.label_set != "ferplus8":
        raise SettingsError(
            f"data.label_set: {data.label_set} is a view of the eight emotions, and the faces have classes of their "
            f"own ({', '.join(faces.labels)}): leave it out"
        )
    if data.targets != "votes":
        truth = _truth(faces, data, data.targets)
        labels = faces.labels if faces.labels != EMOTIONS else label_set(data.label_set).labels
        hard = np.zeros((len(faces), len(labels)), np.float32)
        hard[truth.keep, truth.label] = 1.0
        return hard, labels
    if faces.labels != EMOTIONS:
        return _shares(faces.votes, len(faces.labels)), faces.labels
    shares = vote_distribution(faces.votes, drop_single_votes=data.drop_single_votes)
    return _viewed(shares, data), label_set(data.label_set).labels


def _viewed(shares: FloatArray, data: DataSection) -> FloatArray:
    """Canonical shares as the recipe's label set shows them; zero rows where it leaves out more than half of a face."""
    chosen = label_set(data.label_set)
    if chosen.labels == EMOTIONS:
        return shares
    kept = shares[:, _kept_columns(chosen)].sum(axis=1)
    viewed = chosen.view(shares)
    viewed[kept <= 0.5] = 0.0
    return np.asarray(viewed, np.float32)


def _truth(faces: VotedFaces, data: DataSection, protocol: str) -> Truth:
    """The faces a protocol keeps, with their class among those that are learned."""
    chosen = label_set(data.label_set)
    if faces.labels == EMOTIONS and chosen.labels == EMOTIONS:
        return majority_truth(faces.votes) if protocol == "majority" else argmax_truth(faces.votes)
    if faces.labels == EMOTIONS:
        shares = _viewed(vote_distribution(faces.votes), data)
        named = faces.votes.argmax(axis=1) < len(EMOTIONS)
    else:
        shares = _shares(faces.votes, len(faces.labels))
        named = faces.votes.argmax(axis=1) < len(faces.labels)
    least = 0.5 if protocol == "majority" else 0.0
    keep = np.flatnonzero(named & (shares.max(axis=1) > least))
    return Truth(keep, shares[keep].argmax(axis=1))


def _kept_columns(chosen: LabelSet) -> list[int]:
    """Canonical emotions that a label set has a place for."""
    names = {name for source in chosen.sources for name in source}
    names |= {name for pair in chosen.pairs for name in (pair.first, pair.second)}
    return [EMOTIONS.index(name) for name in names]


def _shares(votes: UInt8Array, classes: int) -> FloatArray:
    """Share of the votes of each class; rows without one are all zero."""
    given = votes[:, :classes].astype(np.float32)
    total = given.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(given, total, out=np.zeros_like(given), where=total > 0), np.float32)


def coloured(images: UInt8Array, recipe: Recipe) -> UInt8Array:
    """Pictures in the colour that the network takes: N×S×S for grey, N×S×S×3 for RGB."""
    if recipe.input.colour == "grey" and images.ndim == 4:
        return to_grey(images)
    if recipe.input.colour == "rgb" and images.ndim == 3:
        return np.repeat(images[..., None], 3, axis=3)
    return images

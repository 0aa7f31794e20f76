"""Votes and answers made by chance from a seed, and a classifier that reads them off the picture."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from mien.core.faces import CropGeometry, EmotionClassifier, FloatArray, UInt8Array
from mien.core.labels import EMOTIONS, FERPLUS8
from mien.evaluation.faces import VotedFaces
from mien.preprocess import to_grey

T = TypeVar("T")
PRIOR = np.array([0.4, 0.25, 0.12, 0.1, 0.06, 0.03, 0.03, 0.01])
SIDE = 48


def known(value: T | None) -> T:
    """``value``, which is there."""
    assert value is not None
    return value


def cast(count: int, seed: int = 1, *, agreement: float = 6.0) -> np.ndarray:
    """Ten votes for each of N faces: uint8 N×10, emotions in about the shares of :data:`PRIOR`."""
    random = np.random.default_rng(seed)
    label = random.choice(len(EMOTIONS), count, p=PRIOR)
    taste = np.full((count, len(EMOTIONS)), 0.35)
    taste[np.arange(count), label] += agreement
    shares = np.stack([random.dirichlet(row) for row in taste])
    return np.pad(np.stack([random.multinomial(10, row) for row in shares]), ((0, 0), (0, 2))).astype(np.uint8)


def answers(votes: np.ndarray, seed: int = 2, *, noise: float = 0.15) -> np.ndarray:
    """Shares that follow the votes, blurred towards what is common: float32 N×8."""
    random = np.random.default_rng(seed)
    share = votes[:, :8] / votes[:, :8].sum(axis=1, keepdims=True)
    mixed = (1 - noise) * share + noise * PRIOR + random.gamma(0.3, 0.05, share.shape)
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True), np.float32)


def judged(count: int, seed: int = 7, *, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """What the best of all models says of faces that overlap, and votes that agree on what each face is.

    Each emotion is a normal distribution in eight dimensions, ``apart`` from the origin along its own. The model knows
    them and :data:`PRIOR`, and tells the posterior: it is calibrated, and calls rare emotions seldom.

    Returns:
        float32 N×8 and uint8 N×10.
    """
    random = np.random.default_rng(seed)
    label = random.choice(len(EMOTIONS), count, p=PRIOR)
    seen = random.normal(size=(count, len(EMOTIONS))) + apart * np.eye(len(EMOTIONS))[label]
    scores = np.exp(apart * seen) * PRIOR
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), label] = 10
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32), votes


def pictures(votes: np.ndarray, seed: int = 3) -> VotedFaces:
    """Pictures whose upper left corner is as bright as their strongest emotion's place; the rest is noise."""
    images = np.random.default_rng(seed).integers(60, 180, (len(votes), SIDE, SIDE), dtype=np.uint8)
    images[:, :24, :24] = (votes[:, :8].argmax(axis=1) * 30 + 15)[:, None, None]
    return VotedFaces(images, votes)


class CornerReader(EmotionClassifier):
    """Reads :func:`pictures` without fail as long as nothing gets in the way."""

    name = "corner-reader"
    sha256 = "c" * 64
    labels = FERPLUS8
    geometry = CropGeometry(SIDE, 1.876, 0.153)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def _classify(self, pixels: UInt8Array) -> FloatArray:
        self.batches.append(len(pixels))
        place = np.clip((to_grey(pixels)[:, 4:20, 4:20].mean(axis=(1, 2)) / 30).astype(int), 0, len(EMOTIONS) - 1)
        out = np.full((len(pixels), len(EMOTIONS)), 0.02, np.float32)
        out[np.arange(len(pixels)), place] = 0.86
        return out

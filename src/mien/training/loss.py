"""What training minimises, against soft labels: cross-entropy, focal loss, balanced softmax, and a teacher."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mien.core.errors import SettingsError
from mien.core.faces import FloatArray
from mien.training.recipe import DistilSection, LossSection

EFFECTIVE_BETA = 0.999


class Loss:
    """The loss of a recipe.

    Args:
        section: which, and how strong.
        targets: float32 N×K of the training set; the classes' shares come from it.
        labels: names of the K classes.
        smoothing: share of each label spread over all classes, 0–1.
        distil: the teacher's part; None without a teacher.
        device: where batches lie.

    Raises:
        SettingsError: class weights name a class that is not there, or leave one out.
    """

    def __init__(
        self,
        section: LossSection,
        targets: FloatArray,
        labels: Sequence[str],
        smoothing: float,
        distil: DistilSection | None,
        device: torch.device,
    ) -> None:
        mass = targets.sum(axis=0, dtype=np.float64)
        prior = np.maximum(mass, 1e-6) / max(float(mass.sum()), 1e-6)
        self._section = section
        self._smoothing = smoothing
        self._distil = distil
        self._weights = torch.tensor(class_weights(section, mass, labels), dtype=torch.float32, device=device)
        self._log_prior = section.prior_strength * torch.tensor(np.log(prior), dtype=torch.float32, device=device)

    def __call__(self, logits: Tensor, votes: Tensor, teacher: Tensor | None) -> Tensor:
        """The mean over a batch.

        Args:
            logits: N×K.
            votes: float32 N×K, rows sum to 1.
            teacher: float32 N×K, rows sum to 1; needed when the recipe distils.
        """
        logits = logits.float()
        y = votes * (1 - self._smoothing) + self._smoothing / votes.shape[1]
        own = self._against(logits, y)
        if self._distil is None or teacher is None:
            return own
        t = self._distil.temperature
        softened = teacher.clamp_min(1e-8) ** (1 / t)
        softened = softened / softened.sum(dim=1, keepdim=True)
        raised = self._raised(logits) / t
        taught = (
            -(softened * self._weights ** (1 / t) * functional.log_softmax(raised, dim=1)).sum(dim=1).mean() * t * t
        )
        return (1 - self._distil.share) * own + self._distil.share * taught

    def _against(self, logits: Tensor, y: Tensor) -> Tensor:
        log_p = functional.log_softmax(self._raised(logits), dim=1)
        if self._section.kind == "focal":
            log_p = (1 - log_p.exp()).clamp_min(0.0) ** self._section.focal_gamma * log_p
        return -(y * self._weights * log_p).sum(dim=1).mean()

    def _raised(self, logits: Tensor) -> Tensor:
        """The logits that are held against votes and teacher alike, so that both ask the same of the network."""
        return logits + self._log_prior if self._section.kind == "balanced_softmax" else logits


def class_weights(section: LossSection, mass: FloatArray, labels: Sequence[str]) -> FloatArray:
    """A weight for each class, whose mean over the training set's labels is 1.

    Args:
        section: says how they are made.
        mass: K, how many faces' worth of labels each class has.
        labels: names of the K classes.

    Raises:
        SettingsError: weights name a class that is not there, or leave one out.
    """
    given = section.class_weights
    if given == "none":
        return np.ones(len(labels), np.float32)
    seen = np.maximum(mass, 1.0)
    if isinstance(given, dict):
        if set(given) != set(labels):
            raise SettingsError(f"loss.class_weights must name each of {', '.join(labels)}, got {', '.join(given)}")
        raw = np.array([given[label] for label in labels])
    elif given == "inverse":
        raw = 1 / seen
    else:
        raw = (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA**seen)
    return np.asarray(raw * mass.sum() / (raw * mass).sum(), np.float32)

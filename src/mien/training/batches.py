"""What the network is shown: drawn, framed, augmented, normalised and mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mien.core.faces import FaceDetector
from mien.preprocess import InputFormat
from mien.training.augment import augment
from mien.training.data import Examples
from mien.training.framing import framings
from mien.training.mixing import mix
from mien.training.recipe import Recipe


class Batches:
    """The batches of an epoch, augmented and mixed; each iteration is an epoch.

    Args:
        recipe: how.
        examples: what is learned from.
        detector: finds landmarks for aligned crops; None only when there are none.
        out: the run's folder, where landmarks are kept.
        note: told when landmarks are looked for.
        generator: source of every random number, on the CPU.
        device: where batches are wanted.
    """

    def __init__(
        self,
        recipe: Recipe,
        examples: Examples,
        detector: FaceDetector | None,
        out: Path,
        note: Callable[[str], None],
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self._recipe, self._generator, self._device = recipe, generator, device
        self._form, self._options = recipe.input.form(), recipe.augmentation()
        self._images = torch.from_numpy(np.ascontiguousarray(examples.images))
        self._targets = torch.from_numpy(examples.targets)
        self._teacher = None if examples.teacher is None else torch.from_numpy(examples.teacher)
        self._frames = torch.from_numpy(framings(recipe, examples.images, detector, out, note))
        self._weights = sampling_weights(self._targets, recipe.data.balance)

    def __len__(self) -> int:
        return len(self._images) // self._recipe.schedule.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Faces as the network takes them, float32 N×C×S×S, their labels, and the teacher's, each float32 N×K."""
        size = self._recipe.schedule.batch_size
        order = self._order()
        for step in range(len(self)):
            yield self._batch(order[step * size : (step + 1) * size])

    def _order(self) -> Tensor:
        if self._weights is None:
            return torch.randperm(len(self._images), generator=self._generator)
        return torch.multinomial(self._weights, len(self._images), replacement=True, generator=self._generator)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        recipe, draw = self._recipe, self._generator
        use = torch.rand(len(rows), generator=draw) < recipe.data.aligned_share
        choice = torch.zeros(len(rows), dtype=torch.long)
        if len(self._frames) > 1:
            choice = torch.randint(len(self._frames), (len(rows),), generator=draw)
        identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        frames = torch.where(use[:, None, None], self._frames[choice, rows], identity).to(self._device)
        pixels = augment(self._images[rows].to(self._device), frames, self._options, draw, recipe.crop.size)
        targets = [self._targets[rows].to(self._device)]
        if self._teacher is not None:
            targets.append(self._teacher[rows].to(self._device))
        schedule = recipe.schedule
        x, mixed = mix(
            standardise(pixels, self._form), tuple(targets), schedule.mixup_alpha, schedule.cutmix_alpha, draw
        )
        return x, mixed[0], mixed[1] if self._teacher is not None else None


def sampling_weights(targets: Tensor, balance: float) -> Tensor | None:
    """How likely each face is to be drawn; None when each is taken once.

    Args:
        targets: float32 N×K labels.
        balance: 0 for faces as they are, 1 for classes equally often.

    Returns:
        float32 N.
    """
    if balance <= 0:
        return None
    share = targets.mean(dim=0).clamp_min(1e-6)
    return (targets * share**-balance).sum(dim=1)


def standardise(pixels: Tensor, form: InputFormat) -> Tensor:
    """``preprocess.normalise`` on a batch of tensors: float32 N×C×S×S on 0–1 in and as the network takes it out."""
    if form.equalise:
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        spread = pixels.std(dim=(1, 2, 3), keepdim=True, unbiased=False)
        return (pixels - mean) / (spread + 1e-2)
    middle, spread = (
        torch.tensor(values, dtype=torch.float32, device=pixels.device).view(1, -1, 1, 1)
        for values in (form.mean, form.deviation)
    )
    return (pixels - middle) / spread

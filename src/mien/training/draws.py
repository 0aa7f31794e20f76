"""Random numbers for a batch: drawn on the CPU from one seeded generator, handed out where the batch lies."""

from __future__ import annotations

import torch
from torch import Tensor


class Draws:
    """Draws one number a face.

    Args:
        count: faces in the batch.
        generator: on the CPU.
        device: where the numbers are wanted.
    """

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self._count = count
        self._generator = generator
        self._device = device

    def normal(self, scale: float) -> Tensor:
        """float32 N, of mean 0 and that deviation."""
        return (torch.randn(self._count, generator=self._generator) * scale).to(self._device)

    def uniform(self, low: float, high: float) -> Tensor:
        """float32 N, from low to high."""
        return (low + (high - low) * torch.rand(self._count, generator=self._generator)).to(self._device)

    def chance(self, probability: float) -> Tensor:
        """bool N."""
        return (torch.rand(self._count, generator=self._generator) < probability).to(self._device)

    def coin(self) -> bool:
        """Heads or tails for the whole batch."""
        return float(torch.rand(1, generator=self._generator)) < 0.5

    def normal_like(self, x: Tensor) -> Tensor:
        """float32 in the shape of ``x``, of mean 0 and deviation 1."""
        return torch.randn(x.shape, generator=self._generator).to(self._device)

    def column(self, values: Tensor) -> Tensor:
        """N numbers as N×1×1×1."""
        return values.view(-1, 1, 1, 1)

"""Mixing pairs of training examples: MixUp (Zhang et al., 2018) and CutMix (Yun et al., 2019)."""

from __future__ import annotations

import torch
from torch import Tensor


def mix(
    x: Tensor, targets: tuple[Tensor, ...], mixup_alpha: float, cutmix_alpha: float, generator: torch.Generator
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Half of the batches mixed with a shuffled copy of themselves, the others as they are.

    Args:
        x: float32 N×C×S×S.
        targets: each float32 N×K; all are mixed in the pictures' proportion.
        mixup_alpha, cutmix_alpha: of the Beta distribution of the share; 0 turns one off. With both, each takes half.
        generator: on the CPU.
    """
    if mixup_alpha <= 0 and cutmix_alpha <= 0:
        return x, targets
    if float(torch.rand(1, generator=generator)) < 0.5:
        return x, targets
    cut = cutmix_alpha > 0 and (mixup_alpha <= 0 or float(torch.rand(1, generator=generator)) < 0.5)
    share = _beta(cutmix_alpha if cut else mixup_alpha, generator)
    other = torch.randperm(len(x), generator=generator).to(x.device)
    if cut:
        x, share = _pasted(x, other, share, generator)
    else:
        x = share * x + (1 - share) * x[other]
    return x, tuple(share * y + (1 - share) * y[other] for y in targets)


def _beta(alpha: float, generator: torch.Generator) -> float:
    draws = torch._standard_gamma(torch.full((2,), alpha), generator=generator)
    return float(draws[0] / draws.sum().clamp_min(1e-8))


def _pasted(x: Tensor, other: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """A rectangle of the other picture, of about ``1 - share`` of the area; and the share that really stayed."""
    side = x.shape[-1]
    reach = (1 - share) ** 0.5 * side / 2
    row, column = (torch.rand(2, generator=generator) * side).tolist()
    top, bottom = (round(min(max(edge, 0), side)) for edge in (row - reach, row + reach))
    left, right = (round(min(max(edge, 0), side)) for edge in (column - reach, column + reach))
    mixed = x.clone()
    mixed[:, :, top:bottom, left:right] = x[other][:, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / side**2

"""Pruning of whole channels, by how far their normalisations scale them (Liu et al., 2017, *Network Slimming*)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that stay or go together, because their values are added.

    Attributes:
        norms: prefixes of the normalisations that make them.
        makers: prefixes of the convolutions that make them.
        readers: prefixes of the layers that read them.
        kept: how many stay.
    """

    norms: Sequence[str]
    makers: Sequence[str]
    readers: Sequence[str]
    kept: int


def pruned(weights: Mapping[str, Tensor], groups: Iterable[ChannelGroup]) -> dict[str, Tensor]:
    """A network's weights without the channels that its normalisations scale least.

    Args:
        weights: a state dict; convolutions without biases.
        groups: of all channels that may go.

    Returns:
        The same names, with smaller tensors; a group that has no more than it keeps stays as it is.
    """
    left = dict(weights)
    for group in groups:
        scale = torch.stack([weights[f"{norm}.weight"].abs() for norm in group.norms]).sum(0)
        stay = scale.argsort(descending=True, stable=True)[: group.kept].sort().values
        for norm in group.norms:
            for part in ("weight", "bias", "running_mean", "running_var"):
                left[f"{norm}.{part}"] = left[f"{norm}.{part}"][stay]
        for maker in group.makers:
            left[f"{maker}.weight"] = left[f"{maker}.weight"][stay]
        for reader in group.readers:
            left[f"{reader}.weight"] = left[f"{reader}.weight"][:, stay]
    return left

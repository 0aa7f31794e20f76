"""A narrower encoder: the feed-forward units that say least are taken out before training.

A unit's say is the spread of what it adds to the layer's output over real comments: the standard deviation of its
activation times the length of its output column. Units that are taken out leave their mean behind, in the bias.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from mien.training.text.data import batches, pad
from mien.training.text.encoder import TextEncoder


def shrink(network: TextEncoder, rows: Sequence[Sequence[int]], inner: int) -> TextEncoder:
    """An encoder with ``inner`` units in each feed-forward block, otherwise the same.

    Args:
        network: to be narrowed; left as it is.
        rows: piece ids of comments that show what its units do.
        inner: units to keep of each block, at most what it has.
    """
    labels = [int(network.get_parameter(f"heads.{index}.bias").numel()) for index in range(len(network.heads))]
    small = TextEncoder(replace(network.shape, inner=inner), labels, network.dropout, network.attention_dropout)
    state = dict(network.state_dict())
    for index, (mean, spread) in enumerate(_activations(network, rows)):
        widen, narrow = f"layers.{index}.widen", f"layers.{index}.narrow"
        column = state[f"{narrow}.weight"]
        kept = (spread * column.norm(dim=0)).topk(inner).indices.sort().values
        dropped = torch.ones(len(mean), dtype=torch.bool)
        dropped[kept] = False
        state[f"{narrow}.bias"] = state[f"{narrow}.bias"] + column[:, dropped] @ mean[dropped]
        state[f"{narrow}.weight"] = column[:, kept]
        for part in ("weight", "bias"):
            state[f"{widen}.{part}"] = state[f"{widen}.{part}"][kept]
    small.load_state_dict(state)
    return small


def _activations(network: TextEncoder, rows: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
    """Mean and standard deviation of each unit of each layer, over the places that the layer computes."""
    sums = [torch.zeros(3, network.shape.inner, dtype=torch.float64) for _ in network.layers]
    kept: list[Tensor] = []

    def watch(index: int) -> Callable[[object, object, Tensor], None]:
        def see(_module: object, _inputs: object, output: Tensor) -> None:
            active = functional.gelu(output)
            active = active[kept[0][:, : active.shape[1]].bool()].double()
            sums[index] += torch.stack([torch.full_like(active[0], len(active)), active.sum(0), (active**2).sum(0)])

        return see

    handles = [
        layer.widen.register_forward_hook(watch(index))  # type: ignore[union-attr]
        for index, layer in enumerate(network.layers)
    ]
    network.eval()
    with torch.inference_mode():
        for batch in batches([len(row) for row in rows], 64, None):
            ids, mask = pad([rows[i] for i in batch])
            kept[:] = [mask]
            network(ids, mask)
    for handle in handles:
        handle.remove()
    found = []
    for count, total, squares in sums:
        mean = total / count
        found.append((mean.float(), (squares / count - mean**2).clamp_min(0).sqrt().float()))
    return found

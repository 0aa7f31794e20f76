"""Taking over the weights of another network: what every architecture's ``start_from`` shares."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mien.core.errors import SettingsError

PUBLISHED_HEADS = ("classifier.", "fc.")
"""Prefixes of the heads of the networks published for ImageNet."""


def take_over(network: nn.Module, weights: Mapping[str, Tensor], head: str, first: str) -> None:
    """Load another network's weights into this one.

    A layer of the head is taken over when it fits and stays as it is otherwise; that its rows are the same classes is
    for whoever calls to see to (:func:`mien.training.start.begin`). The first convolution of a grey network takes a
    colour network's kernels summed over the colours: on a grey picture both answer the same.

    Args:
        network: changed in place.
        weights: a state dict; what this network has no place for is ignored only when it is a head's.
        head: prefix of the head's names.
        first: name of the first convolution's weight.

    Raises:
        SettingsError: a weight of the body is missing, has another shape or has no place; the message names it.
    """
    own = network.state_dict()
    moved = {}
    new = set()
    for name, value in own.items():
        given = weights.get(name)
        if given is not None and name == first and value.shape[1] == 1 and given.dim() == 4 and given.shape[1] == 3:
            given = given.sum(dim=1, keepdim=True)
        if given is not None and given.shape == value.shape:
            moved[name] = given
        elif name.startswith(head):
            new.add(_layer(name))
        else:
            found = "is missing" if given is None else f"is {tuple(given.shape)}, expected {tuple(value.shape)}"
            raise SettingsError(f"these weights are of another network: {name} {found}")
    left = sorted(name for name in weights if name not in own and not name.startswith((head, *PUBLISHED_HEADS)))
    if left:
        raise SettingsError(f"these weights are of another network: there is no place for {left[0]}")
    network.load_state_dict({name: value if _layer(name) in new else moved[name] for name, value in own.items()})


def _layer(name: str) -> str:
    return name.rpartition(".")[0]

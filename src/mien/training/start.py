"""What a run starts from: another network's weights, held to the recipe before anything that takes long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from mien.core.errors import InputError
from mien.training import architectures, faceres
from mien.training.recipe import Recipe
from mien.training.state import load_tensors

STARTS = "a checkpoint of 'mien train', or weights by name (a state dict) that torch.save wrote"
"""What training can start from."""


@dataclass(frozen=True, slots=True)
class Start:
    """A network to start from.

    Attributes:
        path: where it was read.
        weights: its state dict.
    """

    path: Path
    weights: Mapping[str, Tensor]


def read_start(path: Path) -> Start:
    """A checkpoint of ours, a file that holds a state dict alone, or the weights of :mod:`mien.training.faceres`.

    Raises:
        InputError: no such file, or it holds no weights.
    """
    if path.name == faceres.FILE:
        return Start(path, faceres.read(path))
    saved = load_tensors(path, "weights", f"give {STARTS}")
    weights = saved.get("weights", saved) if isinstance(saved, dict) else None
    if not isinstance(weights, dict) or not weights or not all(isinstance(v, Tensor) for v in weights.values()):
        raise InputError(f"{path} holds no weights by name: give {STARTS}")
    return Start(path, weights)


def check_fits(start: Start, recipe: Recipe) -> None:
    """Hold a start to a recipe's network without its data, of which only the head needs to know.

    Raises:
        SettingsError: it is of another network.
    """
    network = architectures.build_network(recipe.architecture, 1, recipe.input.channels, recipe.options)
    architectures.start_from(network, start.weights)

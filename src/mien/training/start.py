"""What a run starts from: another network's weights, held to the recipe before anything that takes long.

Rows of a head are classes, and two heads of one shape may answer different ones: rows are taken over by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.classifiers.model_folder import SYNONYMS, read_label_map
from mien.core.errors import InputError
from mien.core.labels import FERPLUS8
from mien.training import architectures, faceres
from mien.training.recipe import Recipe
from mien.training.state import LABEL_MAP, load_tensors

STARTS = "a checkpoint of 'mien train', or weights by name (a state dict) that torch.save wrote"
"""What training can start from."""


@dataclass(frozen=True, slots=True)
class Start:
    """A network to start from.

    Attributes:
        path: where it was read.
        weights: its state dict.
        labels: the classes that it answers, in order; None where nothing tells them.
    """

    path: Path
    weights: Mapping[str, Tensor]
    labels: tuple[str, ...] | None


def read_start(path: Path) -> Start:
    """A checkpoint of ours, a file that holds a state dict alone, or the weights of :mod:`mien.training.faceres`.

    A checkpoint tells its classes; a state dict's are told by a ``label_map.json`` beside it.

    Raises:
        InputError: no such file, or it holds no weights.
        WeightsError: the label map beside it is malformed.
    """
    if path.name == faceres.FILE:
        return Start(path, faceres.read(path), None)
    saved = load_tensors(path, "weights", f"give {STARTS}")
    weights = saved.get("weights", saved) if isinstance(saved, dict) else None
    if not isinstance(weights, dict) or not weights or not all(isinstance(v, Tensor) for v in weights.values()):
        raise InputError(f"{path} holds no weights by name: give {STARTS}")
    if weights is not saved and "recipe" in saved:
        return Start(path, weights, tuple(saved.get("labels", FERPLUS8.labels)))
    beside = read_label_map(path.parent).labels if (path.parent / LABEL_MAP).is_file() else None
    return Start(path, weights, beside)


def check_fits(start: Start, recipe: Recipe) -> None:
    """Hold a start to a recipe's network without its data, of which only the head needs to know.

    Raises:
        SettingsError: it is of another network.
    """
    network = architectures.build_network(recipe.architecture, 1, recipe.input.channels, recipe.options)
    architectures.start_from(network, start.weights)


def begin(network: nn.Module, start: Start, head: str, labels: Sequence[str]) -> str | None:
    """Give a network a start's weights, and of its answers those of the network's own classes.

    Args:
        network: changed in place.
        start: of the same architecture, or one that it takes.
        head: prefix of the head's names; the last layer in it answers.
        labels: the network's classes, in order.

    Returns:
        None where every class begins with what the start answers of it; else why the answers begin anew.

    Raises:
        SettingsError: the weights are of another network.
    """
    name = [name for name, _ in network.named_parameters() if name.startswith(head)][-1]
    answers = {f"{name.rpartition('.')[0]}.{part}" for part in ("weight", "bias")}
    given = {name: value for name, value in start.weights.items() if name in answers and value.dim() > 0}
    rows, why = _rows(start, labels, given)
    # Answers to no class have no rows, which fits no network: its own stay.
    chosen = {name: value[torch.tensor(rows, dtype=torch.long)] for name, value in given.items()}
    architectures.start_from(network, {**start.weights, **chosen})
    taken = network.get_parameter(name)
    if why is None and not (name in chosen and torch.equal(taken, chosen[name].to(taken))):
        why = "has answers of another shape"
    return None if why is None else f"the head's answers begin anew: {start.path} {why}"


def _rows(start: Start, labels: Sequence[str], given: Mapping[str, Tensor]) -> tuple[list[int], str | None]:
    """Where a start's answers have each class; none, and why, where they have not all of them."""
    if not given:
        return [], "has none of this network"
    if start.labels is None or any(len(value) != len(start.labels) for value in given.values()):
        return [], f"does not say its classes (a {LABEL_MAP} beside it can)"
    known, own = _meant(start.labels), _meant(labels)
    absent = [label for label, meant in zip(labels, own, strict=True) if meant not in known]
    if absent:
        return [], f"does not answer {', '.join(absent)}"
    return [known.index(meant) for meant in own], None


def _meant(labels: Sequence[str]) -> list[str]:
    """The emotions that classes are named after; the names themselves where two would be one emotion."""
    meant = [SYNONYMS.get(label.lower(), label) for label in labels]
    return meant if len(set(meant)) == len(meant) else list(labels)

"""Network architectures, one family per file; a file's name is its name in a recipe.

A file has ``build(classes, **options)``, ``OPTIONS`` with what each of them must be, and ``HEAD``, the prefix of the
parameters that answer. An option called ``frozen`` is of layers that keep the weights they start with. The network
takes float32 N×C×S×S and gives N×classes logits, and its ``start_from(weights)`` takes over another's state dict.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from mien.core.errors import SettingsError
from mien.training.architectures._options import Rule, check


class Architecture(Protocol):
    """What a module of this package offers."""

    HEAD: str
    OPTIONS: Mapping[str, Rule]

    def build(self, classes: int, **options: object) -> nn.Module:
        """The network, with random weights."""
        ...


def architectures() -> tuple[str, ...]:
    """Names of the architectures, sorted; none is imported."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def load_architecture(name: str) -> Architecture:
    """The architecture's module.

    Raises:
        SettingsError: no such architecture; the message lists those there are.
    """
    if name not in architectures():
        raise SettingsError(f"unknown architecture {name!r}: choose one of {', '.join(architectures())}")
    module: Architecture = importlib.import_module(f"{__name__}.{name}")
    return module


def check_options(name: str, options: Mapping[str, object]) -> None:
    """Hold a recipe's options to what their architecture takes.

    Raises:
        SettingsError: no such architecture, it has no such option, or the option cannot have that value.
    """
    check(name, load_architecture(name).OPTIONS, options)


def build_network(name: str, classes: int, channels: int, options: Mapping[str, object]) -> nn.Module:
    """An untrained network.

    Args:
        name: of the architecture.
        classes: number of logits.
        channels: of its input, 1 or 3.
        options: the architecture's own.

    Raises:
        SettingsError: as :func:`check_options` does.
    """
    check_options(name, options)
    return load_architecture(name).build(classes, channels=channels, **options)


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network another one's weights, as its architecture understands it.

    Raises:
        SettingsError: they are of another network.
    """
    network.start_from(weights)  # type: ignore[operator]

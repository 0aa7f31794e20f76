"""What values the options of an architecture may have, and the sentence for one that may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mien.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Rule:
    """What an option must be.

    Attributes:
        told: in words that follow *must be*.
        holds: whether a value is.
    """

    told: str
    holds: Callable[[object], bool]


def _is_whole(value: object, least: int, most: int | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value and (most is None or value <= most)


def whole(least: int, most: int | None = None) -> Rule:
    """A whole number within bounds."""
    told = f"a whole number from {least}" + ("" if most is None else f" to {most}")
    return Rule(told, lambda value: _is_whole(value, least, most))


def wholes(least: int) -> Rule:
    """A list of whole numbers, one at least, each no less than ``least``."""
    return Rule(
        f"a list of whole numbers from {least}",
        lambda value: isinstance(value, list | tuple) and bool(value) and all(_is_whole(v, least, None) for v in value),
    )


SHARE = Rule("a share from 0 to below 1", lambda value: isinstance(value, int | float) and 0 <= value < 1)
POSITIVE = Rule("a number above 0", lambda value: isinstance(value, int | float) and 0 < value < float("inf"))


def check(name: str, rules: Mapping[str, Rule], options: Mapping[str, object]) -> None:
    """Hold options to the rules of an architecture.

    Args:
        name: of the architecture.
        rules: by option, all there are.
        options: as a recipe gives them.

    Raises:
        SettingsError: there is no such option, or it is not what it must be; the message names it.
    """
    for option, value in options.items():
        if option not in rules:
            raise SettingsError(f"{name} has no option {option!r}: there are {', '.join(rules)}")
        if not rules[option].holds(value):
            raise SettingsError(f"{option} of {name} must be {rules[option].told}, not {value!r}")

"""A ``label_map``: the names that a data set has for its classes, and what each of them is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from mien.core.errors import SettingsError


def translated(name: str, label_map: Mapping[str, str]) -> str:
    """What a map makes of a data set's name for a class, whatever their case; the name itself where it is not in it."""
    if name in label_map or not label_map:
        return label_map.get(name, name)
    return next((ours for theirs, ours in label_map.items() if _plain(theirs) == _plain(name)), name)


def check_label_map(label_map: Mapping[str, str], called: Iterable[Collection[str]], option: str) -> None:
    """Refuse a map that would be ignored in part.

    Args:
        label_map: the names of a data set to ours.
        called: the names that each of the data sets which it is given for has; one of them is enough.
        option: what the map is called where it was given.

    Raises:
        SettingsError: a name in it is none of theirs, or is there twice with different meanings.
    """
    known = {_plain(name): name for names in called for name in names}
    meant: dict[str, tuple[str, str]] = {}
    for theirs, ours in label_map.items():
        plain = _plain(theirs)
        if plain not in known:
            raise SettingsError(
                f"{option}: no class of the data is called {theirs!r}: they are {', '.join(sorted(known.values()))}"
            )
        other, meaning = meant.setdefault(plain, (theirs, ours))
        if meaning != ours:
            raise SettingsError(f"{option}: {other!r} and {theirs!r} are one name and cannot mean both: leave one out")


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """A name as names are compared: ``Not_a-face`` is ``not a face``."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())

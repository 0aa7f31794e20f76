"""DaVinci Resolve's names of marker colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLOURS: Final[Mapping[str, str]] = {
    "neutral": "Cream",
    "happiness": "Green",
    "surprise": "Yellow",
    "sadness": "Blue",
    "anger": "Red",
    "disgust": "Cocoa",
    "fear": "Purple",
    "contempt": "Pink",
    "shock": "Fuchsia",
}


def resolve_colour(subject: str) -> str:
    """The colour of an emotion or a metric; cyan when it has none of its own."""
    return COLOURS.get(subject, "Cyan")

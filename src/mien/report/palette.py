"""One colour per emotion, the same in every picture that Mien draws.

Colour never carries meaning alone: whatever is coloured is also named. Hues and lightness were chosen together so
that neighbouring emotions stay apart for viewers who cannot tell red from green.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mien.core.labels import UNCERTAIN, LabelSet

Rgb = tuple[int, int, int]

COLOURS: Final[Mapping[str, Rgb]] = MappingProxyType(
    {
        "neutral": (168, 186, 214),
        "happiness": (46, 196, 110),
        "surprise": (255, 190, 46),
        "sadness": (64, 132, 255),
        "anger": (234, 57, 58),
        "disgust": (160, 121, 62),
        "fear": (170, 96, 240),
        "contempt": (240, 120, 190),
    }
)
"""Canonical emotion to 8-bit sRGB."""

GREY: Final[Rgb] = (142, 142, 142)
"""What has no emotion to show: uncertain and unread faces, and labels without a source."""


def label_colours(labels: LabelSet) -> Mapping[str, Rgb]:
    """A colour for each label of a label set, and for ``uncertain``.

    A label takes the colour of the first canonical emotion it is made of; a compound takes the mean of its two
    parents; a label that is made of none is grey.
    """
    colours: dict[str, Rgb] = {}
    for label, sources in zip(labels.labels, labels.sources, strict=True):
        colours[label] = COLOURS[sources[0]] if sources else GREY
    for pair in labels.pairs:
        first, second = COLOURS[pair.first], COLOURS[pair.second]
        colours[pair.label] = _mean(first, second)
    colours[UNCERTAIN] = GREY
    return MappingProxyType(colours)


def _mean(first: Rgb, second: Rgb) -> Rgb:
    return ((first[0] + second[0]) // 2, (first[1] + second[1]) // 2, (first[2] + second[2]) // 2)

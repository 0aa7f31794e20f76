"""One colour per emotion, the same in every picture that Mien draws.

Colour never carries meaning alone: whatever is coloured is also named. Hues and lightness were chosen together so
that neighbouring emotions stay apart for viewers who cannot tell red from green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

LEAST_CONTRAST: Final = 3.2
"""Between a line and the paper it is drawn on; WCAG 2 asks 3 of graphics."""


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


def on_paper(colour: Rgb) -> Rgb:
    """The same hue, dark enough to draw lines on white: a contrast of at least :data:`LEAST_CONTRAST`."""
    linear = [_linear(channel) for channel in colour]
    scale = 1.0
    while 1.05 / (_luminance([scale * v for v in linear]) + 0.05) < LEAST_CONTRAST:
        scale *= 0.97
    red, green, blue = (_encoded(scale * v) for v in linear)
    return red, green, blue


def contrast(first: Rgb, second: Rgb) -> float:
    """How two colours set off from each other, 1–21 (WCAG 2)."""
    light, dark = sorted((_luminance([_linear(c) for c in rgb]) for rgb in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def css(colour: Rgb) -> str:
    """As style sheets write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(linear: float) -> int:
    value = linear * 12.92 if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return int(value * 255)


def _luminance(linear: Sequence[float]) -> float:
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

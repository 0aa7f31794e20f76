"""What is read of a data set, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

Part = Literal["all", "train", "valid", "test"]
Colour = Literal["grey", "rgb"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read of a data set, and how.

    Attributes:
        part: of the data set; ``all`` takes every part.
        size_px: side to which pictures in files are scaled. Pictures stored as numbers keep theirs.
        colour: of pictures in files: ``grey`` (ITU-R BT.601 luma) or ``rgb``.
        label_map: the data set's own class names to those of ``labels``, to ``unknown``, ``not-a-face`` or ``ignore``,
            whatever their case. It is checked by whoever reads all that it is for: :mod:`mien.evaluation.label_map`.
        labels: the classes, in order. Empty takes the canonical eight, or the layout's own where it has others.
    """

    part: Part = "all"
    size_px: int = 48
    colour: Colour = "grey"
    label_map: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: tuple[str, ...] = ()

"""What each emotion counts for in engagement on a scale of 1 to 5, for four kinds of audience (MET7, MET8)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS

FloatArray = npt.NDArray[np.float64]

BOUNDS: Final = (1.0, 5.0)

BASE: Final[Mapping[str, float]] = MappingProxyType(
    {"happiness": 4.5, "surprise": 5.0, "neutral": 3.0, "sadness": 2.0, "anger": 1.5}
)
"""Published base scores; an emotion that is not listed has 1."""
WEIGHTS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "classroom": {"happiness": 1.1, "surprise": 1.5, "neutral": 1.0, "sadness": 0.8, "anger": 0.6},
        "product_demo": {"happiness": 1.3, "surprise": 1.2, "neutral": 0.7, "sadness": 0.5, "anger": 0.4},
        "seminar": {"happiness": 0.9, "surprise": 1.2, "neutral": 1.1, "sadness": 0.7, "anger": 0.6},
        "general": {"happiness": 1.1, "surprise": 1.2, "neutral": 1.0, "sadness": 0.7, "anger": 0.6},
    }
)
"""Published weights of each environment; an emotion that is not listed has 1."""


def scores(environment: str) -> FloatArray:
    """float64 8: base score × weight of each canonical emotion."""
    weights = WEIGHTS[environment]
    return np.array([BASE.get(e, 1.0) * weights.get(e, 1.0) for e in EMOTIONS])

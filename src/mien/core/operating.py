"""Operating points: at which shares of the emotions a face is *called* by one of them.

A classifier's shares estimate how people would vote. Calling each face by its largest share names rare emotions too
seldom, since a share weighs what was common among the training pictures. A *balanced* point asks instead which emotion
stands out most from how common it is (logit adjustment: Menon et al., 2021, *Long-tail learning via logit adjustment*).

A point changes labels only: probabilities, means and metrics are the same at every point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from mien.core.labels import EMOTIONS

FloatArray = npt.NDArray[np.float32]

PointName = Literal["plain", "balanced"]

_LEAST_SHARE: Final = 1e-9
"""Shares below this count as this: a share that a model cannot give stays out of reach of any adjustment."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How a face's label follows from its shares: the largest of ``log share + offset``.

    Attributes:
        name: ``plain`` or ``balanced``.
        offsets: one a canonical emotion, in canonical order; nats.
        reason: how it was chosen, in a sentence.
    """

    name: str
    offsets: tuple[float, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.offsets) != len(EMOTIONS) or not all(math.isfinite(o) for o in self.offsets):
            raise ValueError(f"an operating point has {len(EMOTIONS)} finite offsets, got {self.offsets}")

    def adjust(self, probabilities: npt.NDArray[np.floating]) -> FloatArray:
        """The shares that labels are taken from: float32 N×8, rows sum to 1.

        Args:
            probabilities: N×8, canonical order.
        """
        p = np.asarray(probabilities, np.float64)
        scaled = np.log(np.maximum(p, _LEAST_SHARE)) + np.array(self.offsets)
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)


PLAIN: Final = OperatingPoint("plain", (0.0,) * len(EMOTIONS), "the largest share")
"""Labels follow the shares as they are."""


def logit_adjustment(strength: float, prior: Sequence[float], reason: str = "") -> OperatingPoint:
    """The balanced point ``offset = -strength · log(prior)``.

    Args:
        strength: 0 is the plain point; at 1 every emotion is called as if all were equally common.
        prior: share of each canonical emotion among the training labels, 0–1, all above 0.
        reason: how the strength was chosen.

    Raises:
        ValueError: a prior that is not positive.
    """
    if len(prior) != len(EMOTIONS) or min(prior) <= 0:
        raise ValueError(f"a prior has {len(EMOTIONS)} positive shares, got {tuple(prior)}")
    return OperatingPoint("balanced", tuple(-strength * math.log(share) for share in prior), reason)

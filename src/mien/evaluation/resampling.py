"""The percentile bootstrap over faces (Efron, 1979): what another draw of as many faces could have shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Range = tuple[float, float]
"""Lower and upper end of a 95 % interval, in the unit of what it belongs to."""

_TAILS = (2.5, 97.5)
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made.

    Attributes:
        replicates: draws; more make the ends steadier, not narrower.
        seed: of the draws.
    """

    replicates: int = 1000
    seed: int = 20

    def generator(self) -> np.random.Generator:
        """A fresh generator, the same every time."""
        return np.random.default_rng(self.seed)


def confusion_draws(confusion: npt.NDArray[np.integer], resampling: Resampling) -> npt.NDArray[np.int64]:
    """Confusion matrices of redrawn faces: int64 R×K×K.

    Drawing faces with replacement and counting cells is drawing the cells' counts from a multinomial distribution.
    """
    faces = int(confusion.sum())
    if faces == 0:
        return np.zeros((resampling.replicates, *confusion.shape), np.int64)
    shares = confusion.reshape(-1) / faces
    drawn = resampling.generator().multinomial(faces, shares, size=resampling.replicates)
    return drawn.reshape(resampling.replicates, *confusion.shape)


def face_draws(faces: int, resampling: Resampling) -> Iterator[FloatArray]:
    """How often each face is drawn: float64 arrays r×N, R rows in all, a block at a time."""
    generator = resampling.generator()
    block = max(1, _CELLS_AT_ONCE // max(faces, 1))
    for start in range(0, resampling.replicates, block):
        rows = min(block, resampling.replicates - start)
        drawn = generator.integers(0, faces, (rows, faces)) + np.arange(rows)[:, None] * faces
        yield np.bincount(drawn.ravel(), minlength=rows * faces).reshape(rows, faces).astype(np.float64)


def percentiles(draws: FloatArray) -> Range | None:
    """The 95 % interval of a figure from its draws; None where no draw has the figure (NaN)."""
    known = draws[np.isfinite(draws)]
    if not len(known):
        return None
    low, high = np.percentile(known, _TAILS)
    return float(low), float(high)

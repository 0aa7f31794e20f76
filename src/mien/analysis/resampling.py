"""Moving values from one cutting of time to another by how much each piece of the one overlaps each step of the other.

A target step takes the mean of the pieces in it, each by its weight times the seconds it overlaps. The weight of a
target step is the mean weight of what covers it times the share of the step that is covered, so that a step which is
half unseen counts half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.analysis.sessions import CellArray, FloatArray, SessionSet, TimeBase

IntArray = npt.NDArray[np.intp]

SLIVER: Final = 1e-3
"""An overlap below this share of a step is rounding of times, not something seen."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of recorded time, and where they lie on another clock.

    Attributes:
        source: intp P, which recorded step each piece belongs to.
        start, end: float64 P, seconds on the other clock; ``start < end``. Pieces may overlap.
    """

    source: IntArray
    start: FloatArray
    end: FloatArray


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How much of each source step lies in each target step, as K triples in order of ``target``.

    Attributes:
        source, target: intp K, positions.
        seconds: float64 K, above 0, on the target's clock.
    """

    source: IntArray
    target: IntArray
    seconds: FloatArray


def overlaps(pieces: Pieces, base: TimeBase) -> Overlaps:
    """Cut pieces at the edges of a time base; what lies outside it is dropped."""
    edges = base.edges
    start = np.clip(pieces.start, edges[0], edges[-1])
    end = np.clip(pieces.end, edges[0], edges[-1])
    kept = end > start
    source, start, end = pieces.source[kept], start[kept], end[kept]
    first = np.clip(np.searchsorted(edges, start, side="right") - 1, 0, base.steps - 1)
    last = np.clip(np.searchsorted(edges, end, side="left") - 1, 0, base.steps - 1)
    counts = last - first + 1
    row = np.repeat(np.arange(len(source)), counts)
    target = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    seconds = np.minimum(end[row], edges[target + 1]) - np.maximum(start[row], edges[target])
    told = seconds > SLIVER * np.minimum(base.step_seconds, (end - start)[row])
    order = np.argsort(target[told], kind="stable")
    return Overlaps(source[row][told][order], target[told][order], seconds[told][order])


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of S sessions over N steps.

    Attributes:
        series: S×N each, by name; NaN where nothing was read.
        weights: S×N, what a cell counts; 0 where it counts nothing.
        readable: S×N, faces read at once.
    """

    series: Mapping[str, CellArray]
    weights: CellArray
    readable: CellArray


def regrid(cells: Cells, pieces: Pieces, base: TimeBase) -> Cells:
    """Cells along pieces of time onto a time base, float32 S×T.

    Args:
        cells: of the steps that ``pieces.source`` names.
        pieces: on the clock of ``base``.
        base: where to.
    """
    found = overlaps(pieces, base)
    read = np.zeros(cells.weights.shape, np.bool_)
    series: dict[str, CellArray] = {}
    for name, values in cells.series.items():
        known = ~np.isnan(values)
        read |= known
        counted = np.where(known, cells.weights, np.float32(0))
        total = _gather(counted, found, base.steps)
        summed = _gather(np.where(known, values, np.float32(0)) * counted, found, base.steps)
        series[name] = np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0).astype(np.float32)
    counted = np.where(read, cells.weights, np.float32(0))
    covered = _gather(counted, found, base.steps)
    faces = _gather(counted * np.nan_to_num(cells.readable), found, base.steps)
    return Cells(
        series=series,
        weights=(covered / base.step_seconds).astype(np.float32),
        readable=np.divide(faces, covered, out=np.zeros_like(faces), where=covered > 0).astype(np.float32),
    )


def resample(sessions: SessionSet, pieces: Pieces, base: TimeBase) -> SessionSet:
    """All sessions of a set, along the same pieces of its steps, onto another time base.

    Returns:
        The same sessions; NaN and weight 0 where nothing falls into a step.
    """
    moved = regrid(Cells(sessions.series, sessions.weights, sessions.readable), pieces, base)
    return replace(sessions, base=base, series=moved.series, weights=moved.weights, readable=moved.readable)


def onto(sessions: SessionSet, base: TimeBase) -> SessionSet:
    """A set on other steps of the same clock; itself where they are the same."""
    if sessions.base.is_like(base):
        return sessions
    edges = sessions.base.edges
    return resample(sessions, Pieces(np.arange(sessions.base.steps), edges[:-1], edges[1:]), base)


def _gather(cells: npt.NDArray[np.floating], found: Overlaps, steps: int) -> FloatArray:
    """float64 S×steps: cells summed into target steps, each times its overlap in seconds."""
    out = np.zeros((len(cells), steps))
    if not len(found.target):
        return out
    starts = np.flatnonzero(np.concatenate([[True], np.diff(found.target) > 0]))
    for row, line in enumerate(cells):
        out[row, found.target[starts]] = np.add.reduceat(line[found.source] * found.seconds, starts)
    return out

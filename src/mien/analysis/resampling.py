"""Moving values from one cutting of time to another by how much each piece of the one overlaps each step of the other.

A target step takes the mean of the pieces in it, each by its weight times the seconds it overlaps. The weight of a
target step is the mean weight of what covers it times the share of the step that is covered, so that a step which is
half unseen counts half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.analysis.sessions import CellArray, FloatArray, SessionSet, TimeBase

IntArray = npt.NDArray[np.intp]


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
    told = seconds > 1e-9 * base.step_seconds
    order = np.argsort(target[told], kind="stable")
    return Overlaps(source[row][told][order], target[told][order], seconds[told][order])


def resample(sessions: SessionSet, pieces: Pieces, base: TimeBase) -> SessionSet:
    """All sessions of a set, along the same pieces, onto another time base.

    Args:
        sessions: the recorded ones.
        pieces: of the set's steps, on the clock of ``base``.
        base: where to.

    Returns:
        The same sessions; NaN and weight 0 where nothing falls into a step.
    """
    from dataclasses import replace

    found = overlaps(pieces, base)
    series, weights, readable = {}, None, None
    for name in sessions.series:
        values, cell_weights = sessions.cells(name)
        total = _gather(cell_weights, found, base.steps)
        summed = _gather(values * cell_weights, found, base.steps)
        series[name] = np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0).astype(np.float32)
    read = np.zeros(sessions.weights.shape, np.bool_)
    for cells in sessions.series.values():
        read |= ~np.isnan(cells)
    counted = np.where(read, sessions.weights, np.float32(0))
    covered = _gather(counted, found, base.steps)
    people = _gather(counted * np.nan_to_num(sessions.readable), found, base.steps)
    weights = (covered / base.step_seconds).astype(np.float32)
    readable = np.divide(people, covered, out=np.zeros_like(people), where=covered > 0).astype(np.float32)
    return replace(sessions, base=base, series=series, weights=weights, readable=readable)


def onto(sessions: SessionSet, base: TimeBase) -> SessionSet:
    """A set on other steps of the same clock; itself where they are the same."""
    if sessions.base.is_like(base):
        return sessions
    edges = sessions.base.edges
    return resample(sessions, Pieces(np.arange(sessions.base.steps), edges[:-1], edges[1:]), base)


def _gather(cells: CellArray, found: Overlaps, steps: int) -> FloatArray:
    """float64 S×steps: cells summed into target steps, each times its overlap in seconds."""
    out = np.zeros((len(cells), steps))
    if not len(found.target):
        return out
    starts = np.flatnonzero(np.concatenate([[True], np.diff(found.target) > 0]))
    for row, line in enumerate(cells):
        out[row, found.target[starts]] = np.add.reduceat(line[found.source] * found.seconds, starts)
    return out

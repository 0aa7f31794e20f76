"""What each session contributes to a differentially private release: a bounded number a figure, or nothing at all.

The unit is the session, one recording (:mod:`mien.analysis.sessions`). A session's number depends on that session
alone: no smallest group, common step or weight that another session could change goes into it, or replacing that other
session would move more than its own part.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from mien.analysis.filters import Filter
from mien.analysis.scenes import Scene, scene_cells
from mien.analysis.sessions import BoolArray, CellArray, FloatArray, SessionSet
from mien.core.errors import InputError, SettingsError
from mien.core.labels import EMOTIONS

Kind = Literal["mean", "share_above"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what a session's number is clamped; chosen without looking at the sessions.

    Raises:
        SettingsError: they are no interval.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SettingsError(f"bounds of {self.low:g} to {self.high:g} leave no room: the first is the lower one.")

    @property
    def centre(self) -> float:
        """Half way between them."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        """Half of their distance."""
        return (self.high - self.low) / 2


_POINTS: Final = Bounds(0, 100)
SERIES_BOUNDS: Final[Mapping[str, Bounds]] = MappingProxyType(
    {
        **dict.fromkeys((*EMOTIONS, "shock", "attention", "expressiveness", "reaction"), _POINTS),
        **dict.fromkeys((f"engagement{span}" for span in ("", "_30s", "_60s", "_cumulative")), Bounds(1, 5)),
        **dict.fromkeys(("synchrony", "valence", "arousal"), Bounds(-1, 1)),
        "sentiment": Bounds(-100, 100),
        "epm": Bounds(0, 10),
    }
)
"""Between what each series lies by its definition (docs/reference/metrics.md)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the film, chosen without looking at the sessions.

    Attributes:
        name: of the part.
        start_seconds: media time.
        end_seconds: media time; None for each session's own end.

    Raises:
        SettingsError: it is no stretch of time.
    """

    name: str
    start_seconds: float
    end_seconds: float | None

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < (math.inf if self.end_seconds is None else self.end_seconds):
            raise SettingsError(
                f"'{self.name}' from {self.start_seconds:g} to {self.end_seconds} seconds is no stretch of time."
            )


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a release.

    Attributes:
        series: an emotion or metric.
        stretch: which part of the film.
        bounds: of the series.
        above: None for the mean over sessions of each one's mean over the stretch, in the unit of the series; else
            the share of sessions whose mean lies above this, percent.
        weight: of its part of the budget, above 0.

    Raises:
        SettingsError: the weight is not above 0, or the threshold lies outside the bounds.
    """

    series: str
    stretch: Stretch
    bounds: Bounds
    above: float | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise SettingsError(f"a figure's weight lies above 0, got {self.weight:g}.")
        if self.above is not None and not self.bounds.low <= self.above < self.bounds.high:
            raise SettingsError(
                f"sessions above {self.above:g} in {self.series} cannot be told apart: it lies between "
                f"{self.bounds.low:g} and {self.bounds.high:g}."
            )

    @property
    def kind(self) -> Kind:
        """What is told."""
        return "mean" if self.above is None else "share_above"

    @property
    def range(self) -> Bounds:
        """Between what the figure itself lies: the series' bounds, or 0–100 % for a share."""
        return self.bounds if self.above is None else _POINTS


@dataclass(frozen=True, slots=True)
class CountingRule:
    """Which sessions count: in every figure, or in none.

    Attributes:
        least_read_share: of each figure's stretch that has to be read, 0–1, and more than nothing in any case.
        segments: declared values that count, by attribute; see ``filters.Filter``.

    Raises:
        SettingsError: it is no share.
    """

    least_read_share: float = 0.25
    segments: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.least_read_share <= 1:
            raise SettingsError("the least share of a stretch that has to be read lies between 0 and 1.")


@dataclass(frozen=True, slots=True)
class Contributions:
    """What S sessions contribute to K figures.

    Attributes:
        values: float64 S×K, each clamped and moved to -1 (lower bound) … 1 (upper bound); 0 in sessions that do not
            count.
        counted: bool S.
    """

    values: FloatArray
    counted: BoolArray


def contributions(
    sessions: Sequence[SessionSet], figures: Sequence[Figure], rule: CountingRule | None = None
) -> Contributions:
    """Every session's part in every figure.

    Args:
        sessions: sets of one session each, as ``session_files.read_sessions`` gives them.
        figures: K of them.
        rule: which sessions count.

    Raises:
        InputError: a set holds several sessions, a series is missing, or nobody was ever asked for an attribute.
    """
    rule = rule or CountingRule()
    values = np.zeros((len(sessions), len(figures)))
    counted = np.zeros(len(sessions), np.bool_)
    asked = Filter(figures[0].series, rule.segments)
    known = {name for session in sessions for name in session.attributes}
    for row, session in enumerate(sessions):
        if len(session) != 1:
            raise InputError("sessions have to be read apart: a set here holds several.")
        session = replace(session, attributes={**dict.fromkeys(known, ("",)), **session.attributes})
        read = _read(session, figures, rule.least_read_share)
        if asked.sessions_of(session)[0] and read is not None:
            values[row], counted[row] = read, True
    return Contributions(values, counted)


def _read(session: SessionSet, figures: Sequence[Figure], least_share: float) -> FloatArray | None:
    """float64 K, -1 … 1; None where a figure's stretch was read too little."""
    found = np.zeros(len(figures))
    unweighted = replace(session, weights=(session.weights > 0).astype(np.float32))
    enough = True
    for series in {f.series: None for f in figures}:
        mine = [k for k, f in enumerate(figures) if f.series == series]
        means, _ = _in_stretches(session, series, [figures[k].stretch for k in mine])
        _, shares = _in_stretches(unweighted, series, [figures[k].stretch for k in mine])
        enough &= bool(((shares > 0) & (shares >= least_share - 1e-6)).all())
        for k, mean in zip(mine, means.tolist(), strict=True):
            found[k] = _unit(mean, figures[k])
    return found if enough else None


def _in_stretches(session: SessionSet, series: str, stretches: Sequence[Stretch]) -> tuple[CellArray, CellArray]:
    """Mean over each stretch by coverage, and how much of it counts (0–1); both 0 beyond the session's end."""
    end = session.base.end_seconds
    ends = [end if s.end_seconds is None else s.end_seconds for s in stretches]
    scenes = [
        Scene(s.name, s.start_seconds, max(e, s.start_seconds + 1e-3)) for s, e in zip(stretches, ends, strict=True)
    ]
    cells = scene_cells(session, series, scenes, min_group=1)
    return cells.values[0], cells.weights[0]


def _unit(mean: float, figure: Figure) -> float:
    if figure.above is not None:
        return 1.0 if mean > figure.above else -1.0
    bounds = figure.bounds
    return (min(max(mean, bounds.low), bounds.high) - bounds.centre) / bounds.half

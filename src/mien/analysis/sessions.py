"""Many sessions of one version of a title on one time base: what comparisons, filters and scenes compute on.

A session is one run of measuring: a hall at one screening, or one viewer at home. It is what comparisons resample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from mien.core.errors import InputError, SettingsError

FloatArray = npt.NDArray[np.float64]
CellArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

STEP_TOLERANCE: Final = 1e-6
"""Two step lengths or starts that differ by no more (seconds) are the same."""


@dataclass(frozen=True, slots=True)
class TimeBase:
    """Equal steps of media time, one after another.

    Attributes:
        start_seconds: start of the first step.
        step_seconds: length of a step, above 0.
        steps: how many.

    Raises:
        SettingsError: the step is not positive, or there is none.
    """

    start_seconds: float
    step_seconds: float
    steps: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.start_seconds) and np.isfinite(self.step_seconds) and self.step_seconds > 0):
            raise SettingsError(f"a time base needs a step above 0 seconds, got {self.step_seconds}.")
        if self.steps < 1:
            raise SettingsError("a time base needs at least one step.")

    @property
    def edges(self) -> FloatArray:
        """float64 steps+1: where steps begin and the last one ends, seconds."""
        return np.asarray(self.start_seconds + self.step_seconds * np.arange(self.steps + 1), np.float64)

    @property
    def times(self) -> FloatArray:
        """float64 steps: start of each, seconds."""
        return self.edges[:-1]

    @property
    def end_seconds(self) -> float:
        """End of the last step."""
        return self.start_seconds + self.step_seconds * self.steps

    def is_like(self, other: TimeBase) -> bool:
        """Whether both have the same steps, but for rounding."""
        return (
            self.steps == other.steps
            and abs(self.start_seconds - other.start_seconds) <= STEP_TOLERANCE
            and abs(self.end_seconds - other.end_seconds) <= STEP_TOLERANCE
        )

    @classmethod
    def covering(cls, start: float, end: float, step_seconds: float) -> Self:
        """The steps, cut at multiples of ``step_seconds``, that cover ``start`` to ``end`` (seconds)."""
        if not step_seconds > 0:
            raise SettingsError(f"a time base needs a step above 0 seconds, got {step_seconds}.")
        first = int(np.floor(start / step_seconds + 1e-6))
        last = int(np.ceil(end / step_seconds - 1e-6))
        return cls(first * step_seconds, step_seconds, max(last - first, 1))


@dataclass(frozen=True, slots=True)
class SessionSet:
    """S sessions of one version of a title, T steps each.

    Attributes:
        title, version: what was shown.
        names: of the sessions, all different. They name runs, not persons.
        base: the steps.
        series: float32 S×T each, by name (an emotion or a metric) in its unit; NaN where nothing was read or the step
            was suppressed.
        weights: float32 S×T, coverage (0–1) of each cell, and what a cell counts in every mean; 0 where it counts
            nothing.
        readable: float32 S×T, faces read at once in each cell, at least 1 where something was read.
        min_group: the smallest number of people that may be told about, under what the sources were granted.
        attributes: what respondents declared of themselves, a text a session, by the attribute's name; empty text
            where nothing was declared. Used to filter only.
        demo: True when any session's frames were composed, not filmed.
        recordings: what each session was measured from, as a hash of it; empty text, or no entry, where that is not
            known. See :mod:`mien.analysis.copies`.

    Raises:
        InputError: shapes do not fit, names repeat, weights are negative or not finite.
    """

    title: str
    version: str
    names: tuple[str, ...]
    base: TimeBase
    series: Mapping[str, CellArray]
    weights: CellArray
    readable: CellArray
    min_group: int = 1
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    demo: bool = False
    recordings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.names), self.base.steps)
        if not self.names:
            raise InputError(f"version '{self.version}' has no session.")
        if len(set(self.names)) != len(self.names):
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise InputError(f"version '{self.version}' has the session '{twice}' twice: it would count double.")
        if not self.series:
            raise InputError(f"version '{self.version}' has no series.")
        for name, cells in {**self.series, "weights": self.weights, "readable": self.readable}.items():
            if cells.shape != shape:
                raise InputError(
                    f"{name} of '{self.version}' has the shape {cells.shape}, not {shape} as its sessions."
                )
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise InputError(f"weights of '{self.version}' must be finite and not negative.")
        if any(np.isinf(cells).any() for cells in self.series.values()):
            raise InputError(f"a series of '{self.version}' holds an infinite value.")
        if self.min_group < 1:
            raise InputError(f"the smallest group of '{self.version}' must be at least 1.")
        for name, told in self.attributes.items():
            if len(told) != len(self.names):
                raise InputError(
                    f"attribute '{name}' of '{self.version}' has {len(told)} values, not {len(self.names)}."
                )

    @classmethod
    def of(
        cls,
        series: Mapping[str, npt.ArrayLike],
        *,
        step_seconds: float,
        title: str = "untitled",
        version: str = "A",
        start_seconds: float = 0.0,
        names: Sequence[str] | None = None,
        weights: npt.ArrayLike | None = None,
        readable: npt.ArrayLike | None = None,
        min_group: int = 1,
        attributes: Mapping[str, Sequence[str]] | None = None,
        demo: bool = False,
    ) -> Self:
        """From arrays, S×T each.

        Args:
            series: by name; NaN where nothing was read.
            step_seconds: length of a step.
            title, version: what was shown.
            start_seconds: media time of the first step.
            names: of the sessions; numbered when left out.
            weights: coverage of each cell, or of each session (S); 1 where left out.
            readable: faces read at once in each cell, or in each session (S); 1 where left out.
            min_group, attributes, demo: see the class.

        Raises:
            InputError: what does not fit, by name.
        """
        arrays = {name: np.asarray(cells, np.float32) for name, cells in series.items()}
        if not arrays:
            raise InputError(f"version '{version}' has no series.")
        for name, cells in arrays.items():
            if cells.ndim != 2 or cells.shape[1] < 1:
                raise InputError(f"series '{name}' of '{version}' must be sessions × steps, got shape {cells.shape}.")
        shape = next(iter(arrays.values())).shape
        return cls(
            title=title,
            version=version,
            names=tuple(f"session-{i + 1}" for i in range(shape[0])) if names is None else tuple(names),
            base=TimeBase(start_seconds, step_seconds, shape[1]),
            series=arrays,
            weights=_cells(weights, shape, "weights"),
            readable=_cells(readable, shape, "readable"),
            min_group=min_group,
            attributes={name: tuple(told) for name, told in (attributes or {}).items()},
            demo=demo,
        )

    def __len__(self) -> int:
        return len(self.names)

    def values(self, series: str) -> CellArray:
        """float32 S×T of one series.

        Raises:
            InputError: there is none of that name; the message lists what there is.
        """
        if series not in self.series:
            known = ", ".join(sorted(self.series))
            raise InputError(f"version '{self.version}' has no series '{series}'; it has {known}.")
        return self.series[series]

    def cells(self, series: str) -> tuple[CellArray, CellArray]:
        """Values and weights of one series, float32 S×T each; both 0 where a cell counts nothing."""
        values = self.values(series)
        counts = (self.weights > 0) & ~np.isnan(values)
        return np.where(counts, values, np.float32(0)), np.where(counts, self.weights, np.float32(0))

    def people(self, series: str) -> FloatArray:
        """float64 T: people behind each step, the faces read at once summed over the sessions that count there."""
        _, weights = self.cells(series)
        return np.asarray(np.where(weights > 0, np.maximum(self.readable, 1), 0).sum(axis=0, dtype=np.float64))

    def mean(self, series: str) -> FloatArray:
        """float64 T: mean over sessions, each by its weight; NaN below the smallest group.

        With a smallest group of one, NaN only where no session counts.
        """
        values, weights = self.cells(series)
        total = weights.sum(axis=0, dtype=np.float64)
        summed = np.einsum("st,st->t", values, weights, dtype=np.float64)
        told = (total > 0) & (self.people(series) >= self.min_group)
        return np.asarray(np.divide(summed, total, out=np.full(self.base.steps, np.nan), where=told))

    def told(self) -> Self:
        """The same sessions without the cells of steps in which fewer people than the smallest group were read.

        Whatever moves cells between steps (other steps, another version's time) must be given these: a mean over a long
        step holds what was withheld of a short one, and the two could be subtracted.
        """
        series: dict[str, CellArray] = {}
        for name, cells in self.series.items():
            enough = self.people(name) >= self.min_group
            series[name] = cells if enough.all() else np.where(enough, cells, np.float32(np.nan))
        return replace(self, series=series)

    def select(self, kept: npt.NDArray[np.bool_] | Sequence[int]) -> Self:
        """The sessions that a mask or positions name, in their order.

        Raises:
            InputError: none is left.
        """
        rows = np.flatnonzero(kept) if np.asarray(kept).dtype == np.bool_ else np.asarray(kept, np.intp)
        return replace(
            self,
            names=tuple(self.names[i] for i in rows),
            series={name: cells[rows] for name, cells in self.series.items()},
            weights=self.weights[rows],
            readable=self.readable[rows],
            attributes={name: tuple(told[i] for i in rows) for name, told in self.attributes.items()},
            recordings=tuple(self.recordings[i] for i in rows) if self.recordings else (),
        )

    def between(self, from_seconds: float, to_seconds: float) -> Self:
        """The steps that begin at or after one media time and before another.

        Raises:
            SettingsError: no step does.
        """
        times = self.base.times
        inside = np.flatnonzero((times >= from_seconds - STEP_TOLERANCE) & (times < to_seconds - STEP_TOLERANCE))
        if not len(inside):
            raise SettingsError(
                f"no step of '{self.version}' lies {_stretch_words(from_seconds, to_seconds)}: it runs from "
                f"{self.base.start_seconds:g} to {self.base.end_seconds:g}."
            )
        part = slice(int(inside[0]), int(inside[-1]) + 1)
        return replace(
            self,
            base=TimeBase(float(times[inside[0]]), self.base.step_seconds, len(inside)),
            series={name: cells[:, part] for name, cells in self.series.items()},
            weights=self.weights[:, part],
            readable=self.readable[:, part],
        )

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Sessions of several sets on the same steps as one; series and attributes that not all have are left out.

        Raises:
            InputError: there is none, their steps differ, or they share no series.
        """
        sets = list(parts)
        if not sets:
            raise InputError("there is no session.")
        first = sets[0]
        odd = next((s for s in sets if not s.base.is_like(first.base)), None)
        if odd is not None:
            raise InputError(f"'{odd.names[0]}' and '{first.names[0]}' are not on the same steps: resample one first.")
        shared = [name for name in first.series if all(name in s.series for s in sets)]
        if not shared:
            raise InputError(f"the sessions of '{first.version}' have no series in common.")
        told = {name: None for s in sets for name in s.attributes}
        return replace(
            first,
            names=tuple(name for s in sets for name in s.names),
            series={name: np.concatenate([s.series[name] for s in sets]) for name in shared},
            weights=np.concatenate([s.weights for s in sets]),
            readable=np.concatenate([s.readable for s in sets]),
            min_group=max(s.min_group for s in sets),
            attributes={name: tuple(v for s in sets for v in s.attributes.get(name, ("",) * len(s))) for name in told},
            demo=any(s.demo for s in sets),
            recordings=tuple(r for s in sets for r in (s.recordings or ("",) * len(s))),
        )


def _stretch_words(from_seconds: float, to_seconds: float) -> str:
    if np.isinf(to_seconds):
        return f"at or after {from_seconds:g} seconds"
    return f"between {from_seconds:g} and {to_seconds:g} seconds"


def _cells(told: npt.ArrayLike | None, shape: tuple[int, ...], name: str) -> CellArray:
    if told is None:
        return np.ones(shape, np.float32)
    cells = np.asarray(told, np.float32)
    if cells.ndim == 1 and cells.shape[0] == shape[0]:
        cells = cells[:, None]
    try:
        return np.ascontiguousarray(np.broadcast_to(cells, shape))
    except ValueError as error:
        raise InputError(f"{name} must be sessions × steps or one a session, got shape {cells.shape}.") from error

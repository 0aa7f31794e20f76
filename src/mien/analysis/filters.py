"""Parts of an audience: by what respondents declared of themselves, by emotion and by stretch of time.

A part is told about from :data:`LEAST_SLICE` people on, and so is everything that can be worked out by combining
answers. Subtracting one answer from another tells of the people in which they differ, so :class:`QueryGate` keeps, for
all that was answered, the *atoms*: people who were in exactly the same answers. Whatever sums, differences and
overlaps of the answers yield is made of whole atoms, so it is enough that none of them is smaller than the least slice.
A pair of answers that differ in one to nine people would make such an atom; so would three that do it together.

Whether a question is refused depends on who was read when, never on what was read in their faces: a refusal tells
nothing of anybody's expression (simulatable auditing: Kenthapadi, Mishra, Nissim 2005).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.analysis.sessions import BoolArray, FloatArray, SessionSet
from mien.core.errors import InputError, PolicyError, SettingsError

LEAST_SLICE: Final = 10
"""People, the fewest that a filtered slice may tell about."""
_ROUNDING: Final = 1e-6

LabelArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which part of an audience, and when.

    Attributes:
        series: the emotion or metric asked for.
        segments: by attribute, the declared values that count; somebody who declared none is in no segment. Empty for
            everybody.
        from_seconds, to_seconds: steps that begin in this stretch of media time.

    Raises:
        SettingsError: the stretch is empty, or an attribute has no value that counts.
    """

    series: str
    segments: Mapping[str, frozenset[str]] = field(default_factory=dict)
    from_seconds: float = 0.0
    to_seconds: float = math.inf

    def __post_init__(self) -> None:
        if not self.from_seconds < self.to_seconds:
            raise SettingsError(f"no time lies between {self.from_seconds} and {self.to_seconds} seconds.")
        for attribute, values in self.segments.items():
            if not values or "" in values:
                raise SettingsError(f"filter on '{attribute}': name the declared values that count.")

    def sessions_of(self, audience: SessionSet) -> BoolArray:
        """bool S: the sessions in every segment.

        Raises:
            InputError: an attribute was never asked; the message lists those that were.
        """
        chosen = np.ones(len(audience), np.bool_)
        for attribute, values in self.segments.items():
            if attribute not in audience.attributes:
                known = ", ".join(sorted(audience.attributes)) or "none"
                raise InputError(f"version '{audience.version}' has no attribute '{attribute}'; it has {known}.")
            chosen &= np.fromiter((told in values for told in audience.attributes[attribute]), np.bool_, len(audience))
        return chosen


@dataclass(frozen=True, slots=True)
class Slice:
    """An answer.

    Attributes:
        asked: what was asked.
        audience: the sessions it is about over the steps it is about, one series; NaN and weight 0 in steps that are
            withheld. Its ``min_group`` is at least the least slice.
        withheld_steps: steps in which somebody was read but nothing is told.
    """

    asked: Filter
    audience: SessionSet
    withheld_steps: int


class QueryGate:
    """Answers questions about parts of one audience so that no combination of answers tells of a few people.

    The whole audience counts as answered from the start, wherever it may be told. A session counts as many people as
    faces were read at once in it. Whoever runs the gate keeps it for as long as the audience can be asked about, or
    keeps :attr:`answered` and gives that back.

    Args:
        audience: all of it.
        least: people, the fewest that a part, or what two or more answers differ in, may hold.
        answered: what was answered before.

    Raises:
        SettingsError: ``least`` is below :data:`LEAST_SLICE`.
    """

    def __init__(self, audience: SessionSet, *, least: int = LEAST_SLICE, answered: Iterable[Filter] = ()) -> None:
        if least < LEAST_SLICE:
            raise SettingsError(f"a filtered slice tells about {LEAST_SLICE} people or more; {least} are too few.")
        self._audience = audience
        self._least = least
        self._answered: list[Filter] = []
        self._sizes = _session_sizes(audience)
        self._session_atoms: LabelArray = np.zeros((len(audience), 1), np.int32)
        self._atoms: dict[str, LabelArray] = {}
        self._is_standing = False
        for earlier in answered:
            self.ask(earlier)

    @classmethod
    def standing(cls, audience: SessionSet, series: str, *, least: int = LEAST_SLICE) -> QueryGate:
        """A gate that needs no memory: whatever it answers is safe beside all that another such gate ever answers.

        It asks every declared value of every attribute by itself, in one order for all, largest first; what is refused
        stays together with the rest. From then on it answers only for whole parts of that one partition, so that no
        number of answers, given at whatever time, yields a smaller part.
        """
        gate = cls(audience, least=least)
        for attribute in sorted(audience.attributes):
            told = audience.attributes[attribute]
            for value in sorted(set(told) - {""}, key=lambda v: (-told.count(v), v)):
                with contextlib.suppress(PolicyError):
                    gate.ask(Filter(series, {attribute: frozenset({value})}))
        gate._is_standing = True
        return gate

    @property
    def answered(self) -> tuple[Filter, ...]:
        """Every question that was answered, in order."""
        return tuple(self._answered)

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Names of the sessions that no answer so far tells apart, part by part."""
        atoms = self._session_atoms[:, 0]
        names = self._audience.names
        return tuple(tuple(names[i] for i in np.flatnonzero(atoms == part)) for part in np.unique(atoms))

    def ask(self, asked: Filter) -> Slice:
        """Answer, or refuse; a refusal leaves everything as it was.

        Raises:
            PolicyError: the answer, alone or together with earlier ones, would tell of fewer people than the least.
            InputError: there is no such series or attribute.
            SettingsError: no step lies in the stretch.
        """
        audience = self._audience
        values, weights = audience.cells(asked.series)
        chosen = asked.sessions_of(audience)
        inside = _steps_inside(audience, asked)
        if not chosen.any():
            raise self._refusal()
        split = _split(self._session_atoms, chosen[:, None])
        if self._is_standing and len(np.unique(split)) > len(np.unique(self._session_atoms)):
            raise self._refusal()
        if not _large_enough(split, self._sizes[:, None], self._least).all():
            raise self._refusal()
        people = np.where(weights > 0, np.maximum(audience.readable, 1), 0).astype(np.float64)
        atoms = self._atoms.get(asked.series)
        if atoms is None:
            atoms = np.zeros(values.shape, np.int32)
        within = _split(atoms[:, inside], np.broadcast_to(chosen[:, None], (len(audience), len(inside))))
        told = _large_enough(within, people[:, inside], self._least) & (people[chosen][:, inside].sum(axis=0) > 0)
        if not told.any():
            raise self._refusal()
        atoms = atoms.copy()
        atoms[:, inside[told]] = _renumbered(within[:, told])
        self._atoms[asked.series] = atoms
        self._session_atoms = _renumbered(split)
        self._answered.append(asked)
        withheld = (people[chosen][:, inside].sum(axis=0) > 0) & ~told
        return Slice(asked, self._part(asked, chosen, inside, told), int(withheld.sum()))

    def _part(self, asked: Filter, chosen: BoolArray, inside: npt.NDArray[np.intp], told: BoolArray) -> SessionSet:
        times = self._audience.base.times
        part = self._audience.select(chosen)
        part = part.between(float(times[inside[0]]), float(times[inside[-1]]) + self._audience.base.step_seconds / 2)
        return replace(
            part,
            series={asked.series: np.where(told, part.values(asked.series), np.float32(np.nan))},
            weights=np.where(told, part.weights, np.float32(0)),
            readable=np.where(told, part.readable, np.float32(0)),
            min_group=max(part.min_group, self._least),
        )

    def _refusal(self) -> PolicyError:
        return PolicyError(
            f"this filter, alone or beside what was answered before, would tell of fewer than {self._least} people: "
            "ask about a larger part."
        )


@dataclass(frozen=True, slots=True)
class PeakWindow:
    """Where the whole audience peaked.

    Attributes:
        start_seconds, end_seconds: media time.
    """

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class GroupPeak:
    """One group at the peak of the whole audience.

    Attributes:
        name: of the group.
        value: its mean over the window, by weight; None when withheld or nothing was read.
        weight: what it counts in the mean of the whole; 0 without a value.
    """

    name: str
    value: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class PartitionPeak:
    """A peak metric that is consistent over a partition, see :func:`peak_over_partition`.

    Attributes:
        window: where the whole peaked.
        value: of the whole.
        groups: in the order asked for.
    """

    window: PeakWindow
    value: float
    groups: tuple[GroupPeak, ...]


def peak_window(audience: SessionSet, series: str, window_seconds: float) -> PeakWindow:
    """The stretch of ``window_seconds`` in which the weighted mean of a series is highest; the earliest of equals.

    Stretches in which less than half of the steps may be told are passed over, and the window is never longer than the
    audience's time.

    Raises:
        SettingsError: the window is no longer than 0.
        InputError: there is no such series, or nothing of it may be told.
    """
    if not window_seconds > 0:
        raise SettingsError(f"a peak needs a window above 0 seconds, got {window_seconds}.")
    base = audience.base
    length = min(max(1, round(window_seconds / base.step_seconds)), base.steps)
    told = ~np.isnan(audience.mean(series))
    values, weights = audience.cells(series)
    total = np.where(told, weights.sum(axis=0, dtype=np.float64), 0)
    summed = np.where(told, np.einsum("st,st->t", values, weights, dtype=np.float64), 0)
    steps, weight, sums = (_window_sums(line, length) for line in (told.astype(np.float64), total, summed))
    eligible = (steps * 2 >= length) & (weight > 0)
    if not eligible.any():
        raise InputError(f"'{series}' of version '{audience.version}' has no stretch that may be told.")
    level = np.divide(sums, weight, out=np.full(len(sums), -np.inf), where=eligible)
    first = int(np.argmax(level >= level.max() - _ROUNDING * max(1.0, abs(level.max()))))
    return PeakWindow(float(base.edges[first]), float(base.edges[first + length]))


def peak_over_partition(
    gate: QueryGate, audience: SessionSet, series: str, attribute: str, *, window_seconds: float = 2.0
) -> PartitionPeak:
    """The peak of an audience, and what each group of a partition felt there.

    A group's own highest moment is no fair figure: a mean over fewer people scatters more, and each group may choose
    its own moment, so *every* group's highest lies at or above that of the whole, by construction alone. Here the
    moment is chosen once, by the whole audience, and every group is read there. The value of the whole is then exactly
    the mean of the groups' values by their weights: some group can lie above it only if another lies below.

    Args:
        gate: that answers for ``audience``; each group is a question to it, the largest first, so the group that must
            be withheld takes with it whatever it could be worked out from.
        audience: all of it.
        series: an emotion or metric.
        attribute: what was declared; those who declared nothing are the group ``""``, never told by itself.
        window_seconds: length of the peak.

    Raises:
        InputError: there is no such series or attribute, or nothing may be told.
        SettingsError: the window is no longer than 0.
    """
    if attribute not in audience.attributes:
        raise InputError(f"version '{audience.version}' has no attribute '{attribute}'.")
    window = peak_window(audience, series, window_seconds)
    whole = _level(audience.between(window.start_seconds, window.end_seconds), series)
    told = audience.attributes[attribute]
    names = sorted(set(told) - {""}, key=lambda name: (-told.count(name), name))
    found: dict[str, GroupPeak] = {}
    for name in names:
        asked = Filter(series, {attribute: frozenset({name})}, window.start_seconds, window.end_seconds)
        try:
            answer = gate.ask(asked)
        except PolicyError:
            found[name] = GroupPeak(name, None, 0.0)
            continue
        value, weight = (math.nan, 0.0) if answer.withheld_steps else _level(answer.audience, series)
        found[name] = GroupPeak(name, None if math.isnan(value) else value, weight)
    return PartitionPeak(window, whole[0], tuple(found[name] for name in sorted(found)))


def _level(audience: SessionSet, series: str) -> tuple[float, float]:
    """Mean over cells by weight, and the weight."""
    values, weights = audience.cells(series)
    counted = np.where(np.isnan(audience.mean(series)), 0, weights).astype(np.float64)
    weight = float(counted.sum())
    return (float((values * counted).sum() / weight), weight) if weight > 0 else (math.nan, 0.0)


def _window_sums(line: FloatArray, length: int) -> FloatArray:
    total = np.concatenate([[0.0], np.cumsum(line)])
    return np.asarray(total[length:] - total[:-length], np.float64)


def _session_sizes(audience: SessionSet) -> FloatArray:
    """float64 S: the most people read at once in each session, one at least."""
    return np.asarray(np.maximum(np.where(audience.weights > 0, audience.readable, 0).max(axis=1), 1), np.float64)


def _steps_inside(audience: SessionSet, asked: Filter) -> npt.NDArray[np.intp]:
    times = audience.base.times
    inside = np.flatnonzero((times >= asked.from_seconds - _ROUNDING) & (times < asked.to_seconds - _ROUNDING))
    if not len(inside):
        raise SettingsError(
            f"no step of '{audience.version}' lies between {asked.from_seconds} and {asked.to_seconds} seconds."
        )
    return inside


def _split(atoms: LabelArray, chosen: BoolArray) -> LabelArray:
    """Every atom of S×T parted into who is chosen and who is not."""
    return np.asarray(atoms * 2 + chosen, np.int32)


def _renumbered(atoms: LabelArray) -> LabelArray:
    """The same atoms with numbers without holes, so that they stay small however much is asked."""
    used = np.zeros(int(atoms.max()) + 1, np.bool_)
    used[atoms.ravel()] = True
    return np.asarray((np.cumsum(used) - 1).astype(np.int32)[atoms])


def _large_enough(atoms: LabelArray, people: FloatArray, least: int) -> BoolArray:
    """bool T: steps in which no atom of S×T holds somebody but fewer people than the least."""
    numbered = _renumbered(atoms)
    kinds = int(numbered.max()) + 1
    steps = numbered.shape[1]
    place = numbered.astype(np.int64) + np.arange(steps) * kinds
    held = np.bincount(place.ravel(), people.ravel(), minlength=kinds * steps).reshape(steps, kinds)
    return np.asarray(~((held > _ROUNDING) & (held < least - _ROUNDING)).any(axis=1))

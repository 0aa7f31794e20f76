"""An audience that changes between answers: sessions are added, deleted, declared anew.

What was told is remembered (:class:`Told`): the sets of rows it was told over, and at which steps. A new answer is told
at the steps at which it, beside all that is remembered, tells of nothing that rests on few people
(:mod:`mien.analysis.auditing`); the others are withheld. An answer can be over everybody who is there now or over an
audience that was told of before and is still there; whichever tells more readings is given, so one who came late takes
nothing away and waits until enough others came.

Series that are reckoned from the same readings are of one *quantity* and are told over the same people: emotions add up
to 100, so what is told of one tells of the others. What was told of another quantity is no part of what is known of
this one, whoever was read for it, and hides nobody in it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np

from mien.analysis.auditing import Census, Query, audit
from mien.analysis.filters import LEAST_SLICE, Filter, QueryGate, Slice
from mien.analysis.people import JOINT, one_each
from mien.analysis.sessions import STEP_TOLERANCE, BoolArray, CellArray, SessionSet, TimeBase
from mien.core.errors import InputError, PolicyError

_FEWER: Final = 3
"""How often as many as the least are left out once more, where somebody left."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told at once.

    Attributes:
        quantity: what was told of: sums of two quantities tell nothing of each other.
        parts: names of rows, part by part; any union of parts counts as told. A row is named by its sessions, as
            :func:`~mien.analysis.people.one_each` names it.
        step_seconds: of the steps that it was told on, which begin at multiples of it; None where nobody kept that.
        steps: at which of them, numbered from media time 0, as stretches (first, end); None where nobody kept that.
    """

    quantity: str
    parts: tuple[tuple[str, ...], ...]
    step_seconds: float | None = None
    steps: tuple[tuple[int, int], ...] | None = None

    def names(self) -> Iterator[str]:
        """Of all its rows."""
        return itertools.chain.from_iterable(self.parts)

    @property
    def sessions(self) -> frozenset[str]:
        """Names of the sessions in its rows."""
        return frozenset(session for name in self.names() for session in name.split(JOINT))

    def is_certain(self, base: TimeBase) -> bool:
        """Whether it is known at which steps of a time base it was told."""
        return (
            self.steps is not None
            and self.step_seconds is not None
            and abs(self.step_seconds - base.step_seconds) <= STEP_TOLERANCE
        )

    def at(self, base: TimeBase) -> BoolArray:
        """bool T: the steps of a time base at which it was told, or may have been where that is not certain."""
        if self.steps is None or not self.is_certain(base):
            return np.ones(base.steps, np.bool_)
        told, offset = np.zeros(base.steps, np.bool_), _first_step(base)
        for first, end in self.steps:
            told[max(first - offset, 0) : max(end - offset, 0)] = True
        return told

    def document(self) -> dict[str, Any]:
        """As plain JSON values; :meth:`from_document` reads them."""
        return {
            "quantity": self.quantity,
            "parts": [list(part) for part in self.parts],
            "step_seconds": self.step_seconds,
            "steps": self.steps,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From what :meth:`document` gave, or from an entry that kept no steps: names beside how many were read."""
        steps = document.get("steps")
        return cls(
            document["quantity"],
            tuple(tuple(str(one if isinstance(one, str) else one[0]) for one in part) for part in document["parts"]),
            document.get("step_seconds"),
            None if steps is None else tuple((int(first), int(end)) for first, end in steps),
        )


def step_of(remembered: Iterable[Told], quantity: str) -> float | None:
    """Seconds of the steps that an audience is told of on; None where nothing settled that yet."""
    steps = (told.step_seconds for told in remembered if told.quantity == quantity)
    return next((step for step in steps if step is not None), None)


@dataclass(frozen=True, slots=True)
class Crowd:
    """All sessions of a version that are there.

    Attributes:
        sessions: S of them, a row a session, on steps that begin at multiples of their length.
        quantity: what the series is reckoned from.
        read: float32 S×T, the weight with which each session was read for the quantity. Where a series of it weighs
            otherwise, nothing is told of the series: sums of the two would be over different people.
        persons: S, whose each is; None for nobody's in particular.
        public: bool S, sessions that whoever is told least may read by themselves. They are nobody's in particular:
            joined to what else a person is in, they would be neither known nor people.
        unfit: how many more there are that do not fit the steps.

    Raises:
        InputError: shapes do not fit, or a public session is somebody's.
    """

    sessions: SessionSet
    quantity: str
    read: CellArray
    persons: tuple[Hashable | None, ...]
    public: BoolArray
    unfit: int = 0

    def __post_init__(self) -> None:
        cells = (len(self.sessions), self.sessions.base.steps)
        if self.read.shape != cells:
            raise InputError(f"weights of {cells[0]} sessions over {cells[1]} steps, got {self.read.shape}.")
        for name, person, is_public in zip(self.sessions.names, self.persons, self.public, strict=True):
            if is_public and person is not None:
                raise InputError(f"session '{name}' may be read by itself and cannot be one of a person's.")


@dataclass(frozen=True, slots=True)
class Answering:
    """Over what a question is answered.

    Attributes:
        audience: all that it answers for, a row a person.
        gate: that answers about parts; None for everybody.
        told: bool T, steps at which anything is told.
        standing: what is to be remembered before an answer is given; None where it follows from what is remembered.
        left_out: sessions that are there but not counted yet.
    """

    audience: SessionSet
    gate: QueryGate | None
    told: BoolArray
    standing: Told | None
    left_out: int

    def everybody(self, series: str) -> SessionSet:
        """The whole audience; NaN and weight 0 at steps that are withheld."""
        return _masked(self.audience, series, self.told)

    def ask(self, asked: Filter) -> Slice:
        """A part, as :meth:`~mien.analysis.filters.QueryGate.ask` tells it, without the steps that are withheld.

        Raises:
            PolicyError: nothing of it may be told.
        """
        assert self.gate is not None
        found = self.gate.ask(asked)
        part, base = found.audience, self.audience.base
        first = round((part.base.start_seconds - base.start_seconds) / base.step_seconds)
        kept = self.told[first : first + part.base.steps]
        seen = part.people(asked.series) > 0
        if not (seen & kept).any():
            raise PolicyError(
                "at no step of this stretch enough people were read in all parts: ask about a longer one."
            )
        withheld = found.withheld_steps + int((seen & ~kept).sum())
        return replace(found, audience=_masked(part, asked.series, kept), withheld_steps=withheld)


def answering(
    crowd: Crowd, series: str, remembered: Sequence[Told], *, in_parts: bool = True, least: int = LEAST_SLICE
) -> Answering:
    """Over what a question may be answered now.

    The outcome is the same whichever part is asked about, and whatever stretch of time.

    Args:
        crowd: all there is at present.
        series: what is asked about.
        remembered: everything that was told of this audience, of whatever quantity, in order.
        in_parts: whether parts are asked about, not everybody.
        least: people, the fewest that anything may rest on.

    Raises:
        PolicyError: at no step may anything be told.
    """
    there = _There.of(crowd, series)
    remembered = [told for told in remembered if told.quantity == crowd.quantity]
    best: _Choice | None = None
    for names, most in _choices(there, remembered):
        if best is None or most > best.readings:
            found = _chosen(there, names, remembered, in_parts, least)
            best = found if best is None or found.readings > best.readings else best
            if best.withholds_nothing:
                break
    fewer = 0
    while best is not None and not best.readings and remembered and not in_parts and fewer < _FEWER:
        # Whoever left cannot be told from the next answer if as many as the least are not in it either.
        fewer += 1
        names = there.without_last(fewer * least)
        best = _chosen(there, names, remembered, in_parts, least) if names else best
    if best is None or not best.readings:
        raise PolicyError(_WHY_AGAIN.format(least=least) if remembered else _WHY.format(least=least))
    left_out = len(crowd.sessions) + crowd.unfit - best.sessions
    return Answering(best.audience, best.gate, best.told, best.standing, left_out)


_WHY: Final = "at no step {least} people of this audience, and of each of its parts, were read: nothing is told of it."
_WHY_AGAIN: Final = (
    "beside what was told of this audience before, an answer would tell of fewer than {least} people: somebody came, "
    "left or declared otherwise since. It can be told again once {least} more people came who were read at the same "
    "time; where parts are asked about, in each part that changed."
)


@dataclass(frozen=True, slots=True)
class _There:
    """A crowd, and what is reckoned of it once.

    Attributes:
        people: float32 S×T, read at once where a session was read for the quantity, 0 elsewhere.
        told_alike: bool S×T, where the series weighs as its quantity does.
        place: rows of sessions by name.
        persons: whose each session is, by name; its own name for nobody's in particular.
    """

    crowd: Crowd
    series: str
    people: CellArray
    told_alike: BoolArray
    place: Mapping[str, int]
    persons: Mapping[str, Hashable]

    @classmethod
    def of(cls, crowd: Crowd, series: str) -> Self:
        sessions = crowd.sessions
        _, weights = sessions.cells(series)
        people = np.where(crowd.read > 0, np.maximum(sessions.readable, np.float32(1)), np.float32(0))
        told_alike = weights == crowd.read
        whose = zip(sessions.names, crowd.persons, strict=True)
        persons: dict[str, Hashable] = {name: (None, name) if who is None else (who,) for name, who in whose}
        place = {name: row for row, name in enumerate(sessions.names)}
        return cls(crowd, series, people, told_alike, place, persons)

    def without_last(self, people: int) -> frozenset[str]:
        """All sessions but those of the last people to come, by the names of their rows; public ones stay."""
        of: defaultdict[Hashable, list[str]] = defaultdict(list)
        for name, who in self.persons.items():
            if not self.crowd.public[self.place[name]]:
                of[who].append(name)
        last = sorted(of.values(), key=min)[-people:]
        return frozenset(self.persons) - {name for theirs in last for name in theirs}

    def census(self, rows: Sequence[str]) -> tuple[Census, BoolArray]:
        """Who is read when, and which rows are public."""
        sessions = [name.split(JOINT) for name in rows]
        gone = np.array([any(one not in self.place for one in row) for row in sessions], np.bool_)
        uses = Counter(one for row in sessions for one in row)
        counts = np.array([all(uses[one] == 1 for one in row) for row in sessions], np.bool_)
        places = [
            [0] if is_gone else [self.place[one] for one in row] for row, is_gone in zip(sessions, gone, strict=True)
        ]
        first = np.array([row[0] for row in places], np.intp)
        people, public = self.people[first], self.crowd.public[first] & ~gone
        people[gone] = 0
        for number, row in enumerate(places):
            if len(row) > 1:
                people[number] = self.people[row].max(axis=0)
        return Census(people, gone, counts), public


@dataclass(frozen=True, slots=True)
class _Choice:
    """An audience that could be answered over.

    Attributes:
        readings: people at all steps that are told.
        withholds_nothing: whether every step with anybody is told.
        sessions: behind it.
    """

    audience: SessionSet
    gate: QueryGate | None
    told: BoolArray
    standing: Told | None
    readings: float
    withholds_nothing: bool
    sessions: int


def _choices(there: _There, remembered: Sequence[Told]) -> Iterator[tuple[frozenset[str], float]]:
    """Sessions that an answer could be over, and the most readings it could have: all, then as before, latest first.

    Public sessions come and go as they like, so all that are there are in each.
    """
    crowd, each = there.crowd, there.people.sum(axis=1, dtype=np.float64)
    everybody = frozenset(there.place)
    yield everybody, float(each.sum())
    public = frozenset(name for name, is_public in zip(crowd.sessions.names, crowd.public, strict=True) if is_public)
    seen = {everybody}
    for told in reversed(remembered):
        names = told.sessions | public
        if names <= everybody and names not in seen:
            seen.add(names)
            yield names, float(sum(each[there.place[name]] for name in names))


def _chosen(there: _There, names: frozenset[str], remembered: Sequence[Told], in_parts: bool, least: int) -> _Choice:
    crowd, series, base = there.crowd, there.series, there.crowd.sessions.base
    picked = [row for row, name in enumerate(crowd.sessions.names) if name in names]
    part = crowd.sessions if len(picked) == len(crowd.sessions) else crowd.sessions.select(picked)
    audience = one_each(part, [crowd.persons[row] for row in picked])
    audience = replace(audience, min_group=max(audience.min_group, least))
    gate = QueryGate.standing(audience, series, least=least) if in_parts else None
    parts = (audience.names,) if gate is None else gate.parts
    asked = Told(crowd.quantity, parts)
    of = {name: row for row, name in enumerate(dict.fromkeys(n for t in (*remembered, asked) for n in t.names()))}
    census, public = there.census(list(of))

    def sets(told: tuple[tuple[str, ...], ...]) -> BoolArray:
        found = np.zeros((len(told), len(of)), np.bool_)
        for number, names_of in enumerate(told):
            found[number, [of[name] for name in names_of]] = True
        return found & ~public

    before = [Query(sets(told.parts), told.at(base), told.is_certain(base)) for told in remembered]
    result = audit(before, sets(parts), census, least)
    people = audience.people(series)
    told = result.may & (people >= audience.min_group)
    told &= there.told_alike[[row for row in picked if not crowd.public[row]]].all(axis=0)
    standing = None
    if (result.adds & told).any():
        kept = tuple(tuple(sorted(n for n in part if not public[of[n]])) for part in parts)
        stretches = _stretches(told, _first_step(base))
        standing = Told(crowd.quantity, tuple(sorted(filter(None, kept))), base.step_seconds, stretches)
    return _Choice(audience, gate, told, standing, float(people[told].sum()), bool(told[people > 0].all()), len(picked))


def _masked(audience: SessionSet, series: str, told: BoolArray) -> SessionSet:
    if told.all():
        return audience
    return replace(
        audience,
        series={series: np.where(told, audience.values(series), np.float32(np.nan))},
        weights=np.where(told, audience.weights, np.float32(0)),
        readable=np.where(told, audience.readable, np.float32(0)),
    )


def _first_step(base: TimeBase) -> int:
    return round(base.start_seconds / base.step_seconds)


def _stretches(told: BoolArray, offset: int) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], told, [False]]).astype(np.int8))) + offset
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))

"""Parts of an audience that changes: sessions are added, and deleted, between one answer and the next.

A standing gate (:meth:`~mien.analysis.filters.QueryGate.standing`) answers for whole parts of one partition, so
whatever it answers over one audience tells of ten people or of none. Over an audience that changed meanwhile it has
another partition, and an answer of today less one of yesterday tells of those who came and went: of one woman, where
one woman was among nine new people. So what was answered over is remembered as its parts (:class:`Standing`), and a new
audience counts only once every group of people that all remembered partitions and the new one can tell apart is large
enough: sums and differences of answers, of whatever day, are about unions of these groups, as in
:mod:`mien.analysis.filters`. Until then the last audience is answered over, if it is still there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mien.analysis.filters import LEAST_SLICE, QueryGate, Slice
from mien.analysis.sessions import SessionSet
from mien.core.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Standing:
    """An audience that parts were answered over.

    Attributes:
        parts: names of its sessions, part by part; in an order that says nothing.
        people: of each session, the most that were read at once.
    """

    parts: tuple[tuple[str, ...], ...]
    people: Mapping[str, float]

    @classmethod
    def of(cls, audience: SessionSet, gate: QueryGate) -> Self:
        """From an audience and its standing gate."""
        most = np.maximum(np.where(audience.weights > 0, audience.readable, 0).max(axis=1), 1)
        people = dict(zip(audience.names, most.astype(np.float64).tolist(), strict=True))
        return cls(tuple(sorted(tuple(sorted(part)) for part in gate.parts)), people)

    @property
    def names(self) -> frozenset[str]:
        """Of its sessions."""
        return frozenset(self.people)

    def document(self) -> dict[str, Any]:
        """As plain JSON values; :meth:`from_document` reads them."""
        return {"parts": [[[name, self.people[name]] for name in part] for part in self.parts]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From what :meth:`document` gave."""
        told = [[(str(name), float(count)) for name, count in part] for part in document["parts"]]
        people = {name: count for part in told for name, count in part}
        return cls(tuple(tuple(name for name, _ in part) for part in told), people)


@dataclass(frozen=True, slots=True)
class Answering:
    """Over what a question is answered.

    Attributes:
        gate: that answers.
        audience: all that it answers for.
        standing: what is to be remembered before an answer is given; None where it is remembered already.
        left_out: sessions that are there but not yet counted.
    """

    gate: QueryGate
    audience: SessionSet
    standing: Standing | None
    left_out: int

    def ask(self, asked: Any) -> Slice:
        """See :meth:`~mien.analysis.filters.QueryGate.ask`."""
        return self.gate.ask(asked)


def answering(
    audience: SessionSet, series: str, remembered: Sequence[Standing], *, least: int = LEAST_SLICE
) -> Answering:
    """Over what a question about parts may be answered now.

    Args:
        audience: all there is at present.
        series: what will be asked about.
        remembered: everything that parts of this audience's series were answered over, in order.
        least: people, the fewest that may be told apart.

    Raises:
        PolicyError: nothing may: too few came or went since the last answer.
    """
    gate = QueryGate.standing(audience, series, least=least)
    now = Standing.of(audience, gate)
    if remembered and now == remembered[-1]:
        return Answering(gate, audience, None, 0)
    if _may_follow(now, remembered, least):
        return Answering(gate, audience, now, 0)
    if not remembered:
        raise PolicyError(f"this audience is of fewer than {least} people: parts of it cannot be told about.")
    last = remembered[-1]
    kept = np.array([name in last.people for name in audience.names])
    if int(kept.sum()) == len(last.people):
        before = audience.select(kept)
        gate = QueryGate.standing(before, series, least=least)
        if Standing.of(before, gate) == last:
            return Answering(gate, before, None, len(audience) - len(before))
    raise PolicyError(
        f"since parts of this audience were last told about, fewer than {least} people came or went in some part of "
        "it: parts cannot be told about again before more have."
    )


def _may_follow(now: Standing, remembered: Sequence[Standing], least: int) -> bool:
    """Whether everybody whom old and new parts tell apart is among enough others."""
    people: dict[str, float] = {}
    label: defaultdict[str, list[int]] = defaultdict(list)
    for standing in (*remembered, now):
        for name, count in standing.people.items():
            # The fewest that were ever counted: too few is the safe side.
            people[name] = min(people.get(name, count), count)
    for standing in (*remembered, now):
        place = {name: number for number, part in enumerate(standing.parts) for name in part}
        for name in people:
            label[name].append(place.get(name, -1))
    held: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for name, count in people.items():
        held[tuple(label[name])] += count
    return all(count >= least for count in held.values())

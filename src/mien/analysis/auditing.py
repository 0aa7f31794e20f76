"""What may be told beside all that was told: the audit of linear queries.

Whatever is told of an audience at a step (means and their coverage, of everybody or of parts, today or on another day)
is, for each series, a known sum over a set of rows, the values of the rows being unknown. Combined, answers yield every
rational combination of these sets, taken as vectors of zeros and ones, and nothing else (F. Y. Chin, G. Özsoyoğlu,
"Auditing and inference control in statistical databases", IEEE Transactions on Software Engineering SE-8(6), 1982).

Rows that are in the same sets are one *atom*: every combination has one coefficient for all of its rows. An atom in
which fewer people than the least are read is *small*. A combination that rests on small atoms alone may tell of few
people; one that touches another atom mixes them with enough others. With M the sets as a matrix over atoms, and M_big
its columns of the atoms that are not small, the combinations that rest on small atoms alone have

    dim = rank(M) - rank(M_big)

dimensions. An answer may be told where it adds none to those that what was told before had already: departures alone
make atoms small, and nothing takes back what was told of them while they were large. Then every combination that became
known with an answer is about enough people who were there at that time. The test is stricter than it must be: several
small atoms that are enough people together count as small.

Who was read when settles the outcome, never what was read in their faces: withholding tells nothing of anybody's
expression (K. Kenthapadi, N. Mishra, K. Nissim, "Simulatable auditing", PODS 2005).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mien.analysis.sessions import BoolArray, CellArray
from mien.core.errors import InputError

_ROUNDING: Final = 1e-6
_AT_ONCE: Final = 1024
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Census:
    """Who is read at which step, of R rows over T steps.

    Attributes:
        people: float32 R×T, read at once in a row; 0 where it was not read, so that it adds nothing known to a sum.
        gone: bool R, rows of which nothing is there to be counted any more: they may have been read at any step.
        counts: bool R, rows whose people count as people. One that shares sessions with another row is the same person
            and does not; one that is gone never does.

    Raises:
        InputError: shapes do not fit.
    """

    people: CellArray
    gone: BoolArray
    counts: BoolArray

    def __post_init__(self) -> None:
        rows = len(self.people)
        if self.gone.shape != (rows,) or self.counts.shape != (rows,):
            raise InputError(f"{rows} rows need as many marks, got {self.gone.shape} and {self.counts.shape}.")


@dataclass(frozen=True, slots=True)
class Query:
    """Sets whose sums were told together.

    Attributes:
        sets: bool N×R.
        steps: bool T, where they were told.
        certain: whether that is known; False where they may have been told there, so that they count as told wherever
            that hides less.
    """

    sets: BoolArray
    steps: BoolArray
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """What may be told at which step.

    Attributes:
        may: bool T, steps at which telling adds nothing that rests on few people.
        adds: bool T, steps at which telling adds anything at all to what follows from what was told.
    """

    may: BoolArray
    adds: BoolArray


def audit(told: Sequence[Query], asked: BoolArray, census: Census, least: float) -> Audit:
    """Where sums over sets of rows may be told.

    Rows that whoever is told least may read by themselves are known quantities: leave them out of all sets.

    Args:
        told: everything that was told.
        asked: bool N×R, what would be told together.
        census: who is read when, at present.
        least: people, the fewest that anything may rest on.
    """
    steps = census.people.shape[1]
    may, adds = np.zeros(steps, np.bool_), np.zeros(steps, np.bool_)
    active = np.stack([query.steps for query in told]) if told else np.zeros((0, steps), np.bool_)
    for number, place in _alike(active):
        before = [query for query, is_told in zip(told, active[:, number], strict=True) if is_told]
        none = np.zeros((0, asked.shape[1]), np.bool_)
        old = np.concatenate([none, *(query.sets for query in before if query.certain)])
        # Beside all that may have been told, and against what surely was: so it holds whatever of it was told.
        new = np.concatenate([*(query.sets for query in before if not query.certain), asked])
        found = _at(old, new, census, place, least)
        may[place], adds[place] = found.may, found.adds
    return Audit(may, adds)


def _at(old: BoolArray, new: BoolArray, census: Census, place: IntArray, least: float) -> Audit:
    """Steps at which the same was told before."""
    sets = np.concatenate([np.unique(old, axis=0), new])
    used = np.flatnonzero(sets.any(axis=0))
    if not len(used):
        return Audit(np.ones(len(place), np.bool_), np.zeros(len(place), np.bool_))
    atoms, of = np.unique(sets[:, used], axis=1, return_inverse=True)
    order = np.argsort(of.ravel(), kind="stable")
    starts = np.searchsorted(of.ravel()[order], np.arange(atoms.shape[1]))
    rows = used[order]
    people = census.people[np.ix_(rows, place)]
    there = np.logical_or.reduceat((people > 0) | census.gone[rows][:, None], starts, axis=0)
    counted = np.where((census.counts & ~census.gone)[rows][:, None], people, np.float32(0))
    big = np.add.reduceat(counted, starts, axis=0, dtype=np.float64) >= least - _ROUNDING
    may, adds = np.zeros(len(place), np.bool_), np.zeros(len(place), np.bool_)
    kinds = list(_alike(np.concatenate([there, big & there])))
    firsts = [number for number, _ in kinds]
    known, known_of_few = _dimensions(atoms[: len(sets) - len(new)], there[:, firsts], big[:, firsts])
    after, after_of_few = _dimensions(atoms, there[:, firsts], big[:, firsts])
    for number, (_, steps) in enumerate(kinds):
        may[steps] = after_of_few[number] == known_of_few[number]
        adds[steps] = after[number] > known[number]
    return Audit(may, adds)


def _dimensions(sets: BoolArray, there: BoolArray, big: BoolArray) -> tuple[IntArray, IntArray]:
    """Of all combinations of sets over atoms, and of those that rest on small atoms alone; K each.

    Args:
        sets: bool N×A.
        there: bool A×K, atoms of which anything is unknown, in each of K kinds of steps.
        big: bool A×K, those that are not small.
    """
    whole = _ranks(sets, there)
    mixed = ~(big | ~there).all(axis=0)
    of_few = np.zeros(len(whole), np.intp)
    of_few[mixed] = whole[mixed] - _ranks(sets, (big & there)[:, mixed])
    return whole, of_few


def _ranks(sets: BoolArray, kept: BoolArray) -> IntArray:
    """intp K: ranks of N×A with those columns alone that each column of A×K names."""
    found = np.zeros(kept.shape[1], np.intp)
    if not sets.size:
        return found
    kinds = list(_alike(kept))
    for first in range(0, len(kinds), _AT_ONCE):
        some = kinds[first : first + _AT_ONCE]
        each = kept[:, [number for number, _ in some]].T
        # A column of zeros is no column.
        ranks = np.linalg.matrix_rank((sets[None] & each[:, None, :]).astype(np.float64))
        for (_, places), rank in zip(some, ranks, strict=True):
            found[places] = rank
    return found


def _alike(columns: BoolArray) -> Iterator[tuple[int, IntArray]]:
    """Equal columns of V×T: the first of each kind, and all of them."""
    if not columns.shape[1]:
        return
    packed = np.packbits(columns, axis=0).T
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) or 1, 8), np.uint8)
    words.reshape(len(packed), -1)[:, : packed.shape[1]] = packed
    numbers = words.view(np.uint64)[..., 0]
    # Numbers are told apart many times faster than rows of them.
    if numbers.shape[1] == 1:
        _, first, of = np.unique(numbers[:, 0], return_index=True, return_inverse=True)
    else:
        _, first, of = np.unique(numbers, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(of.ravel(), kind="stable")
    edges = np.searchsorted(of.ravel()[order], np.arange(len(first) + 1))
    for kind, number in enumerate(first):
        yield int(number), order[edges[kind] : edges[kind + 1]]

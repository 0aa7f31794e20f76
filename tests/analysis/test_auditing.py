"""What may be told beside all that was told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.analysis.auditing import Census, Query, audit
from mien.analysis.sessions import BoolArray
from mien.core.errors import InputError

LEAST = 3


def census(people: str | list[str], gone: str = "") -> Census:
    """Steps by rows: ``x`` is read, ``-`` is there and not read; rows by letter from A."""
    steps = [people] if isinstance(people, str) else people
    cells = np.array([[mark == "x" for mark in row] for row in zip(*steps, strict=True)], np.float32)
    is_gone = np.array([chr(ord("A") + row) in gone for row in range(len(cells))], np.bool_)
    cells[is_gone] = 0
    return Census(cells, is_gone, ~is_gone)


def sets(rows: int, *letters: str) -> BoolArray:
    return np.array([[chr(ord("A") + row) in one for row in range(rows)] for one in letters], np.bool_)


def told(rows: int, *letters: str, steps: int = 1) -> Query:
    return Query(sets(rows, *letters), np.ones(steps, np.bool_))


def may(before: list[Query], asked: BoolArray, there: Census) -> list[bool]:
    return [bool(one) for one in audit(before, asked, there, LEAST).may]


def test_enough_people_may_be_told_of_and_fewer_may_not() -> None:
    assert may([], sets(4, "ABCD"), census(["xxxx", "xx--", "----"])) == [True, False, True]


def test_one_who_came_may_not_be_told_by_subtracting_and_three_who_came_may() -> None:
    before = [told(6, "ABC")]
    assert may(before, sets(6, "ABCD"), census("xxxxxx")) == [False]
    assert may(before, sets(6, "ABCDEF"), census("xxxxxx")) == [True]


def test_people_are_counted_at_each_step() -> None:
    before = [told(6, "ABC", steps=3)]
    assert may(before, sets(6, "ABCDEF"), census(["xxxxxx", "xxxx--", "xxx---"])) == [True, False, True]


def test_one_who_left_may_not_be_told_by_subtracting_until_enough_came() -> None:
    before = [told(7, "ABCD")]
    assert may(before, sets(7, "BCD"), census("xxxxxxx", gone="A")) == [False]
    assert may(before, sets(7, "BCDEF"), census("xxxxxxx", gone="A")) == [False]
    assert may(before, sets(7, "BCDEFG"), census("xxxxxxx", gone="A")) == [True]


def test_what_was_told_may_be_told_again_whoever_left_since() -> None:
    before = [told(6, "ABC"), told(6, "ABCDEF")]
    found = audit(before, sets(6, "ABC"), census("xxxxxx", gone="F"), LEAST)
    assert (found.may.tolist(), found.adds.tolist()) == ([True], [False])


def test_three_answers_may_not_tell_together_what_no_two_of_them_tell() -> None:
    before = [told(8, "ABCDEFGH"), told(8, "ABCDE")]
    assert may(before, sets(8, "DFGH"), census("xxxxxxxx")) == [False]
    assert may([told(8, "ABCDEFGH")], sets(8, "EFGH"), census("xxxxxxxx")) == [True]


def test_steps_that_were_not_told_bind_nothing() -> None:
    before = [Query(sets(4, "ABCD"), np.array([True, False]))]
    assert may(before, sets(4, "ABC"), census(["xxxx", "xxxx"])) == [False, True]


def test_what_may_have_been_told_is_not_known_and_hides_nobody() -> None:
    """D came alone: where nobody kept whether they were told of, they are neither told of again nor subtracted."""
    surely, perhaps = told(6, "ABC"), Query(sets(6, "ABCD"), np.ones(1, np.bool_), certain=False)
    assert may([surely, perhaps], sets(6, "ABCD"), census("xxxxxx")) == [False]
    assert may([surely, told(6, "ABCD")], sets(6, "ABCD"), census("xxxxxx")) == [True]
    assert may([perhaps], sets(6, "ABC"), census("xxxxxx")) == [False]


def test_a_person_with_two_rows_counts_in_neither() -> None:
    there = census("xxxxxxx")
    shared = Census(there.people, there.gone, np.array([name not in "AE" for name in "ABCDEFG"]))
    before = [told(7, "ABCD")]
    assert audit(before, sets(7, "BCDEFG"), there, LEAST).may.all()
    assert not audit(before, sets(7, "BCDEFG"), shared, LEAST).may.any()


def test_marks_that_do_not_fit_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match="4 rows need as many marks"):
        Census(np.ones((4, 2), np.float32), np.zeros(3, np.bool_), np.ones(4, np.bool_))


def _rank(matrix: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(matrix)) if matrix.size else 0


def determined(known: np.ndarray, rows: list[int]) -> int:
    """How many combinations of some rows' values alone an adversary can solve for, out of sums of 0/1 sets."""
    others = [row for row in range(known.shape[1]) if row not in rows]
    return _rank(known) - _rank(known[:, others])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_answers_of_any_days_together_tell_of_few(data: st.DataObject) -> None:
    """An adversary who solves the whole linear system learns nothing new about fewer people than the least.

    Each day rows come and go for good, some are not read at some steps, and sums over parts are asked for. Whatever an
    answer adds for any group of fewer present people than the least, with all who are gone, is nothing.
    """
    rows, steps = data.draw(st.integers(3, 9)), 2
    present = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), np.bool_)
    gone = np.zeros(rows, np.bool_)
    read = np.array(data.draw(st.lists(st.sampled_from([3, 3, 3, 1, 2, 0]), min_size=rows, max_size=rows)))
    reads = np.stack([read & 1, read >> 1], axis=1).astype(np.bool_)
    before: list[Query] = []
    true = [np.zeros((0, rows)) for _ in range(steps)]
    for _ in range(data.draw(st.integers(1, 5))):
        change = np.array(data.draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows)))
        gone |= present & (change == 0)
        present = (present | (change == 1)) & ~gone
        asked = np.array(data.draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)))
        parts = np.stack([present & (asked == part) for part in (0, 1)])
        parts = np.stack([present]) if data.draw(st.booleans()) else parts[parts.any(axis=1)]
        people = np.where(reads & ~gone[:, None], 1, 0).astype(np.float32)
        found = audit(before, parts, Census(people, gone.copy(), ~gone), LEAST)
        for step in np.flatnonzero(found.may):
            known = true[step]
            more = np.concatenate([known, parts * reads[:, step]])
            there = [row for row in range(rows) if not gone[row]]
            for few in itertools.combinations(there, min(LEAST - 1, len(there))):
                group = [*few, *np.flatnonzero(gone).tolist()]
                assert determined(more, group) == determined(known, group)
            assert found.adds[step] or _rank(more) == _rank(known)
            true[step] = more
        if found.may.any():
            before.append(Query(parts, found.may))

"""Decoding ahead keeps order, bounds and errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mien.runtime.prefetch import prefetch


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_the_same_items_in_the_same_order(depth: int) -> None:
    assert list(prefetch(range(100), depth)) == list(range(100))


def test_no_more_than_depth_are_made_ahead() -> None:
    made = 0
    taken = threading.Event()

    def items() -> Iterator[int]:
        nonlocal made
        for number in range(50):
            made += 1
            if number == 4:
                taken.set()
            yield number

    ahead = prefetch(items(), 3)
    assert next(ahead) == 0
    assert taken.wait(5)
    # One taken, three waiting, one in the thread's hand.
    assert made <= 5
    ahead.close()


@pytest.mark.parametrize("depth", [0, 2])
def test_an_error_comes_at_its_place(depth: int) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("lost")

    got = prefetch(items(), depth)
    assert next(got) == 1
    with pytest.raises(OSError, match="lost"):
        next(got)


def test_closing_early_ends_the_thread() -> None:
    before = threading.active_count()
    ahead = prefetch(iter(range(10**9)), 2)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before

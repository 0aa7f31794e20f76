"""Waiting for messages on pipes."""

from __future__ import annotations

import multiprocessing

import pytest

from mien.runtime.live.listening import Listener


def test_a_pipe_is_told_once_it_has_something_to_say() -> None:
    (near, far), listener = multiprocessing.Pipe(), Listener()
    assert listener.wait([near], 0) == []
    far.send("a")
    assert listener.wait([near], 10) == [near]
    assert near.recv() == "a"
    assert listener.wait([near], 0) == []


def test_of_several_those_with_something_to_say_are_told_in_order() -> None:
    pipes, listener = [multiprocessing.Pipe() for _ in range(3)], Listener()
    nears = [near for near, _ in pipes]
    for _, far in (pipes[2], pipes[0]):
        far.send("a")
    assert listener.wait(nears, 10) == [nears[0], nears[2]]


def test_a_pipe_whose_other_end_is_gone_has_its_end_to_say() -> None:
    (near, far), listener = multiprocessing.Pipe(), Listener()
    far.close()
    assert listener.wait([near], 10) == [near]
    with pytest.raises(EOFError):
        near.recv()


def test_another_pipe_with_the_number_of_a_closed_one_is_another_pipe() -> None:
    (near, _), listener = multiprocessing.Pipe(), Listener()
    listener.wait([near], 0)
    number = near.fileno()
    near.close()
    (again, far) = multiprocessing.Pipe()
    assert again.fileno() == number, "the system hands the lowest free number out"
    far.send("b")
    assert listener.wait([again], 10) == [again]


def test_a_pipe_closed_at_this_end_is_an_error() -> None:
    (near, _), listener = multiprocessing.Pipe(), Listener()
    near.close()
    with pytest.raises(OSError, match="closed"):
        listener.wait([near], 0)

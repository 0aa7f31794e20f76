"""Waiting for messages on pipes, with one system call a wait.

``multiprocessing.connection.wait`` and ``Connection.poll`` make a selector anew at every call, which costs more than a
small message does.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from multiprocessing.connection import Connection


class Listener:
    """Waits for any of some pipes.

    A pipe whose other end is gone counts as having something to say, so that reading it raises what is wrong.
    """

    def __init__(self) -> None:
        self._heard: tuple[Connection, ...] = ()
        self._by_number: dict[int, Connection] = {}
        self._poll = select.poll()

    def wait(self, connections: Sequence[Connection], seconds: float) -> list[Connection]:
        """Those with something to say, in the order given, once there is one or the time is over.

        Args:
            connections: open ones.
            seconds: at most; 0 looks and returns.

        Raises:
            OSError: one is closed at this end.
        """
        numbers = [connection.fileno() for connection in connections]
        # A number is used again once a pipe is closed: what counts is the pipe.
        if len(connections) != len(self._heard) or any(
            new is not old for new, old in zip(connections, self._heard, strict=True)
        ):
            self._poll = select.poll()
            for number in numbers:
                self._poll.register(number, select.POLLIN)
            self._heard = tuple(connections)
            self._by_number = dict(zip(numbers, connections, strict=True))
        said = self._poll.poll(1e3 * seconds)
        if len(said) < 2:
            return [self._by_number[number] for number, _ in said]
        ready = {number for number, _ in said}
        return [connection for number, connection in self._by_number.items() if number in ready]

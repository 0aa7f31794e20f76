"""Decoding ahead: frames are read in a thread of their own, in order, a bounded number at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class _End(Generic[T]):
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """The same items in the same order, made up to ``depth`` ahead by a thread.

    An error of the iterable is raised here, at its place. Closing the generator stops the thread.

    Args:
        items: what to iterate; only ever touched by the thread.
        depth: most items waiting at once; 0 uses no thread.
    """
    if depth == 0:
        yield from items
        return
    waiting: queue.Queue[T | _End[T]] = queue.Queue(depth)
    stop = threading.Event()

    def offer(item: T | _End[T]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not offer(item):
                    break
        except BaseException as caught:
            error = caught
        offer(_End(error))

    thread = threading.Thread(target=work, name="mien-decode", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()

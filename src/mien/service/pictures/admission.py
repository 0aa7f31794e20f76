"""Who may have how many pictures here at once: nobody takes every place, and slow senders take none that is read at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mien.service.bench import BusyError


class TooManyError(BusyError):
    """Somebody has as many here as one may have; others may send."""


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """How many pictures may be here.

    Attributes:
        arriving: at once, over all who send.
        reading: that are whole, and are read or wait for it.
        share: of one caller, from their first byte to their answer.
        address_share: of one address; many callers may lie behind one.
        held_bytes: of all that are here.
    """

    arriving: int = 64
    reading: int = 9
    share: int = 4
    address_share: int = 16
    held_bytes: int = 512_000_000


class Admission:
    """Counts the pictures that are here.

    Args:
        options: how many may be.
    """

    def __init__(self, options: AdmissionOptions) -> None:
        self._options = options
        self._shares: Counter[tuple[str, str]] = Counter()
        self._arriving = self._reading = self._bytes = 0

    @contextmanager
    def share(self, caller: str, address: str) -> Iterator[None]:
        """One of a caller's, from its first byte until its answer.

        Raises:
            TooManyError: as many of the caller, or of the address, are here as may be.
        """
        most = {("caller", caller): self._options.share, ("address", address): self._options.address_share}
        for who, limit in most.items():
            if self._shares[who] >= limit:
                raise TooManyError(f"{limit} pictures of yours are here already: wait for an answer, then send more.")
        self._shares.update(most.keys())
        try:
            yield
        finally:
            self._shares.subtract(most.keys())
            self._shares += Counter()  # drops those who have none here

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """While one comes in.

        Raises:
            BusyError: as many come in as may.
        """
        if self._arriving >= self._options.arriving:
            raise BusyError("too many pictures arrive at once: send it again in a moment.")
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A place of one that is whole, until it was read.

        Raises:
            BusyError: as many are read or wait as may.
        """
        if self._reading >= self._options.reading:
            raise BusyError("too many pictures wait already: send it again in a moment.")
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1

    def hold(self, size: int) -> None:
        """So many bytes more are here; tell :meth:`release` when they go.

        Raises:
            BusyError: as many bytes are here as may be.
        """
        if self._bytes + size > self._options.held_bytes:
            raise BusyError("as much is here as there is room for: send it again in a moment.")
        self._bytes += size

    def release(self, size: int) -> None:
        """So many bytes went."""
        self._bytes -= size

"""Identifiers that sort by when they were made."""

from __future__ import annotations

import secrets
from uuid import UUID

from mien.core.clock import Clock

_SEQUENCE_BITS = 12
_RANDOM_BITS = 62


class Ids:
    """Makes UUIDs of version 7 (RFC 9562): milliseconds, a counter of this process, 62 random bits.

    Args:
        clock: tells the milliseconds. Where it stands still or goes back, the counter goes on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def new(self) -> UUID:
        """An identifier greater than every one before it."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        self._last = max(milliseconds << _SEQUENCE_BITS, self._last + 1)
        time_part, sequence = self._last >> _SEQUENCE_BITS, self._last & ((1 << _SEQUENCE_BITS) - 1)
        low = (0b10 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        return UUID(int=(time_part << 80) | (0x7 << 76) | (sequence << 64) | low)

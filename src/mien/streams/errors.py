"""What can go wrong between processes."""

from __future__ import annotations

from mien.core.errors import MienError


class BusError(MienError):
    """Something about the bus that a user can act on."""


class BusUnavailableError(BusError):
    """The bus does not answer. What was handed to it may or may not have been taken: hand it in again."""


class StreamFullError(BusError):
    """A stream holds as many messages as it may and nobody took one in time: nothing was taken, try again later."""

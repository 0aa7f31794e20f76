"""What both kinds of streams refuse, in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mien.streams.bus import MOST_AT_ONCE, StreamOptions
from mien.streams.errors import StreamFullError

WORN_OUT: Final = "delivered # times and never acknowledged"
"""Why a message was given up that nobody acknowledged; # is how often."""


def check_publishable(payloads: Sequence[bytes], options: StreamOptions) -> None:
    """Refuse what no waiting would make room for.

    Raises:
        ValueError: more than one call may hand in, or than a stream holds.
    """
    most = min(MOST_AT_ONCE, options.most_waiting)
    if len(payloads) > most:
        raise ValueError(f"at most {most} messages can be published at once, not {len(payloads)}")


def full(stream: str, options: StreamOptions) -> StreamFullError:
    """A stream whose consumers do not keep up."""
    return StreamFullError(
        f"the stream {stream} holds {options.most_waiting} messages that nobody has worked off: try again later, and "
        "see that its consumers run."
    )

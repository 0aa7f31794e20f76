"""When a message is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from mien.service.webhooks.sending import Answer

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class BackoffOptions:
    """How often, at which distances.

    Attributes:
        most_attempts: then a message is dead.
        first_seconds: from the first attempt to the second.
        factor: each wait is so many times the one before…
        longest_seconds: …but no longer than this.
        jitter: share of a wait, 0–1, by which it is made shorter or longer at random, so that receivers which come
            back are not asked by everybody at once.
        longest_retry_after_seconds: a receiver may ask for a wait of so much (``Retry-After``) and no more.
    """

    most_attempts: int = 10
    first_seconds: float = 10.0
    factor: float = 3.0
    longest_seconds: float = 6 * 3600.0
    jitter: float = 0.2
    longest_retry_after_seconds: float = 24 * 3600.0


def wait_seconds(attempts: int, options: BackoffOptions, random: Random) -> float:
    """How long to wait after so many attempts, 1 and more."""
    plain = min(options.longest_seconds, options.first_seconds * options.factor ** (attempts - 1))
    return plain * (1.0 + options.jitter * random.uniform(-1.0, 1.0))


def retry_at(
    attempts: int, answer: Answer | None, now: datetime, options: BackoffOptions, random: Random
) -> datetime | None:
    """When a message that did not arrive is tried again.

    Args:
        attempts: how often it was tried.
        answer: what the receiver said, if it did.
        now: the time of day.
        options, random: of the waits.

    Returns:
        None where it is given up.
    """
    if attempts >= options.most_attempts:
        return None
    at = now + timedelta(seconds=wait_seconds(attempts, options, random))
    asked = answer.retry_at(now) if answer is not None else None
    if asked is None:
        return at
    return max(at, min(asked, now + timedelta(seconds=options.longest_retry_after_seconds)))

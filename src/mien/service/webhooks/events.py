"""What messages are sent about. ``docs/reference/service/webhooks.md`` tells each; a test holds that it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

EVERY_EVENT: Final = "*"


class Event(StrEnum):
    """What happened."""

    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    SESSION_DELETED = "session.deleted"
    SCARE_DETECTED = "scare.detected"
    DROP_DETECTED = "drop.detected"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    PING = "webhook.ping"


CHOICES: Final = (EVERY_EVENT, *(event.value for event in Event if event is not Event.PING))
"""What a webhook may ask for: a ping comes without asking."""


def told(moment: datetime) -> str:
    """A time of day as messages tell it: ISO 8601 in UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def document(event: str, created_at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a message, as the Standard Webhooks specification shapes it: ``type``, ``timestamp``, ``data``."""
    return {"type": event, "timestamp": told(created_at), "data": dict(data)}

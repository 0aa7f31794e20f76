"""What messages are sent about. ``docs/reference/service/webhooks.md`` tells each; a test holds that it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
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


MEANING: Final[Mapping[Event, str]] = MappingProxyType(
    {
        Event.SESSION_STARTED: "a session was begun",
        Event.SESSION_ENDED: "a session takes no further snapshot",
        Event.SESSION_DELETED: "a session was deleted with everything that belonged to it",
        Event.SCARE_DETECTED: "shock rose above what it just was, while the session ran",
        Event.DROP_DETECTED: "engagement or attention fell, while the session ran",
        Event.JOB_DONE: "a job is done",
        Event.JOB_FAILED: "a job was given up",
        Event.JOB_CANCELLED: "a job was cancelled",
        Event.PING: "somebody asked for a message, to see that it arrives",
    }
)
CHOICES: Final = (EVERY_EVENT, *(event.value for event in Event if event is not Event.PING))
"""What a webhook may ask for: a ping comes without asking."""


def told(moment: datetime) -> str:
    """A time of day as messages tell it: ISO 8601 in UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def document(event: str, created_at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a message, as the Standard Webhooks specification shapes it: ``type``, ``timestamp``, ``data``."""
    return {"type": event, "timestamp": told(created_at), "data": dict(data)}

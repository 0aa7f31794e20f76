"""Snapshots on their way from whoever measured them to whoever stores them: the stream ``snapshots``.

A message is an organisation's id (16 bytes) and a JSON array of snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mien.core.audience import AudienceSnapshot

STREAM: Final = "snapshots"
RECORDERS: Final = "recorders"
"""The group that stores them."""


def message(organisation_id: UUID, snapshots: Sequence[AudienceSnapshot]) -> bytes:
    """What is published."""
    told = ",".join(snapshot.model_dump_json(exclude_none=True) for snapshot in snapshots)
    return organisation_id.bytes + f"[{told}]".encode()


def parts(payload: bytes) -> tuple[UUID, bytes]:
    """Whose snapshots a message holds, and the JSON.

    Raises:
        ValueError: it is no such message.
    """
    if len(payload) < 18:
        raise ValueError("the message is too short to hold snapshots")
    return UUID(bytes=payload[:16]), payload[16:]

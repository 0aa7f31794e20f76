"""A webhook's secrets as they are stored: sealed for its organisation, so that a copy of the database signs nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mien.core.errors import SettingsError
from mien.service.security import sealing
from mien.service.webhooks.signing import key_of, mint_secret

PURPOSE: Final = "webhook secrets"


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a webhook's messages.

    Attributes:
        current: ``whsec_…``.
        previous: the one before, which signs too until ``previous_until``; None where there is none.
    """

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def rotated(self, now: datetime, overlap: timedelta) -> Keys:
        """A new secret now, while the one before signs too for a while."""
        if overlap <= timedelta(0):
            return Keys(mint_secret())
        return Keys(mint_secret(), self.current, now + overlap)

    def at(self, now: datetime) -> tuple[bytes, ...]:
        """The keys that sign at a time, the current one first."""
        held = self.previous is not None and self.previous_until is not None and now < self.previous_until
        return (key_of(self.current), key_of(self.previous)) if held and self.previous else (key_of(self.current),)


class Seal:
    """Seals and opens the keys of webhooks.

    Args:
        secret: the service's own, at least 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._seal = sealing.Seal(secret, PURPOSE)

    def close(self, organisation_id: UUID, keys: Keys) -> bytes:
        """Keys as they are stored."""
        until = None if keys.previous_until is None else keys.previous_until.astimezone(UTC).isoformat()
        return self._seal.close(json.dumps([keys.current, keys.previous, until]).encode(), organisation_id.bytes)

    def open(self, organisation_id: UUID, sealed: bytes) -> Keys:
        """Stored keys.

        Raises:
            SettingsError: they were sealed under another secret or for another organisation, or are damaged.
        """
        try:
            current, previous, until = json.loads(self._seal.open(sealed, organisation_id.bytes))
        except sealing.SealError as error:
            raise SettingsError(
                "a webhook's secret was sealed under another secret of the service, or is damaged. Start the service "
                "with the secret it had, or rotate the webhook's."
            ) from error
        return Keys(current, previous, None if until is None else datetime.fromisoformat(until))

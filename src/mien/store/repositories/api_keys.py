"""Keys of programs. Only a digest of a key is stored; finding one by its secret is ``directory.py``'s."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from mien.store import tables
from mien.store.errors import InvalidError
from mien.store.records import ApiKey, MintedKey, Role
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape

PREFIX: Final = "mien_"
_SECRET_BYTES: Final = 32
_HINT_CHARACTERS: Final = len(PREFIX) + 6


def digest(secret: str) -> bytes:
    """What is stored of a key. SHA-256 is enough: the secret has 256 random bits, no dictionary holds it."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKeys(Repository[ApiKey]):
    """Keys of one organisation."""

    table = tables.api_keys
    shape = Shape(ApiKey, tables.api_keys)
    what = "API key"

    async def mint(self, name: str, role: Role, *, expires_at: datetime | None = None) -> MintedKey:
        """A new key; its secret is told once.

        Raises:
            InvalidError: it would have expired already.
        """
        if expires_at is not None and expires_at <= self._scope.now:
            raise InvalidError(f"a key cannot expire in the past ({expires_at.isoformat()}).")
        secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        key = await self._add(
            name=text(name, "a key's name"),
            digest=digest(secret),
            hint=secret[:_HINT_CHARACTERS],
            role=role,
            created_at=self._scope.now,
            expires_at=expires_at,
            revoked_at=None,
        )
        return MintedKey(key, secret)

    async def revoke(self, key: UUID) -> ApiKey:
        """Let a key open nothing from now on; asking again changes nothing."""
        found = await self.get(key)
        return found if found.revoked_at else await self._change(key, revoked_at=self._scope.now)

"""Who signs in. Signing in itself asks over all organisations: ``directory.py``."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from mien.store import tables
from mien.store.records import Role, User
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


class Users(Repository[User]):
    """People with a password."""

    table = tables.users
    shape = Shape(User, tables.users)
    what = "user"

    async def add(self, name: str, password_hash: str, role: Role) -> User:
        """A new user.

        Args:
            name: to sign in with.
            password_hash: as a password hasher made it; the store never sees a password.
            role: what they may do.

        Raises:
            ConflictError: the name is taken, perhaps in another organisation.
        """
        return await self._add(
            "this name is taken.",
            number=1 + secrets.randbelow(2**52),
            name=text(name, "a user's name"),
            password_hash=text(password_hash, "a password's hash", 500),
            role=role,
            active=True,
            token_generation=0,
            created_at=self._scope.now,
        )

    async def change_role(self, key: UUID, role: Role) -> User:
        """Another role for a user; tokens that say the old one end."""
        return await self._change(key, role=role, token_generation=self._next)

    async def change_password(self, key: UUID, password_hash: str) -> User:
        """Another password for a user; every token that was got with the old one ends."""
        hashed = text(password_hash, "a password's hash", 500)
        return await self._change(key, password_hash=hashed, token_generation=self._next)

    async def set_active(self, key: UUID, active: bool) -> User:
        """Whether a user may sign in; either way every token that is out ends."""
        return await self._change(key, active=active, token_generation=self._next)

    async def end_tokens(self, key: UUID) -> User:
        """End every token of a user that is out."""
        return await self._change(key, token_generation=self._next)

    @property
    def _next(self) -> Any:
        return self.table.c.token_generation + 1

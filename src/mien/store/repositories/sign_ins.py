"""What keeps users signed in. Renewing asks over all organisations: ``renewing.py``."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from mien.store import tables
from mien.store.records import NewSignIn, SignIn
from mien.store.repositories._repository import Repository
from mien.store.repositories.api_keys import digest
from mien.store.rows import Shape

_SECRET_BYTES: Final = 32


class SignIns(Repository[SignIn]):
    """Sign-ins of one organisation's users. Of each there is a digest only."""

    table = tables.sign_ins
    shape = Shape(SignIn, tables.sign_ins)
    what = "sign-in"

    async def begin(self, user_id: UUID, seconds: float, *, family_id: UUID | None = None) -> NewSignIn:
        """A new sign-in of a user who proved who they are; its secret is told once.

        Args:
            user_id: who.
            seconds: it renews nothing later.
            family_id: of the one it comes from; a family of its own where None.

        Raises:
            ConflictError: there is no such user here.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        key = self._scope.ids.new()
        sign_in = await self._add(
            "there is no such user.",
            id=key,
            user_id=user_id,
            family_id=family_id or key,
            digest=digest(secret),
            issued_at=self._scope.now,
            expires_at=self._scope.now + timedelta(seconds=seconds),
            used_at=None,
            ended_at=None,
        )
        return NewSignIn(sign_in, secret)

    async def end_all(self, user_id: UUID) -> int:
        """End every sign-in of a user; says how many were open."""
        table = self.table
        statement = self._scope.update(table).where(table.c.user_id == user_id, table.c.ended_at.is_(None))
        return int((await self._scope.run(statement.values(ended_at=self._scope.now))).rowcount)

    async def end_family(self, family_id: UUID) -> int:
        """End a sign-in and all that it was renewed from and to; says how many were open."""
        table = self.table
        statement = self._scope.update(table).where(table.c.family_id == family_id, table.c.ended_at.is_(None))
        return int((await self._scope.run(statement.values(ended_at=self._scope.now))).rowcount)

"""Renewing sign-ins: whose a secret is, nobody knows before it is looked up."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import tables
from mien.store.ids import Ids
from mien.store.records import Renewal, Renewed, SignIn, User
from mien.store.repositories.api_keys import digest
from mien.store.repositories.sign_ins import SignIns
from mien.store.repositories.users import Users
from mien.store.scope import Scope

JUST_SECONDS: Final = 5.0
"""Two pages of one browser may ask to renew at once; later the second is taken for a thief."""


class Renewing:
    """Sign-ins by their secret, in one transaction, which is to be kept whatever came of it.

    Args:
        connection: with a transaction begun.
        clock, ids: where times and identifiers come from.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids

    async def renew(self, secret: str, seconds: float) -> Renewed:
        """Use a sign-in up, and begin the next of its family.

        A secret that was used before ends its family: either the user or a thief holds what came of it, and nobody can
        tell which.

        Args:
            secret: as it was told.
            seconds: how long the next renews.
        """
        found = await self._find(secret)
        if found is None:
            return Renewed(Renewal.UNKNOWN)
        organisation_id, sign_in = found
        now = self._clock.now()
        users = Users(Scope(organisation_id, self._connection, self._clock, self._ids))
        sign_ins = SignIns(Scope(organisation_id, self._connection, self._clock, self._ids))
        user: User = await users.get(sign_in.user_id)
        if sign_in.ended_at is not None or sign_in.expires_at <= now or not user.active:
            return Renewed(Renewal.UNKNOWN)
        if sign_in.used_at is not None:
            if now - sign_in.used_at <= timedelta(seconds=JUST_SECONDS):
                return Renewed(Renewal.JUST_USED)
            await sign_ins.end_family(sign_in.family_id)
            return Renewed(Renewal.STOLEN, organisation_id, user)
        table = tables.sign_ins
        await self._connection.execute(sa.update(table).where(table.c.id == sign_in.id).values(used_at=now))
        following = await sign_ins.begin(user.id, seconds, family_id=sign_in.family_id)
        return Renewed(Renewal.RENEWED, organisation_id, user, following)

    async def end(self, secret: str) -> None:
        """End the family of a secret; one that opens nothing is as well."""
        found = await self._find(secret)
        if found is not None:
            organisation_id, sign_in = found
            scope = Scope(organisation_id, self._connection, self._clock, self._ids)
            await SignIns(scope).end_family(sign_in.family_id)

    async def _find(self, secret: str) -> tuple[UUID, SignIn] | None:
        table = tables.sign_ins
        # Locked, so that of two who ask at once one is second; on SQLite the transaction itself is the lock.
        statement = sa.select(table).where(table.c.digest == digest(secret)).with_for_update()
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else (row["organisation_id"], SignIns.shape.of(row))

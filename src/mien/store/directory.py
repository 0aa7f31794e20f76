"""What is asked before it is known whose the question is: organisations, and who signs in with what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import tables
from mien.store.errors import ConflictError, NotFoundError
from mien.store.ids import Ids
from mien.store.records import ApiKey, Credentials, Organisation, User
from mien.store.repositories._repository import text
from mien.store.repositories.api_keys import ApiKeys, digest
from mien.store.repositories.users import Users
from mien.store.rows import Shape

Held = tuple[Literal["user"], UUID, int, int] | tuple[Literal["key", "session"], UUID, UUID]
"""What somebody may hold on to: a user's number and generation of tokens, an API key, a session; whose they are."""
_AT_ONCE: Final = 5000
_ORGANISATION = Shape(Organisation, tables.organisations)


class Directory:
    """Organisations, and credentials over all of them, in one transaction.

    Args:
        connection: with a transaction begun.
        clock, ids: where times and identifiers come from.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock, ids: Ids) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids

    async def add_organisation(self, name: str) -> Organisation:
        """A new tenant.

        Raises:
            ConflictError: there is one of this name.
        """
        made = Organisation(self._ids.new(), text(name, "an organisation's name"), self._clock.now())
        values = {"id": made.id, "name": made.name, "created_at": made.created_at}
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(sa.insert(tables.organisations).values(**values))
        except IntegrityError as error:
            raise ConflictError(f"there is an organisation {made.name!r} already.") from error
        return made

    async def organisation(self, key: UUID) -> Organisation:
        """A tenant by its id.

        Raises:
            NotFoundError: there is none.
        """
        statement = sa.select(*_ORGANISATION.columns).where(tables.organisations.c.id == key)
        row = (await self._connection.execute(statement)).mappings().first()
        if row is None:
            raise NotFoundError.of("organisation", key)
        return _ORGANISATION.of(row)

    async def organisation_named(self, name: str) -> Organisation | None:
        """A tenant by its name, or None."""
        statement = sa.select(*_ORGANISATION.columns).where(tables.organisations.c.name == name.strip())
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _ORGANISATION.of(row)

    async def first_organisation(self) -> Organisation | None:
        """The oldest tenant, or None."""
        statement = sa.select(*_ORGANISATION.columns).order_by(tables.organisations.c.id).limit(1)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _ORGANISATION.of(row)

    async def organisations(self) -> tuple[Organisation, ...]:
        """Every tenant, oldest first."""
        statement = sa.select(*_ORGANISATION.columns).order_by(tables.organisations.c.id)
        return tuple(_ORGANISATION.of(row) for row in (await self._connection.execute(statement)).mappings())

    async def credentials(self, name: str) -> Credentials | None:
        """An active user by the name they sign in with, or None.

        Check a password even where there is none, against a hash of your own: how long it takes would tell.
        """
        table = tables.users
        statement = sa.select(table).where(table.c.name == name.strip(), table.c.active)
        row = (await self._connection.execute(statement)).mappings().first()
        if row is None:
            return None
        user: User = Users.shape.of(row)
        return Credentials(row["organisation_id"], user, row["password_hash"])

    async def user(self, number: int) -> tuple[UUID, User] | None:
        """The organisation and the active user of a number, or None."""
        table = tables.users
        statement = sa.select(table).where(table.c.number == number, table.c.active)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else (row["organisation_id"], Users.shape.of(row))

    async def api_key(self, secret: str) -> tuple[UUID, ApiKey] | None:
        """The organisation and the key that a secret belongs to; None where it opens nothing (any more)."""
        table = tables.api_keys
        statement = sa.select(table).where(table.c.digest == digest(secret), table.c.revoked_at.is_(None))
        row = (await self._connection.execute(statement)).mappings().first()
        if row is None:
            return None
        key: ApiKey = ApiKeys.shape.of(row)
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            return None
        return row["organisation_id"], key

    async def gone(self, held: Collection[Held], now: datetime) -> frozenset[Held]:
        """Those that are there no more: users shut out or with later tokens, keys that are over, sessions deleted.

        Args:
            held: of any organisations; one question of each kind for five thousand of them.
            now: keys that ended before are over.
        """
        users, keys, sessions = tables.users, tables.api_keys, tables.sessions
        there: set[Held] = set()
        for some in _some([one[2] for one in held if one[0] == "user"]):
            active = sa.select(users.c.organisation_id, users.c.number, users.c.token_generation)
            rows = await self._connection.execute(active.where(users.c.number.in_(some), users.c.active))
            there |= {("user", *row) for row in rows}
        for some in _some([one[2] for one in held if one[0] == "key"]):
            good = sa.select(keys.c.organisation_id, keys.c.id).where(
                keys.c.id.in_(some),
                keys.c.revoked_at.is_(None),
                sa.or_(keys.c.expires_at.is_(None), keys.c.expires_at > now),
            )
            there |= {("key", *row) for row in await self._connection.execute(good)}
        for some in _some([one[2] for one in held if one[0] == "session"]):
            stored = sa.select(sessions.c.organisation_id, sessions.c.id).where(sessions.c.id.in_(some))
            there |= {("session", *row) for row in await self._connection.execute(stored)}
        return frozenset(held) - there


def _some(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]

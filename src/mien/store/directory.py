"""What is asked before it is known whose the question is: organisations, and who signs in with what."""

from __future__ import annotations

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

"""What every repository can do."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from mien.core.errors import PolicyError
from mien.core.privacy import assert_no_personal_keys
from mien.store import tables
from mien.store.errors import InvalidError, NotFoundError
from mien.store.records import Page
from mien.store.rows import Shape
from mien.store.scope import Scope

T = TypeVar("T")

LARGEST_PAGE: Final = 1000
_MOST_KEYS: Final = 500


class Repository(Generic[T]):
    """Things of one kind in one organisation.

    Args:
        scope: of the unit of work.
    """

    table: ClassVar[sa.Table]
    shape: ClassVar[Shape[Any]]
    what: ClassVar[str]

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def get(self, key: UUID) -> T:
        """One by its id.

        Raises:
            NotFoundError: there is none in this organisation.
        """
        found = await self._first(self._select().where(self.table.c.id == key))
        if found is None:
            raise NotFoundError.of(self.what, key)
        return found

    async def some(self, keys: Collection[UUID]) -> dict[UUID, T]:
        """Those of some keys that there are, by key; in one question for hundreds of them."""
        found: dict[UUID, T] = {}
        for part in in_parts(keys):
            statement = self._select().where(self.table.c.id.in_(part))
            found |= {row["id"]: self.shape.of(row) for row in (await self._scope.run(statement)).mappings()}
        return found

    async def list(
        self, *, after: UUID | None = None, limit: int = 100, least_group: int | None = None, **where: Any
    ) -> Page[T]:
        """Those there are, oldest first.

        Args:
            after: go on behind this one.
            limit: at most so many, 1 to 1000.
            least_group: only what belongs to no session, or to one that tells of no fewer people together.
            where: only those whose columns have these values.

        Raises:
            InvalidError: the limit is out of range, or there is no such column.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidError(f"a page holds 1 to {LARGEST_PAGE} items, not {limit}.")
        known = {column.name for column in self.shape.columns}
        if unknown := where.keys() - known:
            raise InvalidError(f"a {self.what} has no {', '.join(sorted(unknown))}.")
        statement = self._select().order_by(self.table.c.id).limit(limit + 1)
        statement = statement.where(*(self.table.c[name] == value for name, value in where.items()))
        if least_group is not None:
            sessions = tables.sessions
            large = self._scope.select(sessions, sessions.c.id).where(sessions.c.min_group >= least_group)
            of = self.table.c.session_id
            statement = statement.where(sa.or_(of.is_(None), of.in_(large)))
        if after is not None:
            statement = statement.where(self.table.c.id > after)
        items: builtins.list[Any] = [self.shape.of(row) for row in (await self._scope.run(statement)).mappings()]
        more = len(items) > limit
        return Page(tuple(items[:limit]), items[limit - 1].id if more else None)

    def _select(self) -> sa.Select[*tuple[Any, ...]]:
        return self._scope.select(self.table, *self.shape.columns)

    async def _first(self, statement: sa.Select[*tuple[Any, ...]]) -> T | None:
        row = (await self._scope.run(statement)).mappings().first()
        return None if row is None else self.shape.of(row)

    async def _add(self, taken: str = "", **values: Any) -> T:
        values = {"id": self._scope.ids.new(), **values}
        await self._scope.insert(self.table, [values], taken=taken)
        made: T = self.shape.of(values)
        return made

    async def _change(self, key: UUID, *conditions: Any, **values: Any) -> T:
        """Set columns of one that meets the conditions, and give it back.

        Raises:
            NotFoundError: there is none, or none that meets them.
        """
        statement = self._scope.update(self.table).where(self.table.c.id == key, *conditions).values(**values)
        row = (await self._scope.run(statement.returning(*self.shape.columns))).mappings().first()
        if row is None:
            raise NotFoundError.of(self.what, key)
        changed: T = self.shape.of(row)
        return changed

    async def _remove(self, key: UUID, held: str) -> None:
        """Delete one that nothing refers to.

        Raises:
            NotFoundError: there is none.
            ConflictError: something does; ``held`` is what it says.
        """
        async with self._scope.guard(held):
            gone = await self._scope.run(self._scope.delete(self.table).where(self.table.c.id == key))
        if not gone.rowcount:
            raise NotFoundError.of(self.what, key)


def in_parts(keys: Collection[UUID]) -> Iterator[Sequence[UUID]]:
    """Keys in parts that one statement can hold, in their order."""
    ordered = list(keys)
    return (ordered[start : start + _MOST_KEYS] for start in range(0, len(ordered), _MOST_KEYS))


def text(value: str, name: str, longest: int = 200) -> str:
    """A text that fits its column, without the blanks around it.

    Raises:
        InvalidError: it is empty, too long or holds a NUL, which PostgreSQL cannot store.
    """
    value = value.strip()
    if not value or len(value) > longest or "\0" in value:
        raise InvalidError(f"{name} is a text of 1 to {longest} characters without NUL, got {value[:40]!r}.")
    return value


def impersonal(document: Any, name: str) -> Any:
    """A JSON document that tells of no single person.

    Raises:
        InvalidError: a key in it is personal or a text holds a picture.
    """
    try:
        assert_no_personal_keys(document)
    except PolicyError as error:
        raise InvalidError(f"{name} cannot be stored: {error}") from error
    return document

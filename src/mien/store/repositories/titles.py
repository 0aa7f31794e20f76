"""Titles and their versions."""

from __future__ import annotations

import math
from uuid import UUID

from mien.store import tables
from mien.store.errors import InvalidError
from mien.store.records import Title, Version
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


class Titles(Repository[Title]):
    """What is watched."""

    table = tables.titles
    shape = Shape(Title, tables.titles)
    what = "title"

    async def add(self, name: str) -> Title:
        """A new title.

        Raises:
            ConflictError: the organisation has one of this name.
        """
        name = text(name, "a title's name")
        return await self._add(f"there is a title {name!r} already.", name=name, created_at=self._scope.now)

    async def rename(self, key: UUID, name: str) -> Title:
        """Another name for a title.

        Raises:
            ConflictError: the organisation has another of this name.
        """
        name = text(name, "a title's name")
        async with self._scope.guard(f"there is a title {name!r} already."):
            return await self._change(key, name=name)

    async def delete(self, key: UUID) -> None:
        """Delete a title that has no version and no study.

        Raises:
            ConflictError: it has.
        """
        await self._remove(key, "the title has versions or studies: delete those first.")


class Versions(Repository[Version]):
    """Cuts of titles."""

    table = tables.versions
    shape = Shape(Version, tables.versions)
    what = "version"

    async def add(self, title_id: UUID, name: str, *, duration_seconds: float | None = None) -> Version:
        """A new version of a title.

        Raises:
            ConflictError: there is no such title, or it has a version of this name.
            InvalidError: the duration is not above 0.
        """
        name, duration_seconds = text(name, "a version's name"), _duration(duration_seconds)
        return await self._add(
            f"the title is not here, or has a version {name!r} already.",
            title_id=title_id,
            name=name,
            duration_seconds=duration_seconds,
            created_at=self._scope.now,
        )

    async def change(self, key: UUID, name: str, duration_seconds: float | None) -> Version:
        """Another name and duration for a version.

        Raises:
            ConflictError: its title has another version of this name.
            InvalidError: the duration is not above 0.
        """
        name, duration_seconds = text(name, "a version's name"), _duration(duration_seconds)
        async with self._scope.guard(f"the title has a version {name!r} already."):
            return await self._change(key, name=name, duration_seconds=duration_seconds)

    async def delete(self, key: UUID) -> None:
        """Delete a version that no session is of.

        Raises:
            ConflictError: there are sessions.
        """
        await self._remove(key, "there are sessions of this version: delete those first.")


def _duration(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < math.inf:
        raise InvalidError(f"a version lasts longer than 0 seconds, not {seconds}.")
    return seconds

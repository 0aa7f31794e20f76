"""Studies: questions put to the sessions of a title's versions."""

from __future__ import annotations

from uuid import UUID

from mien.store import tables
from mien.store.records import Study
from mien.store.repositories._repository import Repository, text
from mien.store.rows import Shape


class Studies(Repository[Study]):
    """Questions and where their sessions belong."""

    table = tables.studies
    shape = Shape(Study, tables.studies)
    what = "study"

    async def add(self, title_id: UUID, name: str, question: str) -> Study:
        """A new study of a title.

        Raises:
            ConflictError: there is no such title, or the organisation has a study of this name.
        """
        name = text(name, "a study's name")
        return await self._add(
            f"the title is not here, or there is a study {name!r} already.",
            title_id=title_id,
            name=name,
            question=text(question, "a study's question", 2000),
            created_at=self._scope.now,
        )

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

    async def change(self, key: UUID, name: str, question: str) -> Study:
        """Another name and question for a study.

        Raises:
            ConflictError: the organisation has another study of this name.
        """
        name = text(name, "a study's name")
        async with self._scope.guard(f"there is a study {name!r} already."):
            return await self._change(key, name=name, question=text(question, "a study's question", 2000))

    async def delete(self, key: UUID) -> None:
        """Delete a study that no session belongs to, with the comparisons that were made in it.

        Raises:
            ConflictError: sessions belong to it.
        """
        reports = tables.reports
        async with self._scope.guard("sessions belong to this study: delete those first."):
            await self._scope.run(
                self._scope.delete(reports).where(reports.c.study_id == key, reports.c.session_id.is_(None))
            )
            await self._remove(key, "sessions belong to this study: delete those first.")

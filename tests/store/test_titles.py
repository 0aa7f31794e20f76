from __future__ import annotations

from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from tests.store.support import draft


async def test_a_title_has_versions_and_studies(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        title = await work.titles.add("  The Cellar ")
        cut = await work.versions.add(title.id, "director's cut", duration_seconds=5400.0)
        study = await work.studies.add(title.id, "autumn", "Which cut frightens more?")
    async with store.begin(organisation, read_only=True) as work:
        assert (await work.titles.get(title.id)).name == "The Cellar"
        assert (await work.versions.list(title_id=title.id)).items == (cut,)
        assert (await work.studies.list(title_id=title.id)).items == (study,)
        assert (await work.versions.list(title_id=study.id)).items == ()


async def test_a_name_is_given_once_and_the_unit_of_work_goes_on(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        title = await work.titles.add("The Cellar")
        with pytest.raises(ConflictError, match="there is a title 'The Cellar' already"):
            await work.titles.add("The Cellar")
        await work.titles.rename(title.id, "The Attic")
        await work.titles.add("The Cellar")
    async with store.begin(organisation) as work:
        assert [t.name for t in (await work.titles.list()).items] == ["The Attic", "The Cellar"]


async def test_renaming_onto_a_name_that_is_taken_is_a_conflict(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        await work.titles.add("The Cellar")
        title = await work.titles.add("The Attic")
        with pytest.raises(ConflictError):
            await work.titles.rename(title.id, "The Cellar")
        assert (await work.titles.get(title.id)).name == "The Attic"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\0b"])
async def test_a_name_that_cannot_be_stored_is_refused(store: Store, organisation: UUID, name: str) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError, match="a title's name"):
            await work.titles.add(name)


async def test_a_version_needs_its_title_and_a_length(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        title = await work.titles.add("The Cellar")
        with pytest.raises(ConflictError, match="the title is not here"):
            await work.versions.add(organisation, "cut")
        for seconds in (0.0, -1.0, float("nan"), float("inf")):
            with pytest.raises(InvalidError, match="lasts longer than 0"):
                await work.versions.add(title.id, "cut", duration_seconds=seconds)


async def test_pages_go_through_a_list_in_the_order_things_were_made(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        made = [(await work.titles.add(f"title {i}")).id for i in range(7)]
        seen, after = [], None
        for expected in (3, 3, 1):
            page = await work.titles.list(after=after, limit=3)
            assert len(page.items) == expected
            seen += [title.id for title in page.items]
            after = page.after
        assert after is None
        assert seen == made
        with pytest.raises(InvalidError, match="1 to 1000"):
            await work.titles.list(limit=0)
        with pytest.raises(InvalidError, match="has no colour"):
            await work.titles.list(colour="red")


async def test_what_is_not_there_is_not_found(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(NotFoundError, match=f"there is no title {organisation}"):
            await work.titles.get(organisation)
        with pytest.raises(NotFoundError):
            await work.titles.rename(organisation, "x")


async def test_a_version_and_a_study_are_changed(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        title = await work.titles.add("The Cellar")
        cut = await work.versions.add(title.id, "cut", duration_seconds=5400.0)
        await work.versions.add(title.id, "long cut")
        study = await work.studies.add(title.id, "autumn", "Which?")
        await work.studies.add(title.id, "winter", "Which?")
        assert (await work.versions.change(cut.id, "short cut", None)).duration_seconds is None
        assert (await work.studies.change(study.id, "spring", "Why?")).question == "Why?"
        with pytest.raises(ConflictError, match="a version 'long cut'"):
            await work.versions.change(cut.id, "long cut", None)
        with pytest.raises(InvalidError, match="lasts longer than 0"):
            await work.versions.change(cut.id, "cut", 0.0)
        with pytest.raises(ConflictError, match="a study 'winter'"):
            await work.studies.change(study.id, "winter", "Why?")
        assert (await work.versions.get(cut.id)).name == "short cut"


async def test_what_is_referred_to_is_not_deleted_and_the_unit_of_work_goes_on(
    store: Store, organisation: UUID
) -> None:
    async with store.begin(organisation) as work:
        title = await work.titles.add("The Cellar")
        cut = await work.versions.add(title.id, "cut")
        study = await work.studies.add(title.id, "autumn", "Which?")
        session = await work.sessions.begin(draft(version_id=cut.id, study_id=study.id))
        report = await work.reports.add("comparison", {}, study_id=study.id)
        for delete, key in (
            (work.titles.delete, title.id),
            (work.versions.delete, cut.id),
            (work.studies.delete, study.id),
        ):
            with pytest.raises(ConflictError, match="first"):
                await delete(key)
        assert (await work.reports.get(report.id)).study_id == study.id
        await work.sessions.delete(session.id, "test")
        await work.versions.delete(cut.id)
        await work.studies.delete(study.id)
        await work.titles.delete(title.id)
        for get, key in ((work.titles.get, title.id), (work.studies.get, study.id), (work.reports.get, report.id)):
            with pytest.raises(NotFoundError):
                await get(key)
        with pytest.raises(NotFoundError):
            await work.titles.delete(title.id)

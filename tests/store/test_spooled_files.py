"""Rows of the spool: whose a file is, which job it belongs to, and when it goes."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, NotFoundError
from mien.store.file_records import SpooledKind
from mien.store.records import JobState
from mien.store.repositories.spooled_files import SpooledDraft
from tests.store.support import VirtualClock, draft


def spooling(kind: SpooledKind = SpooledKind.UPLOAD, **changes: object) -> SpooledDraft:
    return SpooledDraft(uuid4(), kind, b"sealed", 3600.0, **changes)  # type: ignore[arg-type]


async def begun(store: Store, organisation: UUID, *, complete: bool = True) -> UUID:
    async with store.begin(organisation) as work:
        file = await work.spooled_files.begin(spooling())
        if complete:
            await work.spooled_files.completed(file.id, "video/mp4", 10)
    return file.id


async def due(store: Store) -> tuple[UUID, ...]:
    async with store.begin_system() as work:
        return await work.spool_sweep.drop_due()


async def test_an_upload_is_given_to_one_job_once_it_is_complete(store: Store, organisation: UUID) -> None:
    half = await begun(store, organisation, complete=False)
    whole = await begun(store, organisation)
    async with store.begin(organisation) as work:
        with pytest.raises(ConflictError, match="not complete"):
            await work.spooled_files.hand_over(half, uuid4(), None, 60.0)
        job = uuid4()
        assert (await work.spooled_files.hand_over(whole, job, None, 60.0)).job_id == job
        with pytest.raises(ConflictError, match="given to a job already"):
            await work.spooled_files.hand_over(whole, uuid4(), None, 60.0)
        result = await work.spooled_files.begin(spooling(SpooledKind.RESULT, complete=True))
        with pytest.raises(NotFoundError):
            await work.spooled_files.hand_over(result.id, uuid4(), None, 60.0)
        with pytest.raises(InvalidError):
            await work.spooled_files.begin(SpooledDraft(uuid4(), SpooledKind.UPLOAD, b"", 0.0))


async def test_files_go_when_their_time_is_over(store: Store, organisation: UUID, clock: VirtualClock) -> None:
    file = await begun(store, organisation)
    assert await due(store) == ()
    clock.advance(seconds=3601)
    assert await due(store) == (file,)
    assert await due(store) == ()


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
async def test_uploads_go_with_their_job_and_results_stay(store: Store, organisation: UUID, state: JobState) -> None:
    file = await begun(store, organisation)
    async with store.begin(organisation) as work:
        job = await work.jobs.enqueue("analysis", {})
        await work.spooled_files.hand_over(file, job.id, None, 3600.0)
        await work.spooled_files.begin(spooling(SpooledKind.RESULT, complete=True))
    async with store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["analysis"])
    assert await due(store) == ()
    if state is JobState.DONE:
        async with store.finishing(lease):
            pass
    elif state is JobState.FAILED:
        async with store.failing(lease, "no.", again=False) as (became, _):
            assert became is state
    else:
        async with store.cancelling(lease):
            pass
    assert await due(store) == (file,)


async def test_a_failure_and_what_follows_from_it_are_one_transaction(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        job = await work.jobs.enqueue("analysis", {})
    async with store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["analysis"])

    async def fail_and_break() -> None:
        async with store.failing(lease, "no.", again=False) as (_, work):
            await work.audit.record("worker", "told", "job", job.id)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_and_break()
    async with store.begin(organisation) as work:
        assert (await work.jobs.get(job.id)).state is JobState.RUNNING
        assert (await work.audit.list(action="told")).items == ()


async def test_which_files_have_a_row(store: Store, organisation: UUID, other: UUID) -> None:
    mine, theirs = await begun(store, organisation), await begun(store, other)
    async with store.begin_system() as work:
        assert await work.spool_sweep.known([mine, theirs, uuid4()]) == {mine, theirs}


async def test_they_go_with_their_session(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        await work.spooled_files.begin(spooling(session_id=session.id))
        proof = await work.sessions.delete(session.id, "user:1")
        assert proof.counts["spooled_files"] == 1
        assert (await work.spooled_files.list()).items == ()

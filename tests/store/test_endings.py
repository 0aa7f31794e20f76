"""However a job about a session ends, webhooks hear of it once and the session ends with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.records import Job, JobState, Lease, SessionState
from mien.store.repositories.jobs import JobOptions
from mien.store.work import Work
from tests.store.support import VirtualClock, add_respondent, draft, step

Ending = Callable[[Store, VirtualClock, UUID, Job], Awaitable[None]]


async def claimed(store: Store, owner: str = "worker-1") -> Lease:
    async with store.begin_system() as work:
        [lease] = await work.queue.claim(owner, ["analysis"])
    return lease


async def done(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    async with store.finishing(await claimed(store), {"files": 1}):
        pass


async def failed(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    async with store.failing(await claimed(store), "the recording is damaged", again=False):
        pass


async def cancelled_while_it_waited(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    async with store.begin(organisation) as work:
        await work.jobs.cancel(job.id)


async def cancelled_while_it_ran(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    lease = await claimed(store)
    async with store.begin(organisation) as work:
        await work.jobs.cancel(job.id)
    async with store.cancelling(lease):
        pass


async def cancelled_and_its_worker_died(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    await claimed(store)
    async with store.begin(organisation) as work:
        await work.jobs.cancel(job.id)
    clock.advance(seconds=31)
    await reaped(store, 1)


async def its_workers_died(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    await claimed(store, "worker-1")
    clock.advance(seconds=31)
    await claimed(store, "worker-2")
    assert await happened(store, organisation) == []
    clock.advance(seconds=31)
    await reaped(store, 1)


async def it_ran_too_long(store: Store, clock: VirtualClock, organisation: UUID, job: Job) -> None:
    for _ in range(2):
        await claimed(store)
        clock.advance(seconds=901)
    await reaped(store, 1)


async def reaped(store: Store, ended: int) -> None:
    """By whoever comes first; the next finds nothing."""
    async with store.begin_system() as work:
        assert await work.queue.claim("another", ["nothing"]) == ()
        assert len(work.queue.reaped) == ended
    async with store.begin_system() as work:
        assert await work.queue.reap() == 0
        assert work.queue.reaped == []


async def happened(store: Store, organisation: UUID) -> list[tuple[str, dict[str, object]]]:
    async with store.begin(organisation, read_only=True) as work:
        return [(one.event, dict(one.payload)) for one in (await work.deliveries.list()).items]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (done, JobState.DONE),
        (failed, JobState.FAILED),
        (cancelled_while_it_waited, JobState.CANCELLED),
        (cancelled_while_it_ran, JobState.CANCELLED),
        (cancelled_and_its_worker_died, JobState.CANCELLED),
        (its_workers_died, JobState.FAILED),
        (it_ran_too_long, JobState.FAILED),
    ],
)
async def test_a_session_ends_with_the_job_that_fills_it(
    store: Store, clock: VirtualClock, organisation: UUID, end: Ending, state: JobState
) -> None:
    async with store.begin(organisation) as work:
        await work.webhooks.add("https://studio.example/hook", bytes(32), ["*"])
        session = await work.sessions.begin(draft())
        options = JobOptions(max_attempts=2, timeout_seconds=900, backoff_seconds=0)
        job = await work.jobs.enqueue("analysis", {"clip": "a"}, session_id=session.id, options=options)
        await work.snapshots.ingest([step(session, 0.5 * at) for at in range(4)], by_job=True)
    await end(store, clock, organisation, job)
    async with store.begin(organisation, read_only=True) as work:
        ended = await work.sessions.get(session.id)
        over = await work.jobs.get(job.id)
        [entry] = (await work.audit.list(action="session.ended")).items
        left = len(await work.snapshots.timeline(session.id))
    assert (over.state, over.finished_at) == (state, clock.now())
    assert (ended.state, ended.ended_at) == (SessionState.ENDED, clock.now())
    assert left == (4 if state is JobState.DONE else 0), "half a recording counts in no study"
    reason = {"reason": f"job_{state.value}"}
    assert dict(entry.detail) == {**reason, "job_id": str(job.id)}
    about = {"session_id": str(session.id)}
    told: dict[str, object] = {"job_id": str(job.id), "kind": "analysis", "state": state.value, **about}
    if state is not JobState.DONE:
        assert over.error
        told["error"] = over.error
    assert await happened(store, organisation) == [(f"job.{state.value}", told), ("session.ended", {**about, **reason})]


@pytest.mark.parametrize("end", [failed, cancelled_while_it_waited, cancelled_while_it_ran, its_workers_died])
async def test_nothing_is_left_of_a_job_that_came_to_nothing_though_its_session_had_ended(
    store: Store, clock: VirtualClock, organisation: UUID, end: Ending
) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        options = JobOptions(max_attempts=2, backoff_seconds=0)
        job = await work.jobs.enqueue("analysis", {}, session_id=session.id, options=options)
        await work.snapshots.ingest([step(session, 0.5 * at) for at in range(4)], by_job=True)
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
        assert await counted(work, session.id) == 4
    await end(store, clock, organisation, job)
    await is_empty(store, organisation, session.id)


@pytest.mark.parametrize("running", [True, False])
async def test_nothing_is_left_of_a_job_once_its_consent_was_withdrawn(
    store: Store, organisation: UUID, running: bool
) -> None:
    async with store.begin(organisation) as work:
        _, session = await add_respondent(work)
        job = await work.jobs.enqueue("analysis", {}, session_id=session.id)
        await work.snapshots.ingest([step(session, 0.5 * at) for at in range(4)], by_job=True)
    lease = await claimed(store) if running else None
    async with store.begin(organisation) as work:
        assert session.consent_id is not None
        assert [one.id for one in (await work.consents.withdraw(session.consent_id)).jobs_cancelled] == [job.id]
    # At once: a worker that still runs the job may say so much later, or never.
    await is_empty(store, organisation, session.id)
    if lease is not None:
        async with store.cancelling(lease):
            pass
        await is_empty(store, organisation, session.id)


async def is_empty(store: Store, organisation: UUID, session_id: UUID) -> None:
    async with store.begin(organisation, read_only=True) as work:
        assert await work.snapshots.lanes(session_id) == ()
        assert len(await work.snapshots.timeline(session_id)) == 0
        assert await counted(work, session_id) == 0


async def counted(work: Work, session_id: UUID) -> int:
    """Steps that a study would take of a session."""
    return sum([len(columns) async for _, columns in work.snapshots.sealed([session_id])])


async def test_a_report_that_failed_takes_nothing_with_it(
    store: Store, clock: VirtualClock, organisation: UUID
) -> None:
    async with store.begin(organisation) as work:
        session = await work.sessions.begin(draft())
        await work.snapshots.ingest([step(session, 0.0)])
    async with store.begin(organisation) as work:
        await work.sessions.end(session.id)
        job = await work.jobs.enqueue("session_report", {}, session_id=session.id)
        await work.jobs.cancel(job.id)
    async with store.begin(organisation, read_only=True) as work:
        assert await counted(work, session.id) == 1


async def test_a_session_that_had_ended_before_is_not_ended_again(
    store: Store, clock: VirtualClock, organisation: UUID
) -> None:
    async with store.begin(organisation) as work:
        await work.webhooks.add("https://studio.example/hook", bytes(32), ["*"])
        session = await work.sessions.begin(draft())
        await work.jobs.enqueue("analysis", {}, session_id=session.id)
    async with store.begin(organisation) as work:
        ended = await work.sessions.end(session.id)
    clock.advance(seconds=5)
    async with store.finishing(await claimed(store)):
        pass
    async with store.begin(organisation, read_only=True) as work:
        assert await work.sessions.get(session.id) == ended
    assert [event for event, _ in await happened(store, organisation)] == ["job.done"]


async def test_an_attempt_that_is_tried_again_ends_nothing(
    store: Store, clock: VirtualClock, organisation: UUID
) -> None:
    async with store.begin(organisation) as work:
        await work.webhooks.add("https://studio.example/hook", bytes(32), ["*"])
        session = await work.sessions.begin(draft())
        await work.jobs.enqueue("analysis", {}, session_id=session.id)
    async with store.failing(await claimed(store), "the disk sleeps"):
        pass
    async with store.begin(organisation, read_only=True) as work:
        assert (await work.sessions.get(session.id)).state is SessionState.OPEN
    assert await happened(store, organisation) == []

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.errors import ConflictError, InvalidError, JobCancelledError, JobTimedOutError, LeaseLostError
from mien.store.records import Job, JobState, Lease
from mien.store.repositories.jobs import JobOptions
from tests.store.support import NOW, VirtualClock

KINDS = ("analyze", "compare")


async def enqueue(store: Store, organisation: UUID, kind: str = "analyze", **options: Any) -> Job:
    async with store.begin(organisation) as work:
        return await work.jobs.enqueue(kind, {"clip": "a"}, options=JobOptions(**options))


async def claim(store: Store, owner: str = "worker-1", **options: object) -> tuple[Lease, ...]:
    async with store.begin_system() as work:
        return await work.queue.claim(owner, KINDS, **options)  # type: ignore[arg-type]


async def claim_one(store: Store, owner: str = "worker-1", **options: object) -> Lease:
    [lease] = await claim(store, owner, **options)
    return lease


async def state(store: Store, organisation: UUID, job: Job) -> Job:
    async with store.begin(organisation, read_only=True) as work:
        return await work.jobs.get(job.id)


async def test_a_job_is_enqueued_claimed_and_done(store: Store, organisation: UUID) -> None:
    job = await enqueue(store, organisation)
    assert (job.state, job.attempts, job.progress, dict(job.payload)) == (JobState.QUEUED, 0, 0.0, {"clip": "a"})
    lease = await claim_one(store)
    assert (lease.organisation_id, lease.job.id, lease.fence) == (organisation, job.id, 1)
    assert lease.lease_until == NOW + timedelta(seconds=30)
    assert (await state(store, organisation, job)).state is JobState.RUNNING
    async with store.begin_system() as work:
        await work.queue.complete(lease, {"frames": 12})
    done = await state(store, organisation, job)
    assert (done.state, done.progress, done.finished_at) == (JobState.DONE, 1.0, NOW)
    assert done.result is not None
    assert dict(done.result) == {"frames": 12}
    assert await claim(store) == ()


async def test_a_job_is_claimed_by_one_worker(store: Store, organisation: UUID) -> None:
    for _ in range(20):
        await enqueue(store, organisation)
    claims = await asyncio.gather(*(claim(store, f"worker-{i}", limit=3) for i in range(8)))
    taken = [lease.job.id for leases in claims for lease in leases]
    # Whoever meets rows that others have locked may find fewer than it asked for, never the same.
    assert len(taken) == len(set(taken))
    while leases := await claim(store, limit=20):
        taken += [lease.job.id for lease in leases]
    assert len(taken) == len(set(taken)) == 20


async def test_lower_ranks_come_first_then_those_that_wait_longest(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    late = await enqueue(store, organisation, delay_seconds=60)
    usual = await enqueue(store, organisation)
    urgent = await enqueue(store, organisation, rank=-1)
    assert [(await claim_one(store, lease_seconds=300)).job.id for _ in range(2)] == [urgent.id, usual.id]
    assert await claim(store) == ()
    clock.advance(seconds=60)
    assert (await claim_one(store)).job.id == late.id


async def test_only_kinds_that_a_worker_knows_are_claimed(store: Store, organisation: UUID) -> None:
    await enqueue(store, organisation, kind="train")
    assert await claim(store) == ()


async def test_heartbeats_keep_a_job_and_tell_how_far_it_is(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation)
    lease = await claim_one(store)
    for tenth in range(1, 5):
        clock.advance(seconds=25)
        async with store.begin_system() as work:
            assert await work.queue.heartbeat(lease, progress=tenth / 10, note=f"minute {tenth}") is False
        assert await claim(store, "worker-2") == ()
    seen = await state(store, organisation, job)
    assert seen.progress == pytest.approx(0.4)
    assert seen.progress_note == "minute 4"
    async with store.begin_system() as work:
        with pytest.raises(InvalidError, match="progress is 0 to 1"):
            await work.queue.heartbeat(lease, progress=1.5)


async def test_the_job_of_a_silent_worker_goes_to_another_and_the_first_changes_nothing_more(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation)
    first = await claim_one(store, "worker-1")
    async with store.begin_system() as work:
        await work.queue.heartbeat(first, progress=0.5)
    clock.advance(seconds=30)
    second = await claim_one(store, "worker-2")
    assert (second.job.id, second.fence, second.job.progress) == (job.id, 2, 0.5)
    for report in ("heartbeat", "complete", "cancelled", "release", "hold"):
        async with store.begin_system() as work:
            with pytest.raises(LeaseLostError, match="no longer held by worker-1"):
                await getattr(work.queue, report)(first)
    async with store.begin_system() as work:
        with pytest.raises(LeaseLostError):
            await work.queue.fail(first, "too late")
        await work.queue.complete(second)
    assert (await state(store, organisation, job)).state is JobState.DONE


async def test_the_same_worker_with_an_older_fence_is_another(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    await enqueue(store, organisation)
    first = await claim_one(store)
    clock.advance(seconds=30)
    await claim_one(store)
    async with store.begin_system() as work:
        with pytest.raises(LeaseLostError):
            await work.queue.complete(first)


async def test_a_late_worker_whose_job_nobody_took_may_still_finish(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation)
    lease = await claim_one(store)
    clock.advance(seconds=45)
    async with store.begin_system() as work:
        await work.queue.complete(lease)
    assert (await state(store, organisation, job)).state is JobState.DONE


async def test_results_are_kept_with_the_completion_or_not_at_all(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation)
    first = await claim_one(store, "worker-1")
    clock.advance(seconds=30)
    second = await claim_one(store, "worker-2")
    with pytest.raises(LeaseLostError):
        async with store.finishing(first) as work:
            await work.titles.add("by the first")
    async with store.finishing(second, {"titles": 1}) as work:
        await work.titles.add("by the second")
    async with store.begin(organisation) as work:
        assert [t.name for t in (await work.titles.list()).items] == ["by the second"]
        assert (await work.jobs.get(job.id)).state is JobState.DONE


async def test_what_fails_while_finishing_leaves_the_job_running(store: Store, organisation: UUID) -> None:
    job = await enqueue(store, organisation)
    lease = await claim_one(store)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with store.finishing(lease) as work:
            await work.titles.add("half")
            1 / 0  # noqa: B018
    async with store.begin(organisation) as work:
        assert (await work.titles.list()).items == ()
        assert (await work.jobs.get(job.id)).state is JobState.RUNNING


async def test_a_failure_is_tried_again_after_twice_the_wait_until_no_attempt_is_left(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation, max_attempts=3, backoff_seconds=10)
    for wait in (10, 20):
        lease = await claim_one(store)
        async with store.begin_system() as work:
            assert await work.queue.fail(lease, "the clip is gone") is JobState.QUEUED
        assert (await state(store, organisation, job)).run_after == clock.now() + timedelta(seconds=wait)
        clock.advance(seconds=wait - 1)
        assert await claim(store) == ()
        clock.advance(seconds=1)
    lease = await claim_one(store)
    async with store.begin_system() as work:
        assert await work.queue.fail(lease, "the clip is gone") is JobState.FAILED
    failed = await state(store, organisation, job)
    assert (failed.state, failed.error, failed.attempts) == (JobState.FAILED, "the clip is gone", 3)
    async with store.begin(organisation) as work:
        again = await work.jobs.retry(job.id)
        assert (again.state, again.attempts, again.error) == (JobState.QUEUED, 0, None)
        with pytest.raises(ConflictError, match="only failed and cancelled"):
            await work.jobs.retry(job.id)
    assert (await claim_one(store)).fence == 4


async def test_what_cannot_be_helped_is_not_tried_again(store: Store, organisation: UUID) -> None:
    await enqueue(store, organisation)
    lease = await claim_one(store)
    async with store.begin_system() as work:
        assert await work.queue.fail(lease, "no video in it", again=False) is JobState.FAILED


async def test_the_wait_is_an_hour_at_most(store: Store, organisation: UUID, clock: VirtualClock) -> None:
    job = await enqueue(store, organisation, max_attempts=50, backoff_seconds=3600)
    for _ in range(3):
        lease = await claim_one(store)
        async with store.begin_system() as work:
            await work.queue.fail(lease, "no")
        assert (await state(store, organisation, job)).run_after - clock.now() == timedelta(hours=1)
        clock.advance(hours=1)


async def test_a_job_that_kills_its_workers_fails_in_the_end(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation, max_attempts=2)
    for _ in range(2):
        await claim_one(store)
        clock.advance(seconds=30)
    assert await claim(store) == ()
    failed = await state(store, organisation, job)
    assert (failed.state, failed.error) == (JobState.FAILED, "its worker fell silent")


async def test_an_attempt_that_lasts_too_long_is_over_even_if_its_worker_lives(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation, timeout_seconds=60, backoff_seconds=5)
    lease = await claim_one(store)
    clock.advance(seconds=29)
    async with store.begin_system() as work:
        await work.queue.heartbeat(lease)
    clock.advance(seconds=29)
    async with store.begin_system() as work:
        await work.queue.heartbeat(lease)
    clock.advance(seconds=2)
    async with store.begin_system() as work:
        with pytest.raises(JobTimedOutError, match="longer than 60"):
            await work.queue.heartbeat(lease)
        assert await work.queue.reap() == 1
    late = await state(store, organisation, job)
    assert (late.state, late.error) == (JobState.QUEUED, "it ran longer than 60 seconds")
    assert late.run_after == clock.now() + timedelta(seconds=5)


async def test_a_waiting_job_is_cancelled_at_once(store: Store, organisation: UUID) -> None:
    job = await enqueue(store, organisation)
    async with store.begin(organisation) as work:
        assert (await work.jobs.cancel(job.id)).state is JobState.CANCELLED
        assert (await work.jobs.cancel(job.id)).state is JobState.CANCELLED
    assert await claim(store) == ()


async def test_the_worker_of_a_running_job_is_told_that_it_was_cancelled(store: Store, organisation: UUID) -> None:
    job = await enqueue(store, organisation)
    lease = await claim_one(store)
    async with store.begin(organisation) as work:
        assert (await work.jobs.cancel(job.id)).state is JobState.RUNNING
    async with store.begin_system() as work:
        assert await work.queue.heartbeat(lease) is True
        await work.queue.cancelled(lease)
    assert (await state(store, organisation, job)).state is JobState.CANCELLED


async def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(
    store: Store, organisation: UUID, clock: VirtualClock
) -> None:
    job = await enqueue(store, organisation)
    await claim_one(store)
    async with store.begin(organisation) as work:
        await work.jobs.cancel(job.id)
    clock.advance(seconds=31)
    assert await claim(store) == ()
    assert (await state(store, organisation, job)).state is JobState.CANCELLED


async def test_a_cancelled_job_keeps_nothing_however_its_worker_ends_it(store: Store, organisation: UUID) -> None:
    for ending in ("finish", "fail", "release"):
        job = await enqueue(store, organisation)
        [lease] = await claim(store)
        async with store.begin(organisation) as work:
            await work.jobs.cancel(job.id)
        if ending == "finish":
            with pytest.raises(JobCancelledError):
                async with store.finishing(lease) as work:
                    await work.titles.add("Night Train")
            async with store.cancelling(lease):
                pass
        else:
            async with store.begin_system() as system:
                await (system.queue.fail(lease, "bad luck") if ending == "fail" else system.queue.release(lease))
        async with store.begin(organisation) as work:
            assert (await work.jobs.get(job.id)).state is JobState.CANCELLED, ending
            assert (await work.titles.list()).items == ()


async def test_a_worker_that_stops_hands_back_what_it_holds(store: Store, organisation: UUID) -> None:
    job = await enqueue(store, organisation, max_attempts=1)
    lease = await claim_one(store)
    async with store.begin_system() as work:
        await work.queue.release(lease)
    assert (await state(store, organisation, job)).attempts == 0
    assert (await claim_one(store, "worker-2")).fence == 2


async def test_an_idempotency_key_makes_a_job_once(store: Store, organisation: UUID, other: UUID) -> None:
    job = await enqueue(store, organisation, idempotency_key="upload-7")
    assert (await enqueue(store, organisation, idempotency_key="upload-7")).id == job.id
    assert (await enqueue(store, organisation, kind="compare", idempotency_key="upload-7")).id != job.id
    assert (await enqueue(store, other, idempotency_key="upload-7")).id != job.id
    async with store.begin(organisation) as work:
        with pytest.raises(ConflictError, match="was used for another analyze job"):
            await work.jobs.enqueue("analyze", {"clip": "b"}, options=JobOptions(idempotency_key="upload-7"))


async def test_the_same_key_at_the_same_time_makes_one_job(store: Store, organisation: UUID) -> None:
    made = await asyncio.gather(*(enqueue(store, organisation, idempotency_key="k") for _ in range(8)))
    assert len({job.id for job in made}) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0},
        {"timeout_seconds": 0},
        {"timeout_seconds": 86_401},
        {"delay_seconds": -1},
        {"backoff_seconds": 3601},
        {"idempotency_key": ""},
    ],
)
async def test_options_out_of_range_are_refused(store: Store, organisation: UUID, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        await enqueue(store, organisation, **options)


async def test_a_payload_and_a_result_tell_of_no_single_person(store: Store, organisation: UUID) -> None:
    async with store.begin(organisation) as work:
        with pytest.raises(InvalidError, match="a job's payload cannot be stored"):
            await work.jobs.enqueue("analyze", {"viewer": {"face_box": [1, 2, 3, 4]}})
    await enqueue(store, organisation)
    lease = await claim_one(store)
    async with store.begin_system() as work:
        with pytest.raises(InvalidError, match="a job's result cannot be stored"):
            await work.queue.complete(lease, {"track_id": 7})

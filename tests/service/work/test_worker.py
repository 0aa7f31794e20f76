"""One worker and its jobs: progress, cancelling, failing, running out of time, and what it sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from mien.core.errors import InputError
from mien.service.work.sweeping import sweep_due, sweep_orphans
from mien.service.work.tasks import Finish, Handler, Progressed, Task, Tools
from mien.service.work.worker import Worker
from mien.store.records import Job, JobState
from mien.store.repositories.jobs import JobOptions
from mien.store.work import Work
from tests.service.work.conftest import QUICK
from tests.service.work.support import until_final, upload
from tests.store.support import add_respondent

ONCE = JobOptions(max_attempts=1)


class Doing:
    """A handler made of a function."""

    def __init__(self, function: Callable[[Task], Any]) -> None:
        self.handle = function


@asynccontextmanager
async def working(tools: Tools, handlers: Mapping[str, Handler], told: list[Progressed]) -> AsyncIterator[None]:
    async def announce(progressed: Progressed) -> None:
        told.append(progressed)

    stop = asyncio.Event()
    running = asyncio.create_task(Worker(tools, handlers, announce).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def enqueue(tools: Tools, organisation: UUID, options: JobOptions | None = None, **payload: Any) -> Job:
    async with tools.store.begin(organisation) as work:
        return await work.jobs.enqueue("test", payload, options=options)


async def test_progress_is_stored_and_announced(tools: Tools, organisation: UUID) -> None:
    half = asyncio.Event()

    async def handle(task: Task) -> Finish:
        await task.progress(0.5, "half of it")
        await half.wait()
        return Finish({"found": 3})

    told: list[Progressed] = []
    job = await enqueue(tools, organisation)
    async with working(tools, {"test": Doing(handle)}, told):
        while True:
            async with tools.store.begin(organisation, read_only=True) as work:
                seen = await work.jobs.get(job.id)
            if seen.progress:
                break
            await asyncio.sleep(0.02)
        assert (seen.state, seen.progress, seen.progress_note) == (JobState.RUNNING, 0.5, "half of it")
        half.set()
        done = await until_final(tools, organisation, job.id)
    assert (done.state, done.progress, dict(done.result or {})) == (JobState.DONE, 1.0, {"found": 3})
    assert told[0].state == "running"
    assert (told[-1].state, told[-1].progress, told[-1].organisation_id) == ("done", 1.0, organisation)


async def test_results_and_completion_are_one_transaction(tools: Tools, organisation: UUID) -> None:
    undone = []

    async def handle(task: Task) -> Finish:
        async def write(work: Work) -> None:
            await work.audit.record("worker", "test.half", "job", task.job.id)
            raise RuntimeError("in the middle")

        return Finish({}, write, (), lambda: undone.append(task.job.id))

    job = await enqueue(tools, organisation, ONCE)
    async with working(tools, {"test": Doing(handle)}, []):
        failed = await until_final(tools, organisation, job.id)
    assert failed.state is JobState.FAILED
    assert undone == [job.id]
    assert "in the middle" not in (failed.error or ""), "an error of ours is not told"
    async with tools.store.begin(organisation, read_only=True) as work:
        assert (await work.audit.list(action="test.half")).items == ()


async def test_what_cannot_help_is_not_tried_again_and_the_rest_is(tools: Tools, organisation: UUID) -> None:
    tries: list[str] = []

    async def handle(task: Task) -> Finish:
        why = str(task.job.payload["why"])
        tries.append(why)
        if why == "bad input":
            raise InputError("the upload is no recording.")
        if len([t for t in tries if t == why]) < 3:
            raise OSError("the disk sleeps")
        return Finish()

    again = JobOptions(max_attempts=3, backoff_seconds=0.1)
    bad = await enqueue(tools, organisation, again, why="bad input")
    shaky = await enqueue(tools, organisation, again, why="bad luck")
    async with working(tools, {"test": Doing(handle)}, []):
        bad, shaky = [await until_final(tools, organisation, job.id) for job in (bad, shaky)]
    assert (bad.state, bad.attempts, bad.error) == (JobState.FAILED, 1, "the upload is no recording.")
    assert (shaky.state, shaky.attempts) == (JobState.DONE, 3)


async def test_a_cancelled_job_stops_and_its_upload_goes(tools: Tools, organisation: UUID) -> None:
    begun = asyncio.Event()

    async def handle(task: Task) -> Finish:
        begun.set()
        await asyncio.sleep(60)
        return Finish()

    sent = await upload(tools, organisation, b"pixels")
    job = await enqueue(tools, organisation)
    async with tools.store.begin(organisation) as work:
        await work.spooled_files.hand_over(sent, job.id, None, 3600)
    told: list[Progressed] = []
    async with working(tools, {"test": Doing(handle)}, told):
        await begun.wait()
        assert tools.spool.ids() == (sent,)
        async with tools.store.begin(organisation) as work:
            await work.jobs.cancel(job.id)
        stopped = await until_final(tools, organisation, job.id)
    assert stopped.state is JobState.CANCELLED
    assert told[-1].state == "cancelled"
    assert tools.spool.ids() == ()


async def test_what_was_measured_under_a_consent_that_is_gone_is_not_kept(tools: Tools, organisation: UUID) -> None:
    """Withdrawn when all is measured, and only the writing is left: no heartbeat would notice in time."""
    undone, measured, withdrawn = [], asyncio.Event(), asyncio.Event()

    async def handle(task: Task) -> Finish:
        async def write(work: Work) -> None:
            await work.audit.record("worker", "test.kept", "job", task.job.id)

        measured.set()
        await withdrawn.wait()
        return Finish({}, write, (), lambda: undone.append(task.job.id))

    async with tools.store.begin(organisation) as work:
        _, session = await add_respondent(work)
        await work.webhooks.add("https://studio.example/", b"s" * 32, ["job.cancelled"])
        job = await work.jobs.enqueue("test", {}, session_id=session.id)
    told: list[Progressed] = []
    async with working(tools, {"test": Doing(handle)}, told):
        await measured.wait()
        async with tools.store.begin(organisation) as work:
            assert session.consent_id is not None
            await work.consents.withdraw(session.consent_id)
        withdrawn.set()
        stopped = await until_final(tools, organisation, job.id)
    assert (stopped.state, undone, told[-1].state) == (JobState.CANCELLED, [job.id], "cancelled")
    async with tools.store.begin(organisation, read_only=True) as work:
        assert (await work.audit.list(action="test.kept")).items == ()
        assert [one.event for one in (await work.deliveries.list()).items] == ["job.cancelled"]


async def test_an_attempt_that_lasts_too_long_is_over(tools: Tools, organisation: UUID) -> None:
    async def handle(task: Task) -> Finish:
        await asyncio.sleep(60)
        return Finish()

    job = await enqueue(tools, organisation, JobOptions(max_attempts=1, timeout_seconds=0.5))
    async with working(tools, {"test": Doing(handle)}, []):
        over = await until_final(tools, organisation, job.id)
    assert over.state is JobState.FAILED
    assert "longer than 0.5 seconds" in (over.error or "")


async def test_a_job_whose_lease_was_lost_changes_nothing(tools: Tools, organisation: UUID) -> None:
    undone = []
    begun = asyncio.Event()

    async def handle(task: Task) -> Finish:
        begun.set()
        await asyncio.sleep(0.3)
        return Finish({"by": "the old one"}, undo=lambda: undone.append(task.job.id))

    job = await enqueue(tools, organisation)
    async with working(tools, {"test": Doing(handle)}, []):
        await begun.wait()
        async with tools.store.begin(organisation) as work:
            scope: Any = work.jobs
            await scope._change(job.id, fence=99, owner="somebody else")
        while not undone:
            await asyncio.sleep(0.02)
    async with tools.store.begin(organisation, read_only=True) as work:
        assert (await work.jobs.get(job.id)).result is None


async def test_webhooks_are_told_how_jobs_end(tools: Tools, organisation: UUID) -> None:
    async def handle(task: Task) -> Finish:
        if task.job.payload["fails"]:
            raise InputError("no.")
        return Finish()

    async with tools.store.begin(organisation) as work:
        await work.webhooks.add("https://studio.example/hook", bytes(32), ["job.done", "job.failed"])
    for fails in (False, True):
        job = await enqueue(tools, organisation, ONCE, fails=fails)
        async with working(tools, {"test": Doing(handle)}, []):
            await until_final(tools, organisation, job.id)
    async with tools.store.begin(organisation, read_only=True) as work:
        sent = (await work.deliveries.list()).items
    assert [delivery.event for delivery in sent] == ["job.done", "job.failed"]
    assert sent[1].payload["error"] == "no."


async def test_a_job_whose_last_worker_died_is_announced_by_another(tools: Tools, organisation: UUID) -> None:
    job = await enqueue(tools, organisation, ONCE)
    async with tools.store.begin_system() as work:
        assert await work.queue.claim("the one that died", ["test"], lease_seconds=0.01)
    told: list[Progressed] = []
    async with working(tools, {"other": Doing(lambda task: None)}, told):
        over = await until_final(tools, organisation, job.id)
    assert (over.state, over.error) == (JobState.FAILED, "its worker fell silent")
    assert [(one.job_id, one.state, one.note) for one in told] == [(job.id, "failed", "its worker fell silent")]


async def test_uploads_go_when_their_time_or_their_job_is_over(tools: Tools, organisation: UUID) -> None:
    waiting = await upload(tools, organisation, b"waits")
    handed = await upload(tools, organisation, b"of a job that ended")
    job = await enqueue(tools, organisation)
    async with tools.store.begin(organisation) as work:
        await work.spooled_files.hand_over(handed, job.id, None, 3600)
    assert await sweep_due(tools.store, tools.spool) == 0
    async with tools.store.begin(organisation) as work:
        await work.jobs.cancel(job.id)
    assert await sweep_due(tools.store, tools.spool) == 1
    assert tools.spool.ids() == (waiting,)
    async with tools.store.begin(organisation, read_only=True) as work:
        assert [kept.id for kept in (await work.spooled_files.list()).items] == [waiting]


async def test_files_without_a_row_go_once_they_are_old(tools: Tools, organisation: UUID) -> None:
    kept = await upload(tools, organisation, b"known")
    key, _ = tools.spool.mint(uuid4())
    with tools.spool.writer(key, most_bytes=100) as writer:
        writer.write(b"left by a crash")
        writer.finish()
    assert await sweep_orphans(tools.store, tools.spool, older_than_seconds=3600) == 0
    assert await sweep_orphans(tools.store, tools.spool, older_than_seconds=0) == 1
    assert tools.spool.ids() == (kept,)


@pytest.mark.parametrize("slots", [1, 3])
async def test_as_many_jobs_run_at_once_as_there_are_slots(tools: Tools, organisation: UUID, slots: int) -> None:
    now = most = 0

    async def handle(task: Task) -> Finish:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.2)
        now -= 1
        return Finish()

    some = Tools(tools.store, tools.spool, tools.clock, QUICK.model_copy(update={"slots": slots}))
    jobs = [await enqueue(tools, organisation) for _ in range(6)]
    async with working(some, {"test": Doing(handle)}, []):
        for job in jobs:
            await until_final(tools, organisation, job.id)
    assert most == slots

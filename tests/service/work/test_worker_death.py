"""Real worker processes: one of four is killed, one is told to stop, and every job is done exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.records import JobState
from tests.service.work.count_worker import HANGS_AT

JOBS = 400
WORKERS = 4
ROOT = Path(__file__).resolve().parents[3]

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts workers, and ends them."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    started = []

    def one(name: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.service.work.count_worker", url, str(tmp_path / "spool"), name, *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


async def counts(store: Store, organisation: UUID) -> Counter[JobState]:
    async with store.begin(organisation, read_only=True) as work:
        return Counter(job.state for job in (await work.jobs.list(limit=1000)).items)


async def test_a_killed_worker_costs_no_job_and_doubles_none(store: Store, organisation: UUID, start: Start) -> None:
    async with store.begin(organisation) as work:
        for number in range(JOBS):
            await work.jobs.enqueue("count", {"number": number})
    workers = [start(f"worker-{i}", *(["hangs"] if i == 0 else [])) for i in range(WORKERS)]
    # On SQLite nobody else can even begin while it hangs.
    assert (line(workers[0]), line(workers[0])) == (b"ready\n", b"hangs\n")
    workers[0].send_signal(signal.SIGKILL)
    until = time.monotonic() + 120
    while (await counts(store, organisation))[JobState.DONE] < JOBS and time.monotonic() < until:
        await asyncio.sleep(0.2)

    async with store.begin(organisation, read_only=True) as work:
        jobs = (await work.jobs.list(limit=1000)).items
        entries = (await work.audit.list(action="test.counted", limit=1000)).items
    assert Counter(job.state for job in jobs) == {JobState.DONE: JOBS}
    assert Counter(entry.subject for entry in entries) == {str(job.id): 1 for job in jobs}
    assert Counter(entry.actor for entry in entries)["worker-0"] < HANGS_AT, "what it had not committed is gone"
    assert sum(job.attempts > 1 for job in jobs) >= 1, "what it held went to the others"


async def test_a_worker_that_is_told_to_stop_finishes_what_it_can_and_loses_nothing(
    store: Store, organisation: UUID, start: Start
) -> None:
    async with store.begin(organisation) as work:
        for seconds in (1.0, 1.0, 30.0, 30.0, 0.0, 0.0):
            await work.jobs.enqueue("count", {"seconds": seconds})
    worker = start("stopped")
    assert line(worker) == b"ready\n"
    while (await counts(store, organisation))[JobState.RUNNING] < 4:
        await asyncio.sleep(0.02)
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    await asyncio.to_thread(worker.wait, 40)
    assert worker.returncode == 0
    assert time.monotonic() - began < 30
    async with store.begin(organisation, read_only=True) as work:
        jobs = (await work.jobs.list(limit=10)).items
    assert Counter(job.state for job in jobs) == {JobState.DONE: 2, JobState.QUEUED: 4}
    assert {job.attempts for job in jobs if job.state is JobState.QUEUED} == {0}, "handing back is no attempt"

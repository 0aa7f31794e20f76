"""Real processes: one of four workers is killed, and every job is done exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from mien.store.database import Store
from mien.store.records import JobState
from tests.store.worker import BATCH, HANGS_AT

JOBS = 400
WORKERS = 4
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock() -> None:
    """Processes share the machine's clock."""
    return


async def test_a_killed_worker_costs_no_job_and_doubles_none(store: Store, organisation: UUID, url: str) -> None:
    async with store.begin(organisation) as work:
        for number in range(JOBS):
            await work.jobs.enqueue("count", {"number": number})
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.worker", url, f"worker-{i}", *(["hangs"] if i == 0 else [])],
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        for i in range(WORKERS)
    ]
    try:
        victim = workers[0]
        assert victim.stdout is not None
        held = victim.stdout.readline().decode().split()
        victim.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.wait(60)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()
    assert [worker.returncode for worker in workers] == [-signal.SIGKILL, 0, 0, 0]

    async with store.begin(organisation, read_only=True) as work:
        jobs = (await work.jobs.list(limit=1000)).items
        entries = (await work.audit.list(action="test.counted", limit=1000)).items
    assert Counter(job.state for job in jobs) == {JobState.DONE: JOBS}
    assert Counter(entry.subject for entry in entries) == {str(job.id): 1 for job in jobs}
    assert Counter(entry.actor for entry in entries)["worker-0"] == HANGS_AT - 1, "what it had not committed is gone"
    assert len(held) == BATCH - (HANGS_AT - 1) % BATCH
    attempts = {str(job.id): job.attempts for job in jobs}
    assert {job for job in held if attempts[job] == 1} == set(), "what it held was taken again"
    finishers = {entry.subject: entry.actor for entry in entries}
    assert {finishers[job] for job in held} <= {f"worker-{i}" for i in range(1, WORKERS)}
    assert {job for job, count in attempts.items() if count > 1} == set(held), "and nothing else was"

"""A real worker process whose jobs only count: ``python -m tests.service.work.count_worker URL SPOOL OWNER [hangs]``.

One that hangs does so in the transaction that completes its sixth job, with further jobs in its hands, and says so.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from mien.core.clock import SystemClock
from mien.service.spool import Spool
from mien.service.work.options import WorkerOptions
from mien.service.work.tasks import Finish, Task, Tools
from mien.service.work.worker import Worker
from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.store.work import Work

SLOTS = 4
HANGS_AT = 6
OPTIONS = WorkerOptions(slots=SLOTS, lease_seconds=3.0, poll_seconds=0.05, drain_seconds=10.0)


class Counting:
    """Leaves one audit entry a job."""

    def __init__(self, owner: str, *, hangs: bool) -> None:
        self._owner = owner
        self._hangs = hangs
        self._finished = 0

    async def handle(self, task: Task) -> Finish:
        await asyncio.sleep(float(task.job.payload.get("seconds", 0)))

        async def write(work: Work) -> None:
            await work.audit.record(self._owner, "test.counted", "job", task.job.id)
            self._finished += 1
            if self._hangs and self._finished == HANGS_AT:
                print("hangs", flush=True)
                await asyncio.Event().wait()

        return Finish({"done": True}, write)


async def main(url: str, spool: str, owner: str, *, hangs: bool) -> None:
    store = await Store.open(url, options=StoreOptions(connections=SLOTS + 2))
    tools = Tools(store, Spool(Path(spool), bytes(64)), SystemClock(), OPTIONS)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await Worker(tools, {"count": Counting(owner, hangs=hangs)}, owner=owner).run(stop)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], hangs="hangs" in sys.argv[4:]))

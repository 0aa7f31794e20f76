"""A real worker process for tests: takes jobs until none is left, and leaves one audit entry a job.

Started as ``python -m tests.store.worker URL OWNER [hangs]``. One that hangs does so in the middle of the transaction
in which it finishes its sixth job, with further jobs in its hands, and names those: that is where it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.store.errors import LeaseLostError

LEASE_SECONDS = 10.0
"""A real worker's is 30: this is short enough for a test, and long enough for a busy machine."""

BATCH = 4
HANGS_AT = 6


async def work_off(url: str, owner: str, *, hangs: bool) -> None:
    store = await Store.open(url, options=StoreOptions(connections=2))
    finished = 0
    while True:
        async with store.begin_system() as system:
            leases = await system.queue.claim(owner, ["count"], lease_seconds=LEASE_SECONDS, limit=BATCH)
        for place, lease in enumerate(leases):
            try:
                async with store.finishing(lease, {"done": True}) as work:
                    await work.audit.record(owner, "test.counted", "job", lease.job.id)
                    finished += 1
                    if hangs and finished == HANGS_AT:
                        print(*(held.job.id for held in leases[place:]), flush=True)
                        await asyncio.Event().wait()
            except LeaseLostError:
                continue
        if not leases:
            async with store.begin_system() as system:
                organisations = await system.directory.organisations()
            if await left(store, organisations[0].id) == 0:
                break
            await asyncio.sleep(0.1)
    await store.close()


async def left(store: Store, organisation: object) -> int:
    """Jobs that are not done."""
    async with store.begin(organisation, read_only=True) as work:  # type: ignore[arg-type]
        return len((await work.jobs.list(state="queued", limit=1)).items) + len(
            (await work.jobs.list(state="running", limit=1)).items
        )


if __name__ == "__main__":
    asyncio.run(work_off(sys.argv[1], sys.argv[2], hangs="hangs" in sys.argv[3:]))

"""Erases what lies in the spool and need not, also what a crash left behind."""

from __future__ import annotations

import asyncio

from mien.service.spool import Spool
from mien.store.database import Store


async def sweep_due(store: Store, spool: Spool) -> int:
    """Erase files whose time is over or whose job has ended: first their keys, then their bytes.

    Returns:
        How many there were.
    """
    erased = 0
    while True:
        async with store.begin_system() as work:
            due = await work.spool_sweep.drop_due()
        for file_id in due:
            await asyncio.to_thread(spool.erase, file_id)
        erased += len(due)
        if not due:
            return erased


async def sweep_orphans(store: Store, spool: Spool, *, older_than_seconds: float) -> int:
    """Erase files that have no row: nobody can read them. Young ones may be about to get theirs.

    Returns:
        How many there were.
    """
    found = await asyncio.to_thread(spool.ids, older_than_seconds=older_than_seconds)
    if not found:
        return 0
    async with store.begin_system() as work:
        known = await work.spool_sweep.known(found)
    lost = [file_id for file_id in found if file_id not in known]
    for file_id in lost:
        await asyncio.to_thread(spool.erase, file_id)
    return len(lost)

"""Which spooled files are to be erased, over all organisations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mien.core.clock import Clock
from mien.store import tables
from mien.store.file_records import SpooledKind
from mien.store.records import JobState

_T: Final = tables.spooled_files
_ENDED: Final = [JobState.DONE, JobState.FAILED, JobState.CANCELLED]
_AT_ONCE: Final = 500


class SpoolSweep:
    """Spooled files in one transaction.

    Args:
        connection: with a transaction begun.
        clock: tells what is due.
    """

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def drop_due(self) -> tuple[UUID, ...]:
        """Delete rows whose time is over, and those of uploads whose job has ended or is gone: 500 at once.

        Returns:
            Ids of the files that nobody can read any more, and whose bytes are to be removed.
        """
        jobs = tables.jobs
        alive = sa.exists().where(
            jobs.c.organisation_id == _T.c.organisation_id, jobs.c.id == _T.c.job_id, jobs.c.state.not_in(_ENDED)
        )
        over = sa.or_(
            _T.c.delete_after <= self._clock.now(),
            sa.and_(_T.c.kind == SpooledKind.UPLOAD, _T.c.job_id.is_not(None), sa.not_(alive)),
        )
        due = (await self._connection.execute(sa.select(_T.c.id).where(over).limit(_AT_ONCE))).scalars().all()
        if due:
            await self._connection.execute(sa.delete(_T).where(_T.c.id.in_(due)))
        return tuple(due)

    async def known(self, keys: Collection[UUID]) -> frozenset[UUID]:
        """Those of these files that have a row."""
        found: set[UUID] = set()
        ordered = list(keys)
        for start in range(0, len(ordered), _AT_ONCE):
            some = ordered[start : start + _AT_ONCE]
            found.update((await self._connection.execute(sa.select(_T.c.id).where(_T.c.id.in_(some)))).scalars())
        return frozenset(found)

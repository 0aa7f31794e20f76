"""Partitions of the snapshots by month, on PostgreSQL."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

NAME: Final = re.compile(r"snapshots_y(\d{4})m(\d{2})")
_LOCK: Final = 0x4D49454E_0002
"""Of the advisory lock under which a partition is made."""


def month_of(day: date) -> tuple[str, date, date]:
    """The partition a day falls into: its name, its first day and the first day after it."""
    first = day.replace(day=1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return f"snapshots_y{first.year:04d}m{first.month:02d}", first, following


async def ensure(connection: AsyncConnection, day: date) -> None:
    """Make the partition for a day where it is missing; on SQLite there are none."""
    if connection.dialect.name != "postgresql":
        return
    name, first, following = month_of(day)
    if await _exists(connection, name):
        return
    await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if not await _exists(connection, name):
        await connection.execute(
            sa.text(f"CREATE TABLE {name} PARTITION OF snapshots FOR VALUES FROM ('{first}') TO ('{following}')")
        )


async def drop_empty(connection: AsyncConnection, before: date) -> tuple[str, ...]:
    """Drop partitions of months that ended before a day and hold nothing any more.

    Returns:
        Names of those dropped.
    """
    if connection.dialect.name != "postgresql":
        return ()
    await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    listed = await connection.execute(
        sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'snapshots'::regclass")
    )
    dropped = []
    for name in sorted(listed.scalars()):
        match = NAME.fullmatch(name)
        if match is None or month_of(date(int(match[1]), int(match[2]), 1))[2] > before:
            continue
        # Nobody may write into it between the look and the drop.
        await connection.execute(sa.text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
        if not (await connection.execute(sa.text(f"SELECT EXISTS (SELECT 1 FROM {name})"))).scalar_one():
            await connection.execute(sa.text(f"DROP TABLE {name}"))
            dropped.append(name)
    return tuple(dropped)


async def _exists(connection: AsyncConnection, name: str) -> bool:
    found = await connection.execute(sa.text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
    return bool(found.scalar_one())

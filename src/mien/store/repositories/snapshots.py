"""Snapshots: taken in by the batch, each once, and read by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot
from mien.store import tables
from mien.store.errors import InvalidError, NotFoundError
from mien.store.packing import Packed, TimelineColumns, below_group, packed, unpack
from mien.store.records import SessionState
from mien.store.scope import Scope

MOST_AT_ONCE: Final = 20_000
_COLUMNS: Final = ("started_on", "session_id", "source", "zone", "media_time", "figures", "detail")
_FROM_ARRAYS: Final = (
    f"INSERT INTO snapshots (organisation_id, {', '.join(_COLUMNS)}) SELECT $1, * FROM "
    "unnest($2::date[], $3::uuid[], $4::text[], $5::text[], $6::float8[], $7::bytea[], $8::bytea[]) "
    "ON CONFLICT DO NOTHING"
)
_KNOWN: Final = (
    "SELECT id, started_on, min_group, state FROM sessions WHERE organisation_id = $1 AND id = ANY($2::uuid[])"
)
_SEAL: Final = (
    "INSERT INTO timelines (organisation_id, id, session_id, source, zone, count, packed) "
    "SELECT $1, gen_random_uuid(), $2, source, zone, count(*), string_agg(figures, ''::bytea ORDER BY media_time) "
    "FROM snapshots WHERE organisation_id = $1 AND session_id = $2 AND started_on = $3 GROUP BY source, zone"
)
_ONE_BY_ONE: Final = (
    f"INSERT OR IGNORE INTO snapshots (organisation_id, {', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A snapshot that was not taken: its place in the batch and why."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch.

    Attributes:
        stored: snapshots that are new.
        repeated: those that were here already; what came first stays.
        refused: those that cannot be taken; the others are.
    """

    stored: int
    repeated: int
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """Snapshots of one session from one source about one zone; times in seconds of media time."""

    source: str
    zone: str
    count: int
    first_time: float
    last_time: float


@dataclass(frozen=True, slots=True)
class _Known:
    started_on: date
    min_group: int
    open: bool


class Snapshots:
    """Snapshots of one organisation's sessions. A snapshot's ``session_id`` is the session's id as text.

    Args:
        scope: of the unit of work.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def ingest(self, snapshots: Sequence[AudienceSnapshot]) -> Ingested:
        """Store snapshots, each once by session, source, zone and media time.

        Args:
            snapshots: of any sessions, at most 20,000, in any order.

        Raises:
            InvalidError: there are more, or one is no plain snapshot.
        """
        _check_size(len(snapshots))
        return await self.ingest_packed([packed(snapshot) for snapshot in snapshots])

    async def ingest_packed(self, snapshots: Sequence[Packed]) -> Ingested:
        """The same of snapshots that are packed already (:mod:`mien.store.wire`).

        Raises:
            InvalidError: there are too many.
        """
        _check_size(len(snapshots))
        if not snapshots:
            return Ingested(0, 0, ())
        named = {s.session_id: _uuid(s.session_id) for s in snapshots}
        await self._scope.lock_sessions(exclusive=False)
        known = await self._known({key for key in named.values() if key is not None})
        rows: list[tuple[Any, ...]] = []
        refused: list[Refusal] = []
        for position, snapshot in enumerate(snapshots):
            key = named[snapshot.session_id]
            session = known.get(key) if key else None
            reason = _refusal(snapshot, session)
            if reason or session is None:
                refused.append(Refusal(position, reason or ""))
                continue
            _, source, zone, media_time, _, figures, detail = snapshot
            rows.append((session.started_on, key, source, zone, media_time, figures, detail))
        # In one order everywhere: batches that overlap wait for each other instead of deadlocking.
        rows.sort(key=lambda row: (row[1].int, *row[2:5]))
        stored = await self._write(rows) if rows else 0
        return Ingested(stored, len(rows) - stored, tuple(refused))

    async def _known(self, keys: set[UUID]) -> dict[UUID, _Known]:
        found: dict[UUID, _Known] = {}
        ordered = list(keys)
        if self._scope.on_postgresql:
            driver = (await self._scope.connection.get_raw_connection()).driver_connection
            assert driver is not None
            rows = await driver.fetch(_KNOWN, self._scope.organisation_id, ordered)
            return {key: _Known(day, group, state == SessionState.OPEN) for key, day, group, state in rows}
        table = tables.sessions
        statement = self._scope.select(table, table.c.id, table.c.started_on, table.c.min_group, table.c.state)
        for start in range(0, len(ordered), 10_000):
            some = ordered[start : start + 10_000]
            for key, day, group, state in await self._scope.run(statement.where(table.c.id.in_(some))):
                found[key] = _Known(day, group, state == SessionState.OPEN)
        return found

    async def _write(self, rows: list[tuple[Any, ...]]) -> int:
        """Past SQLAlchemy, whose binding of each value would cost more than the database."""
        driver = (await self._scope.connection.get_raw_connection()).driver_connection
        assert driver is not None
        owner = self._scope.organisation_id
        if self._scope.on_postgresql:
            # Taking the lock has begun the transaction that this joins.
            status = await driver.execute(_FROM_ARRAYS, owner, *zip(*rows, strict=True))
            return int(status.rsplit(" ", 1)[1])
        told = ((owner.hex, str(day), key.hex, *rest) for day, key, *rest in rows)
        cursor = await driver.executemany(_ONE_BY_ONE, told)
        return int(cursor.rowcount)

    async def timeline(
        self,
        session_id: UUID,
        *,
        source: str = "main",
        zone: str = WHOLE_AUDIENCE,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> TimelineColumns:
        """A session's timeline by columns, in order of media time.

        Args:
            session_id: whose.
            source, zone: which lane of it.
            start_seconds, end_seconds: media time from and before which; None for all.

        Raises:
            NotFoundError: there is no such session.
        """
        if start_seconds is None and end_seconds is None:
            sealed = await self._sealed(session_id, source, zone)
            if sealed is not None:
                return TimelineColumns.of(sealed)
        day = await self._day(session_id)
        table = tables.snapshots
        lane = (
            table.c.started_on == day,
            table.c.session_id == session_id,
            table.c.source == source,
            table.c.zone == zone,
        )
        bounds = []
        if start_seconds is not None:
            bounds.append(table.c.media_time >= start_seconds)
        if end_seconds is not None:
            bounds.append(table.c.media_time < end_seconds)
        inner = self._scope.select(table, table.c.figures).where(*lane, *bounds).order_by(table.c.media_time)
        if self._scope.on_postgresql:
            # Joined in the database: one value instead of thousands of rows.
            rows = inner.subquery()
            joined = sa.select(sa.func.string_agg(rows.c.figures, sa.literal(b"", sa.LargeBinary)))
            return TimelineColumns.of((await self._scope.run(joined)).scalar_one() or b"")
        return TimelineColumns.of(b"".join((await self._scope.run(inner)).scalars()))

    async def read(
        self,
        session_id: UUID,
        *,
        source: str = "main",
        zone: str = WHOLE_AUDIENCE,
        after_seconds: float | None = None,
        limit: int = 1000,
    ) -> tuple[AudienceSnapshot, ...]:
        """Whole snapshots of a session in order of media time.

        Args:
            session_id: whose.
            source, zone: which lane of it.
            after_seconds: media time behind which; None from the start.
            limit: at most so many.

        Raises:
            NotFoundError: there is no such session.
        """
        day = await self._day(session_id)
        table = tables.snapshots
        statement = self._scope.select(table, table.c.figures, table.c.detail).where(
            table.c.started_on == day,
            table.c.session_id == session_id,
            table.c.source == source,
            table.c.zone == zone,
        )
        if after_seconds is not None:
            statement = statement.where(table.c.media_time > after_seconds)
        rows = await self._scope.run(statement.order_by(table.c.media_time).limit(limit))
        return tuple(unpack(str(session_id), source, zone, figures, detail) for figures, detail in rows)

    async def lanes(self, session_id: UUID) -> tuple[Lane, ...]:
        """What there is of a session, by source and zone.

        Raises:
            NotFoundError: there is no such session.
        """
        day = await self._day(session_id)
        table = tables.snapshots
        at = table.c.media_time
        statement = self._scope.select(
            table, table.c.source, table.c.zone, sa.func.count(), sa.func.min(at), sa.func.max(at)
        ).where(table.c.started_on == day, table.c.session_id == session_id)
        grouped = statement.group_by(table.c.source, table.c.zone).order_by(table.c.source, table.c.zone)
        return tuple(Lane(*row) for row in await self._scope.run(grouped))

    async def seal(self, session_id: UUID) -> None:
        """Join the timelines of a session that has ended, so that each is read as one value from now on.

        The caller holds :meth:`Scope.lock_sessions` exclusively and ends the session in the same unit of work.

        Raises:
            NotFoundError: there is no such session.
        """
        day = await self._day(session_id)
        if self._scope.on_postgresql:
            # In the database: a long timeline would cross to here and back.
            driver = (await self._scope.connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.execute(_SEAL, self._scope.organisation_id, session_id, day)
            return
        for lane in await self.lanes(session_id):
            rows = (await self.timeline(session_id, source=lane.source, zone=lane.zone)).rows
            named = {"session_id": session_id, "source": lane.source, "zone": lane.zone}
            row = {"id": self._scope.ids.new(), **named, "count": len(rows), "packed": rows.tobytes()}
            await self._scope.insert(tables.timelines, [row])

    async def _sealed(self, session_id: UUID, source: str, zone: str) -> bytes | None:
        table = tables.timelines
        statement = self._scope.select(table, table.c.packed).where(
            table.c.session_id == session_id, table.c.source == source, table.c.zone == zone
        )
        packed: bytes | None = (await self._scope.run(statement)).scalar_one_or_none()
        return packed

    async def _day(self, session_id: UUID) -> date:
        table = tables.sessions
        found = await self._scope.run(self._scope.select(table, table.c.started_on).where(table.c.id == session_id))
        day: date | None = found.scalar_one_or_none()
        if day is None:
            raise NotFoundError.of("session", session_id)
        return day


def _check_size(count: int) -> None:
    if count > MOST_AT_ONCE:
        raise InvalidError(f"at most {MOST_AT_ONCE} snapshots at once, not {count}: send smaller batches.")


def _refusal(snapshot: Packed, session: _Known | None) -> str | None:
    """Why a snapshot cannot be taken, or None."""
    if session is None:
        return "there is no such session."
    if not session.open:
        return "the session has ended."
    return below_group(snapshot, session.min_group) if session.min_group > 1 else None


@lru_cache(maxsize=1 << 17)
def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None

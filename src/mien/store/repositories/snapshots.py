"""Snapshots: taken in by the batch, each once, and read by columns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from mien.core.audience import WHOLE_AUDIENCE, AudienceSnapshot
from mien.store import tables
from mien.store.complements import Complements
from mien.store.errors import InvalidError, NotFoundError
from mien.store.packing import Packed, TimelineColumns, below_group, packed, unpack
from mien.store.records import FILLS, SessionState
from mien.store.repositories._repository import in_parts
from mien.store.scope import Scope

MOST_AT_ONCE: Final = 20_000
_MARGIN_SECONDS: Final = 3600.0
"""Longest step: one that began so long before may still last."""
UNKNOWN: Final = "there is no such session."
ENDED: Final = "the session has ended."
FILLED: Final = "an analysis fills the session, and nothing else does: begin one of your own."
_READ_TOGETHER: Final = 16
"""Timelines of whole films that are in memory at once."""
_COLUMNS: Final = ("started_on", "session_id", "source", "zone", "media_time", "figures", "detail")
_FROM_ARRAYS: Final = (
    f"INSERT INTO snapshots (organisation_id, {', '.join(_COLUMNS)}) SELECT $1, * FROM "
    "unnest($2::date[], $3::uuid[], $4::text[], $5::text[], $6::float8[], $7::bytea[], $8::bytea[]) "
    "ON CONFLICT DO NOTHING"
)
KNOWN: Final = (
    "SELECT s.id, s.started_on, s.min_group, s.state, EXISTS (SELECT 1 FROM jobs j "
    f"WHERE j.organisation_id = $1 AND j.session_id = s.id AND j.kind = '{FILLS}') "
    "FROM sessions s WHERE s.organisation_id = $1 AND s.id = ANY($2::uuid[]) AND s.delete_after > $3"
)
"""What is asked of sessions before snapshots of theirs are taken: of the organisation, ids, the time of day. One whose
time is over is not here any more."""
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
        sessions: of those that were not refused.
    """

    stored: int
    repeated: int
    refused: tuple[Refusal, ...]
    sessions: frozenset[UUID] = field(default=frozenset(), compare=False)


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
    filled: bool


class Snapshots:
    """Snapshots of one organisation's sessions. A snapshot's ``session_id`` is the session's id as text.

    Args:
        scope: of the unit of work.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def ingest(self, snapshots: Sequence[AudienceSnapshot], *, by_job: bool = False) -> Ingested:
        """Store snapshots, each once by session, source, zone and media time.

        Args:
            snapshots: of any sessions, at most 20,000, in any order.
            by_job: they are those of the job that fills their session, where nobody else's are taken.

        Raises:
            InvalidError: there are more, or one is no plain snapshot.
        """
        check_size(len(snapshots))
        return await self.ingest_packed([packed(snapshot) for snapshot in snapshots], by_job=by_job)

    async def ingest_packed(self, snapshots: Sequence[Packed], *, by_job: bool = False) -> Ingested:
        """The same of snapshots that are packed already (:mod:`mien.store.wire`).

        Raises:
            InvalidError: there are too many.
        """
        check_size(len(snapshots))
        if not snapshots:
            return Ingested(0, 0, ())
        named = {s.session_id: session_key(s.session_id) for s in snapshots}
        await self._scope.lock_sessions(exclusive=False)
        known = await self._known({key for key in named.values() if key is not None})
        rows: list[tuple[Any, ...]] = []
        refused: list[Refusal] = []
        for position, snapshot in enumerate(snapshots):
            key = named[snapshot.session_id]
            session = known.get(key) if key else None
            reason = _refusal(snapshot, session, by_job)
            if reason or session is None:
                refused.append(Refusal(position, reason or ""))
                continue
            _, source, zone, media_time, _, figures, detail = snapshot
            rows.append((session.started_on, key, source, zone, media_time, figures, detail))
        # In one order everywhere: batches that overlap wait for each other instead of deadlocking.
        rows.sort(key=lambda row: (row[2], row[3], row[1].int, row[4]))
        stored = await self._write(rows) if rows else 0
        return Ingested(stored, len(rows) - stored, tuple(refused), frozenset(row[1] for row in rows))

    async def _known(self, keys: set[UUID]) -> dict[UUID, _Known]:
        found: dict[UUID, _Known] = {}
        ordered = list(keys)
        if self._scope.on_postgresql:
            driver = (await self._scope.connection.get_raw_connection()).driver_connection
            assert driver is not None
            rows = await driver.fetch(KNOWN, self._scope.organisation_id, ordered, self._scope.now)
            return {key: _Known(day, group, state == SessionState.OPEN, job) for key, day, group, state, job in rows}
        table = tables.sessions
        jobs = tables.jobs.c
        owned = (jobs.organisation_id == table.c.organisation_id, jobs.session_id == table.c.id)
        filled = sa.exists().where(*owned, jobs.kind == FILLS)
        statement = self._scope.select(table, table.c.id, table.c.started_on, table.c.min_group, table.c.state, filled)
        statement = statement.where(table.c.delete_after > self._scope.now)
        for start in range(0, len(ordered), 10_000):
            some = ordered[start : start + 10_000]
            for key, day, group, state, job in await self._scope.run(statement.where(table.c.id.in_(some))):
                found[key] = _Known(day, group, state == SessionState.OPEN, job)
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

    async def told(
        self,
        session_id: UUID,
        *,
        source: str = "main",
        zone: str = WHOLE_AUDIENCE,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> TimelineColumns:
        """A timeline as readers may have it: a zone without what would tell of too few others (``complements.py``).

        Args:
            session_id, source, zone, start_seconds, end_seconds: as for :meth:`timeline`.

        Raises:
            NotFoundError: there is no such session.
        """
        columns = await self.timeline(
            session_id, source=source, zone=zone, start_seconds=start_seconds, end_seconds=end_seconds
        )
        if zone == WHOLE_AUDIENCE or not len(columns):
            return columns
        start = None if start_seconds is None else start_seconds - _MARGIN_SECONDS

        async def read(source: str, zone: str) -> TimelineColumns:
            return await self.timeline(
                session_id, source=source, zone=zone, start_seconds=start, end_seconds=end_seconds
            )

        complements = await self._complements(session_id, await self.lanes(session_id), read)
        return columns if complements is None else await complements.told(source, columns)

    async def suppressed(self, session_id: UUID) -> tuple[int, int]:
        """How many steps of a session readers may have over all its lanes, and how many of those are suppressed.

        Each lane is read once.

        Raises:
            NotFoundError: there is no such session.
        """

        async def read(source: str, zone: str) -> TimelineColumns:
            return await self.timeline(session_id, source=source, zone=zone)

        lanes = await self.lanes(session_id)
        complements = await self._complements(session_id, lanes, read)
        steps = suppressed = 0
        for lane in lanes:
            if complements is None:
                columns = await read(lane.source, lane.zone)
            else:
                columns = await complements.steps(lane.source, lane.zone)
                if lane.zone != WHOLE_AUDIENCE:
                    columns = await complements.told(lane.source, columns)
            steps += len(columns)
            suppressed += int(columns["suppressed"].sum())
        return steps, suppressed

    async def _complements(
        self, session_id: UUID, lanes: Sequence[Lane], read: Callable[[str, str], Awaitable[TimelineColumns]]
    ) -> Complements | None:
        """What is withheld of a session's zones; None where nothing is, since single people are told of."""
        table = tables.sessions
        asked = self._scope.select(table, table.c.min_group, table.c.state).where(table.c.id == session_id)
        min_group, state = (await self._scope.run(asked)).one()
        if min_group == 1:
            return None
        keys = [(lane.source, lane.zone) for lane in lanes]
        return Complements(keys, read, min_group, is_open=state == SessionState.OPEN)

    async def count(self, session_id: UUID) -> int:
        """How many snapshots of any source and zone there are: none ever changes or goes alone, so it names a version.

        Raises:
            NotFoundError: there is no such session.
        """
        table = tables.snapshots
        statement = self._scope.select(table, sa.func.count()).where(
            table.c.started_on == await self._day(session_id), table.c.session_id == session_id
        )
        return int((await self._scope.run(statement)).scalar_one())

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

    async def drop(self, session_id: UUID) -> int:
        """Forget every snapshot of a session that came to nothing, sealed or not; says how many.

        Raises:
            NotFoundError: there is no such session.
        """
        await self._scope.lock_sessions(exclusive=True)
        day, table = await self._day(session_id), tables.snapshots
        await self._scope.run(self._scope.delete(tables.timelines).where(tables.timelines.c.session_id == session_id))
        lost = self._scope.delete(table).where(table.c.started_on == day, table.c.session_id == session_id)
        return int((await self._scope.run(lost)).rowcount)

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

    async def sealed(self, sessions: Collection[UUID]) -> AsyncIterator[tuple[UUID, TimelineColumns]]:
        """Timelines of the whole audience of sessions that have ended, a few at a time: one a session.

        That of the source ``main`` where it tells anything, otherwise of the first source that does.

        Args:
            sessions: whose, in any order; one that has no such timeline, or is not here, is left out.
        """
        table = tables.timelines
        for some in in_parts(sessions):
            lanes = self._scope.select(table, table.c.session_id, table.c.id, table.c.source).where(
                table.c.session_id.in_(some), table.c.zone == WHOLE_AUDIENCE, table.c.count > 0
            )
            found = sorted((await self._scope.run(lanes)).all(), key=lambda row: (row.source != "main", row.source))
            firsts = list({row.session_id: row.id for row in reversed(found)}.values())
            for start in range(0, len(firsts), _READ_TOGETHER):
                of = firsts[start : start + _READ_TOGETHER]
                statement = self._scope.select(table, table.c.session_id, table.c.packed).where(table.c.id.in_(of))
                for session_id, packed_rows in (await self._scope.run(statement)).all():
                    yield session_id, TimelineColumns.of(packed_rows)

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


def check_size(count: int) -> None:
    """Refuse more snapshots than a transaction takes.

    Raises:
        InvalidError: there are more.
    """
    if count > MOST_AT_ONCE:
        raise InvalidError(f"at most {MOST_AT_ONCE} snapshots at once, not {count}: send smaller batches.")


def _refusal(snapshot: Packed, session: _Known | None, by_job: bool) -> str | None:
    """Why a snapshot cannot be taken, or None."""
    if session is None:
        return UNKNOWN
    if session.filled and not by_job:
        return FILLED
    if not session.open:
        return ENDED
    return below_group(snapshot, session.min_group) if session.min_group > 1 else None


@lru_cache(maxsize=1 << 12)
def session_key(name: str) -> UUID | None:
    """The id that a text names, or None."""
    try:
        return UUID(name)
    except ValueError:
        return None

"""Taking snapshots in on PostgreSQL in as few steps as it can be done: thousands arrive every second.

It comes to the same as :meth:`Snapshots.ingest_packed` in a unit of work of its own (a test holds both to it): three
trips to the database, three values a row, and what never changes of a session is remembered. Whether a session is open
is asked by the statement that writes, under the lock that ending and deleting take alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mien.store.packing import ROW, Packed, below_group
from mien.store.records import SessionState
from mien.store.repositories.snapshots import ENDED, FILLED, KNOWN, UNKNOWN, Ingested, Refusal, check_size, session_key
from mien.store.scope import lock_number

MOST_REMEMBERED: Final = 131_072
"""Sessions whose smallest group is remembered, over all organisations."""

_BEGIN: Final = "BEGIN; SELECT pg_advisory_xact_lock_shared({})"
_WRITE: Final = (
    "INSERT INTO snapshots (organisation_id, started_on, session_id, source, zone, media_time, figures, detail) "
    "SELECT $1, s.started_on, i.session_id, $2, $3, i.media_time, "
    f"substring(i.packed FOR {ROW.itemsize}), nullif(substring(i.packed FROM {ROW.itemsize + 1}), ''::bytea) "
    "FROM unnest($4::uuid[], $5::float8[], $6::bytea[]) AS i (session_id, media_time, packed) "
    # OFFSET 0: each session is looked up by its key, also where the planner knows nothing of the table yet.
    "CROSS JOIN LATERAL (SELECT started_on FROM sessions WHERE organisation_id = $1 AND id = i.session_id "
    f"AND state = '{SessionState.OPEN.value}' AND delete_after > $7 OFFSET 0) s "
    "ORDER BY i.session_id, i.media_time ON CONFLICT DO NOTHING"
)
_Known = tuple[UUID, int, bool]
"""A session's id, its smallest group, and whether a job fills it: from its beginning or never."""


@dataclass(slots=True)
class _Lane:
    """Rows of one source and zone: each value's column."""

    sessions: list[UUID]
    times: list[float]
    packed: list[bytes]
    places: list[int]


class Taking:
    """The way in for snapshots on PostgreSQL, past SQLAlchemy, whose units of work cost more than they write."""

    def __init__(self) -> None:
        # By organisation and by the id as clients write it: what never changes.
        self._known: dict[UUID, dict[str, _Known]] = {}
        self._count = 0

    async def take(self, driver: Any, organisation_id: UUID, snapshots: Sequence[Packed], now: datetime) -> Ingested:
        """Store snapshots, each once, in a transaction of their own.

        Args:
            driver: an asyncpg connection in no transaction. Where this raises, it is left in an unknown state.
            organisation_id: whose sessions' they may be.
            snapshots: of any of its sessions, in any order.
            now: sessions whose time was over by then are not here any more.

        Raises:
            InvalidError: there are too many.
        """
        check_size(len(snapshots))
        if not snapshots:
            return Ingested(0, 0, ())
        await driver.execute(_BEGIN.format(lock_number(organisation_id)))
        known = await self._remembered(driver, organisation_id, snapshots, now)
        refused: dict[int, str] = {}
        lanes = _sorted(snapshots, known, refused)
        stored = 0
        # In one order everywhere: batches that overlap wait for each other instead of deadlocking.
        for source, zone in sorted(lanes):
            lane = lanes[source, zone]
            of = (lane.sessions, lane.times, lane.packed)
            told = await driver.execute(_WRITE, organisation_id, source, zone, *of, now)
            stored += int(told.rpartition(" ")[2])
        count = len(snapshots) - len(refused)
        if stored < count:
            count -= await _not_open(driver, organisation_id, lanes.values(), refused, now)
        await driver.execute("COMMIT")
        sessions = {key for lane in lanes.values() for key in lane.sessions}
        if refused:
            sessions = {known[s.session_id][0] for i, s in enumerate(snapshots) if i not in refused}
        told_why = tuple(Refusal(position, refused[position]) for position in sorted(refused))
        return Ingested(stored, count - stored, told_why, frozenset(sessions))

    async def _remembered(
        self, driver: Any, organisation_id: UUID, snapshots: Sequence[Packed], now: datetime
    ) -> dict[str, _Known]:
        known = self._known.setdefault(organisation_id, {})
        new = {s.session_id for s in snapshots if s.session_id not in known}
        if not new:
            return known
        named = {name: key for name in new if (key := session_key(name)) is not None}
        rows = await driver.fetch(KNOWN, organisation_id, list(set(named.values())), now) if named else ()
        found = {key: (key, group, filled) for key, _, group, _, filled in rows}
        if self._count + len(found) > MOST_REMEMBERED:
            self._known = {organisation_id: {}}
            self._count = 0
            # What this batch needs is looked up with it; the dictionary at hand is nobody else's now.
            return {**known, **{name: found[key] for name, key in named.items() if key in found}}
        for name, key in named.items():
            if key in found:
                known[name] = found[key]
                self._count += 1
        return known


def _sorted(
    snapshots: Sequence[Packed], known: dict[str, _Known], refused: dict[int, str]
) -> dict[tuple[str, str], _Lane]:
    """The rows of each lane; what cannot be taken goes into ``refused``."""
    lanes: dict[tuple[str, str], _Lane] = {}
    for position, snapshot in enumerate(snapshots):
        name, source, zone, media_time, _, figures, detail = snapshot
        session = known.get(name)
        if session is None:
            refused[position] = UNKNOWN
            continue
        key, group, filled = session
        if filled:
            refused[position] = FILLED
            continue
        if group > 1 and (reason := below_group(snapshot, group)) is not None:
            refused[position] = reason
            continue
        lane = lanes.get((source, zone))
        if lane is None:
            lane = lanes[source, zone] = _Lane([], [], [], [])
        lane.sessions.append(key)
        lane.times.append(media_time)
        lane.packed.append(figures if detail is None else figures + detail)
        lane.places.append(position)
    return lanes


async def _not_open(
    driver: Any, organisation_id: UUID, lanes: Iterable[_Lane], refused: dict[int, str], now: datetime
) -> int:
    """Refuse what is of sessions that have ended or are gone; says how many that are."""
    lanes = list(lanes)
    rows = await driver.fetch(KNOWN, organisation_id, list({key for lane in lanes for key in lane.sessions}), now)
    states = {key: state for key, _, _, state, _ in rows}
    before = len(refused)
    for lane in lanes:
        for position, key in zip(lane.places, lane.sessions, strict=True):
            if (state := states.get(key)) != SessionState.OPEN:
                refused[position] = UNKNOWN if state is None else ENDED
    return len(refused) - before

"""Takes snapshots in: stores them, and tells whoever follows.

Batches that arrive while a transaction is under way share the next one: a database writes a thousand rows for little
more than ten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from mien.service.live.events import announce_stored
from mien.store.database import Store
from mien.store.packing import Packed
from mien.store.repositories.snapshots import MOST_AT_ONCE, Refusal
from mien.streams.bus import Bus
from mien.streams.errors import BusUnavailableError, StreamFullError

_log: Final = logging.getLogger(__name__)

Noticing = Callable[[UUID, Iterable[UUID]], None]


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """How snapshots are taken in.

    Attributes:
        together: snapshots in one transaction.
        transactions: of one organisation at once.
        most_waiting: snapshots that wait; more are refused until some are stored.
    """

    together: int = 2000
    transactions: int = 2
    most_waiting: int = 50_000


@dataclass(slots=True)
class _Batch:
    snapshots: Sequence[Packed]
    done: asyncio.Future[tuple[Refusal, ...]]


@dataclass(slots=True)
class _Queue:
    waiting: list[_Batch] = field(default_factory=list)
    flights: int = 0


class Intake:
    """The one way in for snapshots.

    Args:
        store: where they are kept.
        bus: where they are told.
        options: how.
    """

    def __init__(self, store: Store, bus: Bus, options: IntakeOptions | None = None) -> None:
        self._store, self._bus = store, bus
        self._options = options or IntakeOptions()
        self._queues: dict[UUID, _Queue] = {}
        self._waiting = 0
        self._flying: set[asyncio.Task[None]] = set()
        self.noticing: list[Noticing] = []
        """Told of sessions that something was stored of; must not wait."""

    async def take(self, organisation_id: UUID, snapshots: Sequence[Packed]) -> tuple[Refusal, ...]:
        """Store snapshots; when this returns, those that were not refused are durable.

        Args:
            organisation_id: whose.
            snapshots: of any of its sessions; what is here already is left as it is.

        Returns:
            Those that cannot be taken, by their place.

        Raises:
            StreamFullError: too many wait already.
            InvalidError: there are more than a transaction takes.
        """
        if not snapshots:
            return ()
        if self._waiting + len(snapshots) > self._options.most_waiting:
            raise StreamFullError("more snapshots arrive than can be stored: send them again in a moment.")
        queue = self._queues.setdefault(organisation_id, _Queue())
        batch = _Batch(snapshots, asyncio.get_running_loop().create_future())
        queue.waiting.append(batch)
        self._waiting += len(snapshots)
        self._launch(organisation_id, queue)
        return await batch.done

    async def idle(self) -> None:
        """Until everything that waits is stored."""
        while self._flying:
            await asyncio.wait(self._flying)

    def _launch(self, organisation_id: UUID, queue: _Queue) -> None:
        while queue.waiting and queue.flights < self._options.transactions:
            batches: list[_Batch] = []
            count = 0
            limit = min(self._options.together, MOST_AT_ONCE)
            while queue.waiting and (not batches or count + len(queue.waiting[0].snapshots) <= limit):
                batches.append(queue.waiting.pop(0))
                count += len(batches[-1].snapshots)
            queue.flights += 1
            task = asyncio.get_running_loop().create_task(self._fly(organisation_id, queue, batches))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    async def _fly(self, organisation_id: UUID, queue: _Queue, batches: list[_Batch]) -> None:
        try:
            await self._store_together(organisation_id, batches)
        except Exception as error:
            for batch in batches:
                if not batch.done.done():
                    batch.done.set_exception(error)
        finally:
            self._waiting -= sum(len(batch.snapshots) for batch in batches)
            queue.flights -= 1
            self._launch(organisation_id, queue)
            if not queue.flights:
                self._queues.pop(organisation_id, None)

    async def _store_together(self, organisation_id: UUID, batches: list[_Batch]) -> None:
        every = [snapshot for batch in batches for snapshot in batch.snapshots]
        found = await self._store.take(organisation_id, every)
        refused = {refusal.position: refusal.reason for refusal in found.refused}
        start = 0
        for batch in batches:
            size = len(batch.snapshots)
            mine = [Refusal(i, refused[start + i]) for i in range(size) if start + i in refused] if refused else []
            if not batch.done.done():
                batch.done.set_result(tuple(mine))
            start += size
        if found.stored:
            kept = [s for i, s in enumerate(every) if i not in refused] if refused else every
            await self._tell(organisation_id, found.sessions, kept)

    async def _tell(self, organisation_id: UUID, sessions: Iterable[UUID], stored: list[Packed]) -> None:
        for noticing in self.noticing:
            noticing(organisation_id, sessions)
        try:
            await announce_stored(self._bus.live, organisation_id, stored)
        except BusUnavailableError as error:
            _log.warning("followers could not be told: %s", error)
        except Exception:
            _log.exception("followers could not be told")

"""Stores what arrives on the stream of snapshots."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from mien.service.live.intake import Intake
from mien.store import wire
from mien.store.database import Store
from mien.store.errors import InvalidError
from mien.store.packing import Packed
from mien.store.repositories.snapshots import MOST_AT_ONCE
from mien.streams.bus import Message, Streams
from mien.streams.errors import BusUnavailableError
from mien.streams.snapshots import RECORDERS, STREAM, parts

_log: Final = logging.getLogger(__name__)

_AWAY_SECONDS: Final = 1.0
"""Between tries while the database or the bus is away; less than a message may lie idle."""


@dataclass(slots=True)
class Recorded:
    """What a recorder did so far.

    Attributes:
        stored: snapshots handed to the store, those that were there already too.
        refused: snapshots that the store would not take: their session has ended or was deleted.
        buried: messages that could not be read.
    """

    stored: int = 0
    refused: int = 0
    buried: int = 0


@dataclass(slots=True)
class _Batch:
    messages: list[Message] = field(default_factory=list)
    snapshots: list[Packed] = field(default_factory=list)


class Recorder:
    """One consumer of the stream. Run as many as there are processes: each snapshot is stored once.

    Args:
        streams: of the bus.
        store: asked whether it is there when something fails.
        intake: the way into it.
        most: messages at once.
    """

    def __init__(self, streams: Streams, store: Store, intake: Intake, *, most: int = 500) -> None:
        self._streams, self._store, self._intake, self._most = streams, store, intake, most
        self._name = f"recorder-{secrets.token_hex(6)}"
        self.recorded = Recorded()

    async def run(self) -> None:
        """Record until cancelled. What was not acknowledged by then goes to another."""
        while True:
            try:
                await self.step(wait_seconds=1.0)
            except BusUnavailableError as error:
                _log.warning("recorder: %s", error)
                await asyncio.sleep(_AWAY_SECONDS)
            except Exception:
                _log.exception("recorder: messages could not be recorded")
                await asyncio.sleep(_AWAY_SECONDS)

    async def step(self, *, wait_seconds: float = 0.0) -> int:
        """Take what is there once; says how many messages that were."""
        messages = await self._streams.receive(
            STREAM, RECORDERS, self._name, most=self._most, wait_seconds=wait_seconds
        )
        batches: defaultdict[UUID, _Batch] = defaultdict(_Batch)
        for message in messages:
            await self._sort_in(message, batches)
        for organisation_id, batch in batches.items():
            await self._record(organisation_id, batch)
        return len(messages)

    async def _sort_in(self, message: Message, batches: defaultdict[UUID, _Batch]) -> None:
        try:
            organisation_id, body = parts(message.payload)
            found = wire.decode(body, most=MOST_AT_ONCE)
        except (ValueError, InvalidError) as error:
            await self._bury(message, str(error))
            return
        if found.refused:
            await self._bury(message, found.refused[0].reason)
            return
        batches[organisation_id].messages.append(message)
        batches[organisation_id].snapshots.extend(one for _, one in found.packed)

    async def _bury(self, message: Message, reason: str) -> None:
        self.recorded.buried += 1
        _log.error("recorder: a message cannot be read and was given up: %s", reason)
        await self._streams.bury(STREAM, RECORDERS, message, reason)

    async def _record(self, organisation_id: UUID, batch: _Batch) -> None:
        for start in range(0, max(1, len(batch.snapshots)), MOST_AT_ONCE):
            await self._take(organisation_id, batch.messages, batch.snapshots[start : start + MOST_AT_ONCE])
        await self._streams.acknowledge(STREAM, RECORDERS, batch.messages)

    async def _take(self, organisation_id: UUID, messages: Sequence[Message], snapshots: Sequence[Packed]) -> None:
        while True:
            try:
                refused = await self._intake.take(organisation_id, snapshots)
            except Exception:
                if await self._store_is_there():
                    # Not the database's fault: after too many tries the message becomes a dead letter.
                    raise
                _log.warning("recorder: the database is away, messages are kept")
                await asyncio.sleep(_AWAY_SECONDS)
                await self._streams.extend(STREAM, RECORDERS, self._name, messages)
                continue
            self.recorded.stored += len(snapshots) - len(refused)
            self.recorded.refused += len(refused)
            if refused:
                _log.warning("recorder: %d snapshots were refused: %s", len(refused), refused[0].reason)
            return

    async def _store_is_there(self) -> bool:
        try:
            async with self._store.begin_system() as work:
                await work.directory.organisations()
        except Exception:
            return False
        return True


@asynccontextmanager
async def recording(recorder: Recorder) -> AsyncIterator[None]:
    """A recorder at work while the block runs."""
    task = asyncio.get_running_loop().create_task(recorder.run(), name="mien recorder")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})

"""Jobs as live events: told by workers over the bus, followed by clients as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final
from uuid import UUID

from mien.service.event_stream import EventStream
from mien.service.live.events import announce_end
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.schemas.work import Job
from mien.service.security.standing import held_by
from mien.service.work.tasks import Announce, Progressed
from mien.store.errors import NotFoundError
from mien.store.records import JobState
from mien.streams.bus import Announcement, Bus

KIND: Final = "job"
SIGN_OF_LIFE_SECONDS: Final = 15.0
ASK_SECONDS: Final = 2.0
"""The store is asked this often too: where workers and this process share no bus, a follower still sees the end."""


def channel(organisation_id: UUID, job_id: UUID) -> str:
    """Where a job's progress is told: an organisation cannot name another's."""
    return f"job:{organisation_id}:{job_id}"


def announcer(bus: Bus) -> Announce:
    """Tells followers what workers say: those of a job, and at its end those of the session that ended with it."""

    async def announce(progressed: Progressed) -> None:
        told: dict[str, Any] = {
            "id": str(progressed.job_id),
            "kind": progressed.kind,
            "session_id": None if progressed.session_id is None else str(progressed.session_id),
            "state": progressed.state,
            "progress": progressed.progress,
            "note": progressed.note,
        }
        data = json.dumps(told, separators=(",", ":")).encode()
        await bus.live.announce([Announcement(channel(progressed.organisation_id, progressed.job_id), KIND, data)])
        if progressed.session_id is not None and JobState(progressed.state).final:
            await announce_end(bus.live, progressed.organisation_id, progressed.session_id)

    return announce


async def job_events(parts: ServiceParts, caller: Caller, job_id: UUID) -> EventStream:
    """A job's progress as server-sent events, until it has ended or the caller may not come in any more.

    Raises:
        BusUnavailableError: the bus does not answer.
    """
    stack, shut_out = AsyncExitStack(), asyncio.Event()
    heard = await stack.enter_async_context(parts.bus.live.follow(channel(caller.organisation_id, job_id)))
    stack.enter_context(parts.standing.hold(held_by(caller), shut_out.set))
    return EventStream(_told(parts, caller.organisation_id, job_id, heard, shut_out), stack)


async def _told(
    parts: ServiceParts, organisation_id: UUID, job_id: UUID, heard: AsyncIterator[Any], shut_out: asyncio.Event
) -> AsyncIterator[bytes]:
    """The store's word on the job, each time something was heard of it or some time has passed."""
    last = b""
    silent = 0.0
    hearing: asyncio.Future[Any] = asyncio.ensure_future(anext(heard, None))
    draining = asyncio.ensure_future(parts.lifecycle.draining.wait())
    refused = asyncio.ensure_future(shut_out.wait())
    try:
        while not draining.done() and not refused.done():
            try:
                async with parts.store.begin(organisation_id, read_only=True) as work:
                    job = Job.of(await work.jobs.get(job_id))
            except NotFoundError:
                return
            data = job.model_dump_json().encode()
            if data != last:
                yield b"event: job\ndata: " + data + b"\n\n"
                last, silent = data, 0.0
            if job.state.final:
                return
            await asyncio.wait({hearing, draining, refused}, timeout=ASK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                if hearing.result() is None:
                    return
                hearing = asyncio.ensure_future(anext(heard, None))
            else:
                silent += ASK_SECONDS
            if silent >= SIGN_OF_LIFE_SECONDS:
                yield b": alive\n\n"
                silent = 0.0
    finally:
        for task in (hearing, draining, refused):
            task.cancel()
        await asyncio.gather(hearing, draining, refused, return_exceptions=True)

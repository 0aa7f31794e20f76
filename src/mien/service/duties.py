"""What is to be done again and again beside requests and jobs: sending messages, deleting what is due.

A worker process does so beside its jobs (:func:`perform`). Any number of them may: messages are claimed, and a sweep
finds under a lock what is still there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from mien.core.clock import Clock
from mien.service.forgetting import tell_gone
from mien.service.live.ending import end_forgotten
from mien.service.logs import say
from mien.service.settings import ServiceSettings
from mien.service.webhooks.destinations import Guard, guard_options
from mien.service.webhooks.dispatcher import Dispatcher, DispatchOptions
from mien.service.webhooks.keyring import Seal
from mien.service.webhooks.sending import Sender
from mien.store.database import Store
from mien.store.records import DeletionProof
from mien.streams.bus import Live

_LOG: Final = logging.getLogger(__name__)


CONNECTIONS: Final = 3
"""Of the database, at most, at once: one to claim, one to write down what arrived, one to sweep."""


async def perform(
    settings: ServiceSettings,
    store: Store,
    stop: asyncio.Event,
    *,
    clock: Clock | None = None,
    options: DispatchOptions | None = None,
    live: Live | None = None,
) -> None:
    """Send messages and sweep until told to stop; then wait for what is on its way, ten seconds at most.

    Args:
        settings: with the service's secret, under which the secrets of webhooks were sealed.
        store: open.
        stop: set it to stop.
        clock: tells what is due; the machine's where None.
        options: of the dispatcher.
        live: where followers are told that a session is gone.

    Raises:
        SettingsError: there is no secret.
    """
    sender = Sender(Guard(guard_options(settings)))
    dispatcher = Dispatcher(store, Seal(settings.signing_key), sender, clock=clock, options=options)
    await asyncio.gather(dispatcher.run(stop), sweep_again(store, stop, settings.sweep_seconds, live))


@asynccontextmanager
async def duties(
    settings: ServiceSettings, store: Store, *, clock: Clock | None = None, options: DispatchOptions | None = None
) -> AsyncIterator[None]:
    """:func:`perform` for as long as the block lasts."""
    async with until_left(lambda stop: perform(settings, store, stop, clock=clock, options=options)):
        yield


async def sweep_again(store: Store, stop: asyncio.Event, every_seconds: float, live: Live | None = None) -> None:
    """Delete what is due, at once and then every so often, until told to stop."""
    while not stop.is_set():
        try:
            await sweep(store, live)
        except Exception:
            # Whatever the database says, what is due stays due until it is back.
            _LOG.exception("what is due cannot be deleted")
        try:
            await asyncio.wait_for(stop.wait(), every_seconds)
        except TimeoutError:
            continue


async def sweep(store: Store, live: Live | None = None) -> tuple[DeletionProof, ...]:
    """End sessions that nobody ended, and delete everything that is due in every organisation; each deletion leaves its
    proof in the audit."""
    await end_forgotten(store)
    proofs = await store.sweep()
    for proof in proofs:
        if live is not None:
            await tell_gone(live, proof.organisation_id, proof.subjects)
        say(_LOG, logging.INFO, "sessions were deleted", sessions=len(proof.subjects), rows=sum(proof.counts.values()))
    return proofs


@asynccontextmanager
async def until_left(run: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    """Something that runs until it is told to stop, told so when the block is left, and waited for."""
    stop = asyncio.Event()

    async def running() -> None:
        await run(stop)

    task = asyncio.create_task(running())
    try:
        yield
    finally:
        stop.set()
        await task

"""A worker process from its settings: what ``mien worker`` runs, and ``mien serve`` beside itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Final

from mien.core.clock import SystemClock
from mien.service.analysing import missing
from mien.service.duties import CONNECTIONS as DUTY_CONNECTIONS
from mien.service.duties import perform
from mien.service.first_run import with_secret
from mien.service.logs import configure, say
from mien.service.settings import ServiceSettings
from mien.service.spool import Spool
from mien.service.work.fetching import fetch_weights
from mien.service.work.following import announcer
from mien.service.work.handlers import all_handlers
from mien.service.work.options import DecodingOptions, SpoolOptions, WorkerOptions
from mien.service.work.protections import tell_protections
from mien.service.work.signing import signer_of
from mien.service.work.tasks import Tools
from mien.service.work.worker import Worker
from mien.store.database import Store
from mien.store.engine import StoreOptions
from mien.streams.opening import BusOptions, open_bus

_log: Final = logging.getLogger("mien.service.worker")
SPARE_CONNECTIONS: Final = 3
"""Of the database beside one for each job: claims, heartbeats and the sweep wait for nobody."""


def options_of(settings: ServiceSettings) -> WorkerOptions:
    """How a worker of this service works."""
    return WorkerOptions(
        slots=settings.worker_slots,
        drain_seconds=settings.worker_drain_seconds,
        decoding=DecodingOptions(
            memory_bytes=settings.decode_memory_bytes,
            cpu_seconds=settings.decode_cpu_seconds,
            wall_seconds=settings.decode_wall_seconds,
            max_pixels=settings.decode_max_pixels,
            max_total_pixels=settings.decode_max_total_pixels,
            threads=settings.decode_threads,
        ),
    )


def keeping_of(settings: ServiceSettings) -> SpoolOptions:
    """How long things stay in this service's spool."""
    return SpoolOptions(
        upload_seconds=settings.upload_keep_seconds,
        job_seconds=settings.job_keep_seconds,
        result_seconds=settings.personal_keep_seconds,
    )


async def work(settings: ServiceSettings, *, beside_service: bool = False) -> None:
    """Work until SIGTERM or Ctrl-C.

    Args:
        settings: of the service; without a secret, that of the data folder is taken.
        beside_service: also end when standard input does, as it does when the process that started this one dies.

    Raises:
        MienError: the database, the bus or the spool cannot be had.
    """
    settings, _ = with_secret(settings)
    configure(settings.log_level, settings.log_format)
    tell_protections()
    signer = signer_of(settings.report_key)
    spool = Spool(settings.spool, settings.signing_key)
    options = options_of(settings)
    connections = StoreOptions(connections=2 * options.slots + SPARE_CONNECTIONS + DUTY_CONNECTIONS)
    store = await Store.open(settings.database, options=connections)
    try:
        redis = None if settings.redis_url is None else settings.redis_url.get_secret_value()
        bus = await open_bus(redis, BusOptions(require_durable=settings.redis_durable))
        try:
            await asyncio.to_thread(fetch_weights)
            for one in await asyncio.to_thread(missing):
                # Analyses fail until it is there.
                say(_log, logging.ERROR, "weights.missing", weights=one.name, remedy=one.remedy)
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            if beside_service:
                loop.add_reader(sys.stdin.fileno(), _until_closed, loop, stop)
            tools = Tools(store, spool, SystemClock(), options, keeping_of(settings), signer)
            worker = Worker(tools, all_handlers(), announcer(bus))
            say(_log, logging.INFO, "worker.ready", owner=worker.owner, slots=options.slots)
            await asyncio.gather(worker.run(stop), perform(settings, store, stop, live=bus.live))
            say(_log, logging.INFO, "worker.ended", owner=worker.owner)
        finally:
            await bus.close()
    finally:
        await store.close()


def _until_closed(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()

"""A real recorder process, to be killed: ``python -m tests.service.live.process DATABASE REDIS PREFIX``.

It says each time that it holds messages which it has not stored yet.
"""

from __future__ import annotations

import asyncio
import sys

from mien.service.live.intake import Intake
from mien.service.live.recorder import Recorder
from mien.store.database import Store
from mien.streams.bus import StreamOptions
from mien.streams.opening import BusOptions, open_bus

MIN_IDLE_SECONDS = 1.0


async def record(database: str, redis: str, prefix: str) -> None:
    store = await Store.open(database)
    bus = await open_bus(redis, BusOptions(streams=StreamOptions(min_idle_seconds=MIN_IDLE_SECONDS), prefix=prefix))

    class Slow(Intake):
        async def take(self, *arguments: object) -> object:  # type: ignore[override]
            print("holds", flush=True)
            await asyncio.sleep(0.05)
            return await super().take(*arguments)  # type: ignore[arg-type]

    await Recorder(bus.streams, store, Slow(store, bus), most=100).run()


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:]))

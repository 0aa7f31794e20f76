"""A real process for tests, to be killed: ``python -m tests.streams.process URL PREFIX COUNT``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from mien.streams.bus import PresenceOptions, StreamOptions
from mien.streams.opening import BusOptions, open_bus

MIN_IDLE_SECONDS = 1.0
LEASE_SECONDS = 1.0


def options(prefix: str) -> BusOptions:
    return BusOptions(
        streams=StreamOptions(min_idle_seconds=MIN_IDLE_SECONDS),
        presence=PresenceOptions(lease_seconds=LEASE_SECONDS),
        prefix=prefix,
    )


async def be_present(url: str, prefix: str, rooms: int) -> None:
    """In one room so often, for ever."""
    bus = await open_bus(url, options(prefix))
    async with AsyncExitStack() as stack:
        for _ in range(rooms):
            await stack.enter_async_context(bus.presence.present("sockets"))
        print("present", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(be_present(sys.argv[1], sys.argv[2], int(sys.argv[3])))

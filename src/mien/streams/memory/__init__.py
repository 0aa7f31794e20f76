"""The bus of a single process: nothing to install, nothing that outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.streams.bus import BusHealth
from mien.streams.memory.live import MemoryLive
from mien.streams.memory.presence import MemoryPresence
from mien.streams.memory.streams import MemoryStreams

if TYPE_CHECKING:
    from mien.streams.opening import BusOptions


class MemoryBus:
    """A bus in this process's memory, for one event loop.

    Args:
        options: how it behaves.
    """

    def __init__(self, options: BusOptions) -> None:
        self.streams = MemoryStreams(options.streams)
        self.live = MemoryLive(options.live)
        self.presence = MemoryPresence()

    async def check(self) -> BusHealth:
        """Always ready; what it holds ends with the process."""
        return BusHealth(ready=True, kind="memory", durable=False)

    async def close(self) -> None:
        """End every iterator."""
        self.live.close()
        self.presence.close()

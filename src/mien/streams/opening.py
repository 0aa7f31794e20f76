"""Opens the bus that settings name."""

from __future__ import annotations

from dataclasses import dataclass, field

from mien.streams.bus import Bus, LiveOptions, PresenceOptions, StreamOptions


@dataclass(frozen=True, slots=True)
class BusOptions:
    """How a bus behaves.

    Attributes:
        streams, live, presence: each part.
        require_durable: refuse a Redis that does not write every message to its disk before it acknowledges. False
            takes it and says so in ``check()``.
        prefix: begins every key, so that several services can share a Redis.
    """

    streams: StreamOptions = field(default_factory=StreamOptions)
    live: LiveOptions = field(default_factory=LiveOptions)
    presence: PresenceOptions = field(default_factory=PresenceOptions)
    require_durable: bool = True
    prefix: str = "mien"


async def open_bus(url: str | None, options: BusOptions | None = None) -> Bus:
    """A bus in this process's memory, or on Redis.

    Args:
        url: ``redis://…``, ``rediss://…`` or ``unix://…``; None for memory.
        options: how it behaves.

    Raises:
        SettingsError: the URL is none, or this Redis does not do what *acknowledged* needs.
        BusUnavailableError: it cannot be reached.
    """
    told = options or BusOptions()
    if url is None:
        from mien.streams.memory import MemoryBus

        return MemoryBus(told)
    from mien.streams.redis.bus import open_redis

    return await open_redis(url, told)

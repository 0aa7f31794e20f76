"""The bus on Redis, put together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mien.core.errors import SettingsError
from mien.streams.bus import BusHealth
from mien.streams.errors import BusUnavailableError
from mien.streams.redis.connection import Connection, trouble_with_durability
from mien.streams.redis.hub import Hub
from mien.streams.redis.live import RedisLive
from mien.streams.redis.presence import RedisPresence
from mien.streams.redis.streams import RedisStreams

if TYPE_CHECKING:
    from mien.streams.opening import BusOptions

_CHECK_SECONDS: Final = 2.0
_OPEN_SECONDS: Final = 5.0


async def open_redis(url: str, options: BusOptions) -> RedisBus:
    """Connect, and see that what is acknowledged is durable.

    Raises:
        SettingsError: the URL is none, or this Redis does not do what *acknowledged* needs.
        BusUnavailableError: it cannot be reached.
    """
    connection = Connection.to(url, options.prefix)
    try:
        await connection.call(lambda: connection.client.ping(), patience_seconds=_OPEN_SECONDS)
        trouble = await trouble_with_durability(connection)
        if trouble and options.require_durable:
            raise SettingsError(
                f"{trouble}; or accept that it may lose what it acknowledged with MIEN_REDIS_DURABLE=false."
            )
    except BaseException:
        await connection.close()
        raise
    return RedisBus(connection, options)


class RedisBus:
    """A bus on a Redis that was looked at.

    Args:
        connection: to it.
        options: how the bus behaves.
    """

    def __init__(self, connection: Connection, options: BusOptions) -> None:
        self._connection = connection
        self._hub = Hub(connection)
        self.streams = RedisStreams(connection, options.streams)
        self.live = RedisLive(connection, self._hub, options.live)
        self.presence = RedisPresence(connection, self._hub, options.presence)

    async def check(self) -> BusHealth:
        """Ask how it stands; what may be lost is told here where it was waived."""
        try:
            trouble = await asyncio.wait_for(trouble_with_durability(self._connection), _CHECK_SECONDS)
        except (BusUnavailableError, SettingsError) as error:
            return BusHealth(ready=False, kind="redis", durable=False, detail=str(error))
        except TimeoutError:
            return BusHealth(ready=False, kind="redis", durable=False, detail="Redis does not answer in time")
        return BusHealth(ready=True, kind="redis", durable=trouble is None, detail=trouble)

    async def close(self) -> None:
        """Leave every room and let go of every connection."""
        await self.live.close()
        await self.presence.close()
        await self._hub.close()
        await self._connection.close()

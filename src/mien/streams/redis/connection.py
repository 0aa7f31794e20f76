"""One Redis: reaching it, being patient with it, and asking whether what it acknowledges is durable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from mien.core.errors import SettingsError
from mien.streams.errors import BusUnavailableError

T = TypeVar("T")

LEAST_VERSION: Final = (8, 2)
"""The first to acknowledge and remove a message in one step, and only when every group has (XACKDEL)."""
ANSWER_SECONDS: Final = 4.0
"""Redis counts as cut off when an answer takes longer; blocking reads wait less than that."""
CONNECT_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 1.0
"""For most calls: connections that broke since they were last used are noticed by using them."""
_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.5


class Connection:
    """A Redis and the keys of one service in it.

    Args:
        client: of redis-py (``redis.asyncio.Redis``), which retries nothing itself. Its types mix answers of both its
            kinds of clients and protocols, so they are not told here.
        prefix: begins every key.
    """

    def __init__(self, client: Any, prefix: str) -> None:
        self.client = client
        # In braces, so that a cluster keeps all keys of a script on one node.
        self._prefix = "{" + prefix + "}"

    @classmethod
    def to(cls, url: str, prefix: str) -> Connection:
        """Prepare connections; none is opened yet.

        Raises:
            SettingsError: the URL is none, or the library is missing.
        """
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError as error:
            raise SettingsError("a bus on Redis needs the library redis: pip install 'mien[service]'.") from error
        try:
            client = Redis.from_url(
                url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                health_check_interval=0,
            )
        except ValueError as error:
            raise SettingsError(
                "the Redis URL cannot be read: write redis://host:6379/0, rediss://… for TLS, or unix:///path."
            ) from error
        return cls(client, prefix)

    def key(self, *parts: str) -> str:
        """The name of a key."""
        return ":".join((self._prefix, *parts))

    async def call(self, operation: Callable[[], Awaitable[T]], *, patience_seconds: float = PATIENCE_SECONDS) -> T:
        """Do something, again and again while Redis is cut off, starting or loading.

        Args:
            operation: may be done more than once.
            patience_seconds: to keep trying.

        Raises:
            BusUnavailableError: it stayed so.
        """
        from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, TimeoutError

        until, pause = time.monotonic() + patience_seconds, _PAUSE_SECONDS
        while True:
            try:
                return await operation()
            except (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OSError) as error:
                if time.monotonic() + pause >= until:
                    raise BusUnavailableError(f"Redis does not answer: {_told(error)}.") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def close(self) -> None:
        """Let go of every connection."""
        await self.client.aclose()


async def trouble_with_durability(connection: Connection) -> str | None:
    """Why what this Redis acknowledges could be lost, with what to set; None where it is durable.

    Raises:
        BusUnavailableError: no answer.
        SettingsError: it is older than :data:`LEAST_VERSION`.
    """
    from redis.exceptions import ResponseError

    about = await connection.call(partial(connection.client.info, "server"))
    version = str(about.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        wanted = ".".join(str(part) for part in LEAST_VERSION)
        raise SettingsError(f"this Redis is of version {version}, which cannot do what streams need: use {wanted} on.")
    try:
        told: dict[str, str] = {}
        for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy"):
            told |= await connection.call(partial(connection.client.config_get, name))
    except ResponseError:
        return "Redis does not let its configuration be read (CONFIG GET), so its durability is not known"
    missing = [
        f"{name} {wanted}"
        for name, wanted in (("appendonly", "yes"), ("appendfsync", "always"))
        if told.get(name) != wanted
    ]
    if told.get("maxmemory", "0") != "0" and told.get("maxmemory-policy") != "noeviction":
        missing.append("maxmemory-policy noeviction")
    if missing:
        return f"Redis may lose what it acknowledged: set {', '.join(missing)}"
    return None


def _told(error: BaseException) -> str:
    """What went wrong, without the address, which may hold a password."""
    return type(error).__name__

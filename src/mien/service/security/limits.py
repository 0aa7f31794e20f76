"""How fast somebody may ask: a sliding window of a minute, in this process or, with Redis, over all of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string
from starlette.requests import HTTPConnection

from mien.service.logs import say
from mien.service.problems import ProblemError
from mien.service.settings import ServiceSettings

_log = logging.getLogger("mien.service.limits")
_PATIENCE_SECONDS: Final = 0.5
_HOUSEHOLD_BITS: Final = 64


class Limits:
    """Counts what is asked, and refuses what is too much with 429.

    Where Redis does not answer, each process counts for itself: nobody is shut out for it, and nobody let in unbounded.

    Args:
        settings: how fast, and where it is counted.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._redis = None if settings.redis_url is None else _shared(settings.redis_url.get_secret_value())
        self._shared = None if self._redis is None else SlidingWindowCounterRateLimiter(self._redis)
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute, namespace="mien-requests")
        self._sign_ins = RateLimitItemPerMinute(settings.sign_ins_per_minute, namespace="mien-sign-ins")
        self._names = RateLimitItemPerMinute(settings.sign_ins_of_a_name_per_minute, namespace="mien-names")
        self._public = RateLimitItemPerMinute(settings.public_per_minute, namespace="mien-public")
        self._refused = RateLimitItemPerMinute(settings.refusals_per_minute, namespace="mien-refused")

    async def request(self, actor: str) -> None:
        """Somebody known asks for something.

        Raises:
            ProblemError: 429.
        """
        await self._count(self._requests, actor)

    async def public(self, address: str) -> None:
        """Somebody unknown asks for what anybody may have; counted in this process, whether Redis answers or not.

        Raises:
            ProblemError: 429.
        """
        await self._count(self._public, _digest(bucket(address)), shared=False)

    async def refused(self, address: str) -> None:
        """Something bad was sent from an address.

        Raises:
            ProblemError: 429.
        """
        await self._count(self._refused, _digest(bucket(address)))

    async def sign_in(self, address: str, name: str) -> None:
        """Somebody tries to sign in: counted for their address, whatever the name, and loosely for the name.

        Whoever guesses at one address shuts out others there, and not who has the name elsewhere; that takes guesses
        from many addresses at once, which are limited too.

        Raises:
            ProblemError: 429.
        """
        await self._count(self._sign_ins, "address", _digest(bucket(address)))
        await self._count(self._names, _digest(name.strip().casefold()))

    async def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            with contextlib.suppress(Exception):
                await self._redis.bridge.storage.aclose()  # type: ignore[attr-defined]

    async def _count(self, item: RateLimitItemPerMinute, *whom: str, shared: bool = True) -> None:
        for limiter in (self._shared if shared else None, self._local):
            if limiter is None:
                continue
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    if await limiter.hit(item, *whom):
                        return
                    reset = (await limiter.get_window_stats(item, *whom)).reset_time
            except Exception as error:
                if limiter is self._local:
                    raise
                say(_log, logging.WARNING, "limits.unshared", error=type(error).__name__)
                continue
            seconds = max(1, math.ceil(reset - time.time()))
            detail = f"That was too often: at most {item.amount} in a minute. Try again in {seconds} s."
            raise ProblemError(429, "too-often", detail, headers={"Retry-After": str(seconds)})


def _shared(url: str) -> RedisStorage:
    kind = "redis+unix" if url.startswith("unix:") else url.partition("://")[0]
    storage = storage_from_string(
        f"async+{kind}://{url.partition('://')[2]}", implementation="redispy", key_prefix="mien-limits"
    )
    assert isinstance(storage, RedisStorage)
    return storage


def address_of(connection: HTTPConnection) -> str:
    """Where a request is from, as the proxies that are trusted say; nobody else's word counts (``serving.py``)."""
    return connection.client.host if connection.client else "unknown"


def bucket(address: str) -> str:
    """Whose an address is: of IPv6 the /64 that a household or a machine is given whole, of IPv4 the address itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, _HOUSEHOLD_BITS), strict=False))
    return str(found)


def _digest(text: str) -> str:
    """Names and addresses are personal: neither lies in Redis as it is."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

"""One subscription connection a process, which comes back after every interruption."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Final, Protocol

from mien.streams.errors import BusUnavailableError
from mien.streams.redis.connection import ANSWER_SECONDS, CONNECT_SECONDS, Connection

_log = logging.getLogger(__name__)

_LISTEN_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.2
_CONFIRM_SECONDS: Final = ANSWER_SECONDS + CONNECT_SECONDS


class Listener(Protocol):
    """What is told of one subscription."""

    async def joined(self) -> None:
        """The subscription stands, for the first time or again: what was told meanwhile did not come."""
        ...

    async def take(self, data: bytes) -> None:
        """A notice."""
        ...


class Hub:
    """Listens to Redis's notices for all of a process.

    Args:
        connection: to Redis.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._listeners: dict[str, Listener] = {}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pubsub: Any = None
        self._task: asyncio.Task[None] | None = None
        self._idle = connection.key("idle")

    async def subscribe(self, name: str, listener: Listener) -> None:
        """Be told of a name's notices from when this returns.

        Raises:
            BusUnavailableError: Redis did not confirm it in time; nothing is subscribed.
        """
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen(), name="mien bus notices")
        self._listeners[name] = listener
        confirmed = self._confirmed[name] = asyncio.Event()
        if self._pubsub is not None:
            # Cut off at this moment: the listening task subscribes to everything anew.
            with contextlib.suppress(Exception):
                await self._pubsub.subscribe(name)
        try:
            await asyncio.wait_for(confirmed.wait(), _CONFIRM_SECONDS)
        except BaseException as error:
            await self.unsubscribe(name)
            if isinstance(error, TimeoutError):
                raise BusUnavailableError("Redis does not answer: a subscription was not confirmed.") from error
            raise

    async def unsubscribe(self, name: str) -> None:
        """Hear no more of a name."""
        self._listeners.pop(name, None)
        self._confirmed.pop(name, None)
        if self._pubsub is not None:
            with contextlib.suppress(Exception):
                await self._pubsub.unsubscribe(name)

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        while True:
            pubsub = self._connection.client.pubsub()
            try:
                await pubsub.subscribe(self._idle, *self._listeners)
                self._pubsub = pubsub
                await self._hear(pubsub)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                _log.warning("notices of Redis are cut off: %s", type(error).__name__)
            finally:
                self._pubsub = None
                with contextlib.suppress(Exception):
                    await pubsub.aclose()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _hear(self, pubsub: Any) -> None:
        heard = asked = time.monotonic()
        # What was subscribed while the connection was being made.
        missing = [name for name in self._listeners if name.encode() not in pubsub.channels]
        if missing:
            await pubsub.subscribe(*missing)
        while True:
            message = await pubsub.get_message(timeout=_LISTEN_SECONDS)
            now = time.monotonic()
            if message is not None:
                heard = now
                await self._dispatch(message)
            elif now - heard > ANSWER_SECONDS + _LISTEN_SECONDS:
                raise ConnectionError("nothing was heard for too long")
            elif now - asked > _LISTEN_SECONDS:
                asked = now
                await pubsub.ping()

    async def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind not in ("message", "subscribe"):
            return
        name = message["channel"].decode()
        listener = self._listeners.get(name)
        if listener is None:
            return
        try:
            if kind == "message":
                await listener.take(message["data"])
                return
            await listener.joined()
            confirmed = self._confirmed.get(name)
            if confirmed is not None:
                confirmed.set()
        except BusUnavailableError:
            raise
        except Exception:
            _log.exception("a notice of %s could not be taken", name)

"""Refusals that come before a request was read to its end, so that whoever is still sending hears them.

A connection that is closed on bytes nobody read is reset, and the refusal with it. What still comes is read and
dropped, a bounded amount for a bounded time, before a refusal is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST_STATUS: Final = 400
TOO_SLOW: Final = 408
MOST_BYTES: Final = 200_000_000
MOST_SECONDS: Final = 30.0


class Draining:
    """Reads what a refused client still sends.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Who asked whether to send at all is not sending yet.
        ended = Headers(scope=scope).get("expect", "").lower() == "100-continue"

        async def receiving() -> Message:
            nonlocal ended
            message = await receive()
            ended = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def drain() -> None:
            size = 0
            while not ended and size < MOST_BYTES:
                size += len((await receiving()).get("body", b""))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= LEAST_STATUS and not ended:
                if message["status"] == TOO_SLOW:
                    # Who sends too slowly to be waited for is not waited for.
                    await send(message)
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(MOST_SECONDS):
                        await drain()
            await send(message)

        await self._app(scope, receiving, sending)

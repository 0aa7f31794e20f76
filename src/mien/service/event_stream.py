"""Server-sent events as an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class EventStream(StreamingResponse):
    """A stream of events that lets go of what it follows when it ends, however it ends.

    Args:
        told: events as they go over the wire.
        stack: what is followed; closed with the stream, also when the reader has gone before the first event.
    """

    def __init__(self, told: AsyncIterator[bytes], stack: AsyncExitStack) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(told, media_type="text/event-stream", headers=headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as an ASGI application."""
        async with self._stack:
            await super().__call__(scope, receive, send)

"""``WS /api/ws``: text in, its emotion out; how many are connected, over every process; and notices to all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import anyio
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, Field
from starlette.websockets import WebSocketDisconnect

from mien.core.labels import TEXT_EKMAN
from mien.language.emotion import TextClassifier
from mien.service.bench import BusyError
from mien.service.compatible.messages import (
    ConnectionUpdate,
    EmotionClassification,
    ErrorMessage,
    Message,
    Notice,
)
from mien.service.dependencies import Parts
from mien.service.logs import LOGGER, say
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.problems import ProblemError, responses
from mien.service.security.sockets import REFUSED, admit
from mien.service.security.standing import held_by
from mien.streams.bus import Event
from mien.streams.errors import BusUnavailableError

router = APIRouter(tags=["compatible"])
_log = logging.getLogger(f"{LOGGER}.socket")

ROOM: Final = "compatible"
"""Where everybody is present who has this socket open, at whatever process."""
FAILED: Final = "Classification failed"
TOO_LONG: Final = "The text is too long: at most {most} characters"
NOT_TEXT: Final = "Send text"
UNREADABLE: Final = "This text cannot be read"
BUSY: Final = "Too busy: send it again in a moment"
_SEND_SECONDS: Final = 10.0
"""A client that takes nothing for so long is let go."""
_BUS_PAUSE_SECONDS: Final = 1.0
_GOING_AWAY: Final = 1001
_SCORE_DIGITS: Final = 4


class ConnectionCount(BaseModel):
    """Who has the text socket open."""

    active_connections: int = Field(ge=0, description="Over every process of the service.")


@router.get("/api/connections/count", operation_id="get_connection_count", responses=responses(503))
async def count_connections(parts: Parts) -> ConnectionCount:
    """Tell how many text sockets are open, over every process. Public."""
    try:
        return ConnectionCount(active_connections=await parts.bus.presence.count(ROOM))
    except BusUnavailableError as error:
        raise ProblemError(503, "unavailable", "It cannot be counted just now: try again.") from error


def notices_of(organisation_id: UUID) -> str:
    """The channel that an organisation's notices are announced in."""
    return f"notices:{organisation_id}"


@router.websocket("/api/ws")
async def text_socket(socket: WebSocket, parts: Parts) -> None:
    """Text in, its emotion out; see ``docs/reference/service/compatible.md``."""
    caller = await admit(socket, parts, foreign=True)
    if caller is None:
        return
    socket.state.username, socket.state.user_id = caller.name, caller.user_number
    async with parts.store.begin(caller.organisation_id) as work:
        await work.audit.record(caller.actor, "text_socket.opened", "text_socket")
    await _Conversation(socket, parts, caller).hold()


class _Conversation:
    """One open socket.

    Args:
        socket: accepted.
        parts: of the service.
        caller: whose it is.
    """

    def __init__(self, socket: WebSocket, parts: ServiceParts, caller: Caller) -> None:
        self._socket = socket
        self._parts = parts
        self._caller = caller
        self._turn = asyncio.Lock()

    async def hold(self) -> None:
        """Talk until either side ends it."""
        presence = self._parts.bus.presence
        try:
            # Watching begins before arriving, so that a client is told of its own arrival.
            async with presence.watch(ROOM) as counts, presence.present(ROOM), anyio.create_task_group() as talk:

                async def until(part: Callable[[], Awaitable[None]]) -> None:
                    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
                        await part()
                    talk.cancel_scope.cancel()

                async def tell_counts() -> None:
                    async for count in counts:
                        now = self._parts.clock.now().timestamp()
                        await self._send(ConnectionUpdate(active_connections=count, timestamp=now))

                for part in (self._answer, tell_counts, self._tell_notices, self._drain, self._until_shut_out):
                    talk.start_soon(until, part)
        except BusUnavailableError:
            say(_log, logging.WARNING, "text_socket.no_bus")
            await self._close(_GOING_AWAY)

    async def _answer(self) -> None:
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            await self._send(await self._classified(received.get("text")))

    async def _classified(self, text: str | None) -> Message:
        if text is None:
            return ErrorMessage(message=NOT_TEXT)
        most = self._parts.settings.max_text_characters
        if len(text) > most:
            return ErrorMessage(message=TOO_LONG.format(most=most))
        try:
            told = await self._parts.models.texts.run(lambda classifier: strongest(classifier, text))
        except BusyError:
            return ErrorMessage(message=BUSY)
        except Exception:
            _log.exception("text_socket.failed")
            return ErrorMessage(message=FAILED)
        if told is None:
            return ErrorMessage(message=UNREADABLE)
        return EmotionClassification(label=told[0], score=told[1])

    async def _tell_notices(self) -> None:
        channel = notices_of(self._caller.organisation_id)
        while True:
            try:
                async with self._parts.bus.live.follow(channel) as events:
                    async for event in events:
                        if isinstance(event, Event):
                            await self._send(Notice.model_validate_json(event.data))
                    return
            except BusUnavailableError:
                await asyncio.sleep(_BUS_PAUSE_SECONDS)

    async def _drain(self) -> None:
        await self._parts.lifecycle.draining.wait()
        await self._close(_GOING_AWAY)

    async def _until_shut_out(self) -> None:
        shut_out = asyncio.Event()
        with self._parts.standing.hold(held_by(self._caller), shut_out.set):
            await shut_out.wait()
        await self._close(REFUSED)

    async def _send(self, message: Message) -> None:
        text = json.dumps(message.model_dump(mode="json"), ensure_ascii=False)
        async with self._turn, asyncio.timeout(_SEND_SECONDS):
            await self._socket.send_text(text)

    async def _close(self, code: int) -> None:
        async with self._turn, asyncio.timeout(_SEND_SECONDS):
            await self._socket.close(code)


def strongest(classifier: TextClassifier, text: str) -> tuple[str, float] | None:
    """The strongest of seven emotions in a text and its probability, rounded; None where it cannot be read.

    Clients of this socket know seven words and no other: the strongest is named however weak it is, and its score says
    so. ``POST /api/v1/texts`` withholds it.
    """
    scores = classifier.classify([text], TEXT_EKMAN)
    if not scores.read[0]:
        return None
    label, score = next(iter(scores.named(0).items()))
    return label, round(min(1.0, score), _SCORE_DIGITS)

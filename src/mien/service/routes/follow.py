"""Following a session live, by server-sent events or by WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query, WebSocket, WebSocketDisconnect
from starlette.responses import Response

from mien.service.dependencies import Caller, Parts, parts_of
from mien.service.event_stream import EventStream
from mien.service.live.events import ENDED
from mien.service.live.following import (
    GoOn,
    Over,
    SignOfLife,
    Told,
    as_message,
    as_sse,
    ended_sse,
    followed,
    missed_data,
)
from mien.service.parts import ServiceParts
from mien.service.permissions import readable
from mien.service.principal import Caller as Known
from mien.service.problems import ProblemError, responses
from mien.service.security.sockets import REFUSED, admit
from mien.store.errors import NotFoundError
from mien.store.records import SessionState
from mien.streams.bus import Event, Missed
from mien.streams.errors import BusError

router = APIRouter(prefix="/api/v1/sessions/{session_id}", tags=["results"])

NOT_FOUND: Final = 4004
GO_ON: Final = 1012
TRY_AGAIN: Final = 1013
LONGEST_ID: Final = 100

_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `snapshot`, `moment`, `missed`, `ended`; comments between them are signs of life.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The session has ended: there is nothing to follow, and no need to come back."},
}


@router.get(
    "/events", operation_id="follow_session", response_class=Response, responses={**_EVENTS, **responses(404, 503)}
)
async def follow_session(
    caller: Caller,
    parts: Parts,
    session_id: UUID,
    last_event_id: Annotated[str | None, Header(max_length=LONGEST_ID)] = None,
    after: Annotated[
        str | None, Query(max_length=LONGEST_ID, description="As Last-Event-ID, which goes before it.")
    ] = None,
) -> Response:
    """Follow a session by server-sent events; Last-Event-ID goes on where a connection broke.

    The event `ended` has the id `ended`: whoever comes back with that has heard everything, and gets 204.
    """
    resumes = last_event_id or after
    if resumes == ENDED:
        # Browsers come back after the end, and stop only when they are told that there is nothing.
        async with parts.store.begin(caller.organisation_id, read_only=True) as work:
            await readable(work, caller, session_id)
        return Response(status_code=204)
    state = await _look(parts, caller, session_id)
    if state is SessionState.ENDED and resumes is None:
        return Response(status_code=204)
    stack = AsyncExitStack()
    told = await stack.enter_async_context(followed(parts, caller, session_id, after=resumes))
    return EventStream(_sse(told, session_id), stack)


@router.websocket("/follow")
async def follow_session_by_socket(socket: WebSocket, session_id: UUID) -> None:
    """Follow a session by WebSocket: each message is ``{"type", "id", "at_seconds", "data"}``."""
    parts = parts_of(socket)
    caller = await admit(socket, parts)
    if caller is None:
        return
    after = socket.query_params.get("after")
    try:
        await _look(parts, caller, session_id)
    except NotFoundError:
        await socket.close(NOT_FOUND)
        return
    except ProblemError:
        await socket.close(REFUSED)
        return
    try:
        async with followed(parts, caller, session_id, after=after and after[:LONGEST_ID]) as told:
            await _converse(socket, told, session_id)
    except BusError:
        await socket.close(TRY_AGAIN)


async def _converse(socket: WebSocket, told: AsyncIterator[Told], session_id: UUID) -> None:
    hearing = asyncio.ensure_future(_hear(socket))
    saying = asyncio.ensure_future(_say(socket, told, session_id))
    try:
        await asyncio.wait({hearing, saying}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (hearing, saying):
            task.cancel()
        await asyncio.wait({hearing, saying})
    for task in (saying, hearing):
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, WebSocketDisconnect):
            raise error


async def _hear(socket: WebSocket) -> None:
    """Whatever a follower says is left unheard; it is noticed when it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _say(socket: WebSocket, told: AsyncIterator[Told], session_id: UUID) -> None:
    with suppress(WebSocketDisconnect):
        async for one in told:
            if isinstance(one, Event):
                await socket.send_text(as_message(one))
            elif isinstance(one, Missed):
                content = {"type": "missed", "id": None, "at_seconds": None, "data": missed_data(one, session_id)}
                await socket.send_text(json.dumps(content))
            elif isinstance(one, SignOfLife):
                await socket.send_text('{"type": "alive"}')
            elif isinstance(one, Over):
                await socket.send_text(json.dumps({"type": ENDED, "id": None, "at_seconds": None, "data": {}}))
            else:
                await socket.close(GO_ON if isinstance(one, GoOn) else REFUSED)
                return
        await socket.close()


async def _sse(told: AsyncIterator[Told], session_id: UUID) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for one in told:
        if isinstance(one, Event):
            yield as_sse(one)
        elif isinstance(one, Missed):
            yield b"event: missed\ndata: %s\n\n" % json.dumps(missed_data(one, session_id)).encode()
        elif isinstance(one, SignOfLife):
            yield b": alive\n\n"
        elif isinstance(one, Over):
            yield ended_sse()


async def _look(parts: ServiceParts, caller: Known, session_id: UUID) -> SessionState:
    async with parts.store.begin(caller.organisation_id) as work:
        session = await readable(work, caller, session_id)
        await work.audit.record(caller.actor, "session.followed", "session", session_id)
    return session.state

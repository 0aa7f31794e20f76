"""Frames over a WebSocket (RT12): JPEG in, snapshots through the gate to the stream; boxes to this socket alone."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from mien.core.audience import AudienceSnapshot
from mien.core.errors import InputError, MienError
from mien.service.dependencies import parts_of
from mien.service.live.frames import LONGEST_MESSAGE, Pace, SentFrame, answer, parsed
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.routes.follow import GO_ON, NOT_FOUND, TRY_AGAIN
from mien.service.security.sockets import REFUSED, admit
from mien.service.security.standing import held_by
from mien.store.errors import NotFoundError
from mien.store.records import FILLS, Role, SessionRecord, SessionState
from mien.streams.errors import BusError
from mien.streams.snapshots import STREAM, message

router = APIRouter(prefix="/api/v1/sessions/{session_id}", tags=["sessions"])

ENDED: Final = 4009
TOO_LARGE: Final = 1009
_LOOK_SECONDS: Final = 5.0
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_log: Final = logging.getLogger(__name__)


@router.websocket("/frames")
async def send_frames(socket: WebSocket, session_id: UUID) -> None:
    """Read frames until either side ends it."""
    parts = parts_of(socket)
    caller = await admit(socket, parts, role=Role.ANALYST)
    if caller is None:
        return
    try:
        session, takes = await _open(parts, caller, session_id)
        source = socket.query_params.get("source", "main")
        if not takes or not _SOURCE.fullmatch(source):
            await socket.close(NOT_FOUND if takes else ENDED)
            return
        await _Sender(socket, parts, caller, session, source).run()
    except NotFoundError:
        await socket.close(NOT_FOUND)
    except BusError:
        await socket.close(TRY_AGAIN)


class _Sender:
    """One socket that sends frames."""

    def __init__(
        self, socket: WebSocket, parts: ServiceParts, caller: Caller, session: SessionRecord, source: str
    ) -> None:
        self._socket, self._parts, self._caller = socket, parts, caller
        self._session, self._source = session, source
        self._newest: SentFrame | None = None
        self._came = asyncio.Event()
        self._began = time.monotonic()
        self._code: int | None = None

    async def run(self) -> None:
        """Until it goes, the session ends, or the process drains."""
        reader = self._parts.frames
        frames = await reader.begin(self._session, self._source)
        shut_out = asyncio.Event()
        waits = (self._parts.lifecycle.draining.wait(), shut_out.wait())
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(one) for one in (self._hear(), self._read(frames), self._until_ended(), *waits)
        ]
        try:
            with self._parts.standing.hold(held_by(self._caller), shut_out.set):
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._record(await reader.end(frames))
        for task in done:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, WebSocketDisconnect):
                raise error
        if shut_out.is_set():
            self._code = REFUSED
        if self._code is None and tasks[3] in done:
            self._code = GO_ON
        if self._code is not None:
            await self._socket.close(self._code)

    async def _hear(self) -> None:
        """Take what comes; of frames that wait only the newest is read."""
        pace = Pace()
        while True:
            told: dict[str, Any] = dict(await self._socket.receive())
            if told["type"] == "websocket.disconnect":
                return
            content = told.get("bytes") if told.get("bytes") is not None else told.get("text")
            if content is None:
                continue
            if len(content) > LONGEST_MESSAGE:
                self._code = TOO_LARGE
                return
            if not pace.admits():
                await self._say({"type": "skipped", "reason": "at most 15 frames a second are read"})
                continue
            try:
                sent = parsed(content)
            except InputError as error:
                await self._say({"type": "error", "message": str(error)})
                continue
            if self._newest is not None:
                await self._say({"type": "skipped", "reason": "a newer frame came before this one could be read"})
            self._newest = sent
            self._came.set()

    async def _read(self, frames: Any) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            sent, self._newest = self._newest, None
            if sent is None:
                continue
            media_time = round(time.monotonic() - self._began, 6) if sent.media_time is None else sent.media_time
            try:
                pushed = await self._parts.frames.read(frames, sent, media_time)
            except InputError as error:
                await self._say({"type": "error", "message": str(error)})
                continue
            await self._socket.send_text(answer(pushed, media_time))
            await self._record(pushed.snapshots)
            for snapshot in pushed.snapshots:
                told = snapshot.model_dump_json(exclude_none=True)
                await self._socket.send_text(f'{{"type": "snapshot", "data": {told}}}')

    async def _record(self, snapshots: tuple[AudienceSnapshot, ...]) -> None:
        if not snapshots:
            return
        try:
            content = message(self._caller.organisation_id, snapshots)
            await self._parts.bus.streams.publish(STREAM, [content])
        except MienError as error:
            _log.error("snapshots of frames were lost: %s", error)
            await self._say({"type": "error", "message": "the service cannot record just now: snapshots were lost"})

    async def _until_ended(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._parts.store.begin(self._caller.organisation_id, read_only=True) as work:
                try:
                    session = await work.sessions.get(self._session.id)
                except NotFoundError:
                    session = None
            if session is None or session.state is SessionState.ENDED:
                self._code = ENDED
                return

    async def _say(self, content: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(content))


async def _open(parts: ServiceParts, caller: Caller, session_id: UUID) -> tuple[SessionRecord, bool]:
    """A session, and whether it takes what senders send."""
    async with parts.store.begin(caller.organisation_id) as work:
        session = await work.sessions.get(session_id)
        filled = (await work.jobs.list(session_id=session_id, kind=FILLS, limit=1)).items
        await work.audit.record(caller.actor, "frames.sent", "session", session_id)
    return session, session.state is SessionState.OPEN and not filled

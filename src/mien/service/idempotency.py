"""Requests that may be sent again: with an ``Idempotency-Key`` they are carried out once, and answered alike.

That a request was carried out is kept in the transaction that carried it out (``Writing`` and ``writing`` of
:mod:`mien.service.dependencies`); the answer follows in one of its own. A process that dies between the two leaves a
request that is not carried out again, whose answer is lost, and says so. While a request is carried out it is held;
one that is held no longer is taken over, and nothing that its first process may still do is kept. Answers lie sealed,
since some hold a secret, are kept for a day, and are told to nobody whose role has changed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from typing import Any, Final
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.service.logs import say
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.problems import ProblemError
from mien.service.security.authentication import Proof
from mien.service.security.sealing import Seal, SealError
from mien.store.errors import NotFoundError
from mien.store.records import Answer

_LOG: Final = logging.getLogger("mien.service.idempotency")
HEADER: Final = "idempotency-key"
REPLAYED: Final = "Idempotency-Replayed"
LONGEST: Final = 200
STALE_SECONDS: Final = 120.0
"""A request that was held last so long ago and not carried out was left by a process that died."""
HOLD_SECONDS: Final = 30.0
"""One that is being carried out is held so often."""
MOST_BYTES: Final = 1_000_000
"""Of an answer that is kept."""
METHODS: Final = frozenset({"POST", "PATCH", "DELETE"})
"""The others are idempotent as they are."""
STATE: Final = "answer_id"
_KEPT_HEADERS: Final = frozenset({"content-type", "location", "etag"})


class Idempotency:
    """Guards what a signed-in caller asks with a key; it stands behind the gate.

    Only bodies of JSON, and none, are looked at: uploads can be resumed instead.

    Args:
        app: what answers.
        parts: of the service.
        hold_seconds: how often a request that is being carried out is held.
    """

    def __init__(self, app: ASGIApp, parts: ServiceParts, hold_seconds: float = HOLD_SECONDS) -> None:
        self._app = app
        self._parts = parts
        self._hold_seconds = hold_seconds
        self._seal = Seal(parts.settings.signing_key, "answers")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or answer again."""
        state = scope.get("state", {})
        if scope["type"] != "http" or scope["method"] not in METHODS or "proof" not in state:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if HEADER not in headers or not _is_json_or_none(headers):
            await self._app(scope, receive, send)
            return
        try:
            key = _key(headers)
            body = await _body(Request(scope, receive), self._parts.settings.max_body_bytes)
            answer, new = await self._claim(scope, state["proof"], key, body)
        except ProblemError as problem:
            await problem.response(state.get("request_id"))(scope, receive, send)
            return
        if new:
            await self._carry_out(scope, _Again(body, receive), send, answer)
        else:
            again = self._again(answer, state)
            await again(scope, receive, send)

    async def _claim(self, scope: Scope, proof: Proof, key: str, body: bytes) -> tuple[Answer, bool]:
        caller = proof.caller
        # The role too: what somebody was answered in another one is not theirs any more.
        asked = [
            *(scope["method"].encode(), scope["path"].encode(), scope["query_string"], body),
            caller.role.value.encode(),
        ]
        digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in asked)).digest()
        async with self._parts.store.begin(caller.organisation_id) as work:
            answer, new = await work.answers.claim(caller.actor, key, digest, stale_seconds=STALE_SECONDS)
            if not new and answer.sealed is not None and answer.request_sha256 == digest:
                # It may hold results, and they are read again.
                await work.audit.record(caller.actor, "answer.told_again", "answer", answer.id)
        if answer.request_sha256 != digest:
            raise ProblemError(422, "idempotency-key", "This Idempotency-Key was sent with another request.")
        return answer, new

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
        caller: Caller = scope["state"]["proof"].caller
        organisation_id = caller.organisation_id
        scope["state"][STATE] = answer.id
        held: list[Message] = []
        size = 0
        passing = False

        async def holding(message: Message) -> None:
            nonlocal size, passing
            if passing:
                await send(message)
                return
            held.append(message)
            size += len(message.get("body", b""))
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            passing = whole or size > MOST_BYTES
            if not passing:
                return
            if size <= MOST_BYTES and 200 <= held[0]["status"] < 300:
                await self._keep(caller, answer, held)
            elif whole:
                await self._drop(organisation_id, answer)
            for earlier in held:
                await send(earlier)

        beating = asyncio.create_task(self._hold(organisation_id, answer))
        try:
            await self._app(scope, receive, holding)
        except BaseException:
            await self._drop(organisation_id, answer)
            raise
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _hold(self, organisation_id: UUID, answer: Answer) -> None:
        """So that nobody takes a long request for one whose process died."""
        while True:
            await asyncio.sleep(self._hold_seconds)
            try:
                async with self._parts.store.begin(organisation_id) as work:
                    if not await work.answers.hold(answer.id):
                        return
            except Exception as error:
                # The database may be busy with the request itself; whoever takes it over keeps this one from ending.
                say(_LOG, logging.WARNING, "a request could not be held", problem=type(error).__name__)

    async def _keep(self, caller: Caller, answer: Answer, held: list[Message]) -> None:
        sealed = self._seal.close(_packed(held), answer.id.bytes)
        # Where nothing was changed, another may have taken it over; that one's answer is as good.
        with contextlib.suppress(NotFoundError):
            async with self._parts.store.begin(caller.organisation_id) as work:
                await work.answers.keep(answer.id, sealed)

    async def _drop(self, organisation_id: UUID, answer: Answer) -> None:
        async with self._parts.store.begin(organisation_id) as work:
            await work.answers.drop(answer.id)

    def _again(self, answer: Answer, state: dict[str, Any]) -> Response:
        request_id = str(state.get("request_id"))
        if answer.sealed is not None:
            try:
                status, headers, body = _unpacked(self._seal.open(answer.sealed, answer.id.bytes))
            except SealError:
                pass
            else:
                return Response(body, status, {**headers, REPLAYED: "true"})
        if answer.carried_out:
            detail = "This request was carried out, but its answer was lost: look at what it changed."
            return ProblemError(409, "answer-lost", detail).response(request_id)
        detail = "This request is being carried out: ask again in a moment."
        return ProblemError(409, "in-progress", detail, headers={"Retry-After": "1"}).response(request_id)


class _Again:
    """A body that was read, to be read again; then whatever else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _key(headers: Headers) -> str:
    keys = headers.getlist(HEADER)
    if len(keys) != 1 or not 1 <= len(keys[0]) <= LONGEST or not keys[0].isascii() or not keys[0].isprintable():
        raise ProblemError(422, "idempotency-key", f"An Idempotency-Key is 1 to {LONGEST} printable ASCII characters.")
    if not keys[0].strip():
        raise ProblemError(422, "idempotency-key", "An Idempotency-Key is not blank.")
    return keys[0]


def _is_json_or_none(headers: Headers) -> bool:
    """Whether a body is JSON, or there is none; one of no declared type is no JSON (``strict_content_type``)."""
    kind = headers.get("content-type")
    if kind is not None:
        return kind.partition(";")[0].strip().lower() == "application/json"
    return "transfer-encoding" not in headers and headers.get("content-length", "0").strip("0 ") == ""


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProblemError(413, "too-large", f"A request with an Idempotency-Key holds {most:,} bytes at most.")
    return bytes(body)


def _packed(messages: list[Message]) -> bytes:
    start, *bodies = messages
    headers = {n.decode(): v.decode("latin-1") for n, v in start["headers"] if n.decode().lower() in _KEPT_HEADERS}
    head = json.dumps([start["status"], headers]).encode()
    return head + b"\n" + b"".join(message.get("body", b"") for message in bodies)


def _unpacked(packed: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = packed.partition(b"\n")
    status, headers = json.loads(head)
    return status, headers, body

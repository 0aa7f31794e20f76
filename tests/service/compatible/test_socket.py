"""``WS /api/ws`` as clients of earlier systems know it, through real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from mien.core.labels import TEXT_EKMAN
from mien.service.settings import ServiceSettings
from tests.service.bad_tokens import BAD_TOKENS, Forge
from tests.service.compatible.shapes import is_golden
from tests.service.support import Service, listening

SENTENCE = "I am so happy, what a wonderful day, thank you!"


@pytest.fixture
async def address(service: Service) -> AsyncIterator[str]:
    async with listening(service.app) as url:
        yield url.replace("http", "ws", 1) + "/api/ws"


@asynccontextmanager
async def talking(
    address: str, token: str | None, *, cookie: str = "access_token", **headers: str
) -> AsyncIterator[ClientConnection]:
    """A client whose browser carries a token."""
    told = dict(headers) if token is None else {"Cookie": f"{cookie}={token}", **headers}
    async with connect(address, additional_headers=told, open_timeout=20) as socket:
        yield socket


async def told(socket: ClientConnection, kind: str, seconds: float = 20) -> dict[str, Any]:
    """The next message of a kind."""
    async with asyncio.timeout(seconds):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


async def raw(socket: ClientConnection, kind: str) -> str:
    async with asyncio.timeout(20):
        while True:
            text = str(await socket.recv())
            if json.loads(text)["type"] == kind:
                return text


async def count_until(socket: ClientConnection, wanted: int, seconds: float = 10) -> None:
    """Wait until so many are told to be connected."""
    async with asyncio.timeout(seconds):
        while (await told(socket, "connection_update"))["active_connections"] != wanted:
            pass


async def closing_code(socket: ClientConnection) -> tuple[int | None, list[object]]:
    """How it was closed, and what had been sent before."""
    sent: list[object] = []
    try:
        async with asyncio.timeout(10):
            while True:
                sent.append(await socket.recv())
    except ConnectionClosed as closed:
        return (closed.rcvd.code if closed.rcvd else None), sent


@pytest.mark.parametrize("cookie", ["access_token", "token"])
async def test_a_text_is_answered_with_its_emotion(service: Service, address: str, cookie: str) -> None:
    async with talking(address, service.token("viewer"), cookie=cookie) as socket:
        await socket.send(SENTENCE)
        text = await raw(socket, "emotion_classification")
    assert is_golden(text, "emotion_classification")
    message = json.loads(text)
    assert message["label"] == "joy"
    assert 0.5 < message["score"] <= 1
    assert message["label"] in TEXT_EKMAN.labels


async def test_answers_come_in_the_order_of_the_texts(service: Service, address: str) -> None:
    async with talking(address, service.token("viewer")) as socket:
        for text in (SENTENCE, "This is terrifying, I am scared to death.", "I miss her so much, I cried all night."):
            await socket.send(text)
        labels = [(await told(socket, "emotion_classification"))["label"] for _ in range(3)]
    assert labels == ["joy", "fear", "sadness"]


async def test_everybody_is_told_who_came_and_went(service: Service, address: str) -> None:
    async with talking(address, service.token("viewer")) as first:
        text = await raw(first, "connection_update")
        assert is_golden(text, "connection_update")
        assert json.loads(text) == {
            "type": "connection_update",
            "active_connections": 1,
            "timestamp": service.clock.now().timestamp(),
        }
        async with talking(address, service.token("analyst")) as second:
            await count_until(first, 2)
            await count_until(second, 2)
            async with service.client() as client:
                answer = await client.get("/api/connections/count")
            assert is_golden(answer.text, "connections_count")
            assert answer.json() == {"active_connections": 2}
        await count_until(first, 1)


async def test_what_cannot_be_classified_is_an_error_and_the_talk_goes_on(service: Service, address: str) -> None:
    async with talking(address, service.token("viewer")) as socket:
        for odd in ("", "   ", b"\x00\x01", "x" * 20_001, "ঌৡਖ਼ઐଐஷ" * 5):
            await socket.send(odd)
            assert is_golden(await raw(socket, "error"), "error")
        await socket.send(SENTENCE)
        assert (await told(socket, "emotion_classification"))["label"] == "joy"


async def test_a_failure_inside_leaks_nothing(service: Service, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("model.onnx of the operator died")

    monkeypatch.setattr("mien.service.compatible.socket.strongest", broken)
    async with talking(address, service.token("viewer")) as socket:
        await socket.send(SENTENCE)
        assert await told(socket, "error") == {"type": "error", "message": "Classification failed"}


async def test_without_a_token_nothing_is_sent_and_it_closes_with_4001(address: str) -> None:
    async with talking(address, None) as socket:
        assert await closing_code(socket) == (4001, [])


async def test_every_bad_token_closes_with_4001(service: Service, address: str) -> None:
    forge = Forge(service)
    for cookie in ("access_token", "token"):
        for name, make in BAD_TOKENS.items():
            token = make(forge)
            if any(character in token for character in ' ,;"\\') or len(token) > 8000:
                continue
            async with talking(address, token, cookie=cookie) as socket:
                assert await closing_code(socket) == (4001, []), name
        async with talking(address, forge.good(), cookie=cookie) as socket:
            assert (await told(socket, "connection_update"))["active_connections"] >= 1


async def test_a_token_of_another_login_opens_it(service: Service, address: str) -> None:
    token = Forge(service).token({"sub": "somebody", "userId": 12345, "roles": "USER"}, without="org")
    async with talking(address, token) as socket:
        await socket.send(SENTENCE)
        await told(socket, "emotion_classification")
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list()).items
    assert [(e.actor, e.action) for e in entries] == [("user:foreign:12345", "text_socket.opened")]


async def test_a_page_of_another_origin_may_not_come_in(service: Service, address: str) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "https://studio.example.evil.example"):
        async with talking(address, service.token("viewer"), Origin=origin) as socket:
            assert await closing_code(socket) == (4001, []), origin


class TestOrigins:
    """Pages that the operator names."""

    @pytest.fixture
    def settings(self, settings: ServiceSettings) -> ServiceSettings:
        return settings.model_copy(update={"origins": ("https://studio.example",)})

    async def test_they_and_its_own_may(self, service: Service, address: str) -> None:
        own = address.replace("ws", "http", 1).removesuffix("/api/ws")
        for origin in ("https://studio.example", own):
            async with talking(address, service.token("viewer"), Origin=origin) as socket:
                await told(socket, "connection_update")


async def test_a_notice_reaches_every_client_of_the_organisation_and_no_other(service: Service, address: str) -> None:
    async with (
        talking(address, service.token("viewer")) as first,
        talking(address, service.token("analyst")) as second,
        talking(address, service.token("other_admin")) as foreign,
    ):
        await count_until(foreign, 3)
        await asyncio.sleep(0.2)
        async with service.client("admin") as admin:
            answer = await admin.post("/api/v1/notices", json={"message": "Maintenance at ten."})
        assert answer.status_code == 202
        for socket in (first, second):
            notice = await told(socket, "notice")
            assert notice["message"] == "Maintenance at ten."
            assert list(notice) == ["type", "message", "timestamp"]
        with pytest.raises(TimeoutError):
            await told(foreign, "notice", 0.3)
        async with service.client("analyst") as analyst:
            assert (await analyst.post("/api/v1/notices", json={"message": "x"})).status_code == 403


async def test_a_service_that_stops_says_goodbye(service: Service, address: str) -> None:
    async with talking(address, service.token("viewer")) as socket:
        await told(socket, "connection_update")
        service.parts.lifecycle.drain()
        assert (await closing_code(socket))[0] == 1001
    async with service.client() as client:
        for _ in range(50):
            if (await client.get("/api/connections/count")).json() == {"active_connections": 0}:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the client that left is still counted")

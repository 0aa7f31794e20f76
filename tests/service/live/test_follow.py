"""Following sessions by WebSocket and by server-sent events, through real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from mien.service.live.events import MOMENT, announce
from tests.service.live.test_routes import actions, begin, send
from tests.service.support import Service, listening
from tests.service.test_watching import film
from tests.store.support import step


@pytest.fixture
async def address(service: Service) -> AsyncIterator[str]:
    async with listening(service.app) as url:
        yield url


class Sse:
    """A reader of server-sent events."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> dict[str, Any]:
        """The next event; comments are passed over."""
        told: dict[str, Any] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                told[name] = value
            if not line and "event" in told:
                return {**told, "data": json.loads(told["data"])}
        return {"event": "closed"}


@asynccontextmanager
async def sse(service: Service, address: str, session: str, **options: Any) -> AsyncIterator[Sse]:
    headers = {"Authorization": f"Bearer {service.token('viewer')}", **options.pop("headers", {})}
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=10) as client,
        client.stream("GET", f"/api/v1/sessions/{session}/events", **options) as answer,
    ):
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Sse(answer.aiter_lines())


def socket(service: Service, address: str, session: str, *, query: str = "", who: str = "viewer") -> Any:
    headers = {"Authorization": f"Bearer {service.token(who)}"}
    url = f"{address.replace('http', 'ws')}/api/v1/sessions/{session}/follow{query}"
    return websockets.connect(url, additional_headers=headers)


async def following(service: Service, session: str, count: int) -> None:
    """Until so many follow."""
    async with service.client("viewer") as client:
        while (await client.get(f"/api/v1/sessions/{session}/presence")).json()["followers"] != count:
            await asyncio.sleep(0.01)


async def test_both_ways_tell_the_same_in_order_as_soon_as_it_is_stored(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        other = (await begin(client))["id"]
        async with sse(service, address, session) as events, socket(service, address, session) as messages:
            await following(service, session, 2)
            key = UUID(session)
            await send(client, *(step(key, i * 0.5) for i in range(3)), step(UUID(other), 9.0))
            await send(client, step(key, 1.5))
            for i in range(4):
                event, message = await events.next(), json.loads(await asyncio.wait_for(messages.recv(), 5))
                assert (event["event"], message["type"]) == ("snapshot", "snapshot")
                assert event["data"] == message["data"]
                assert (event["id"], message["at_seconds"]) == (message["id"], i * 0.5)
                assert (event["data"]["media_time"], event["data"]["session_id"]) == (i * 0.5, session)
                assert event["data"]["emotions"]["fear"] == 40.0
            await client.post(f"/api/v1/sessions/{session}/end")
            assert (await events.next())["event"] == "ended"
            assert json.loads(await asyncio.wait_for(messages.recv(), 5))["type"] == "ended"
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(messages.recv(), 5)
            assert (await events.next())["event"] == "closed"
        await following(service, session, 0)
    assert (await actions(service)).count("session.followed") == 2


async def test_scares_are_told_to_followers(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        async with sse(service, address, session) as events, socket(service, address, session) as messages:
            await following(service, session, 2)
            scare = {"kind": "scare", "at_seconds": 10.5, "intensity": 81.0}
            await announce(service.parts.bus.live, service.organisation, UUID(session), MOMENT, scare, 10.5)
            event, message = await events.next(), json.loads(await asyncio.wait_for(messages.recv(), 5))
            assert (event["event"], event["data"]) == (message["type"], message["data"]) == ("moment", scare)


async def test_who_comes_back_with_the_last_id_gets_what_came_meanwhile(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        key = UUID(session)
        async with sse(service, address, session) as events:
            await following(service, session, 1)
            await send(client, step(key, 0.0))
            last = (await events.next())["id"]
        await send(client, step(key, 0.5), step(key, 1.0))
        async with sse(service, address, session, headers={"last-event-id": last}) as events:
            assert [(await events.next())["data"]["media_time"] for _ in range(2)] == [0.5, 1.0]
        async with socket(service, address, session, query=f"?after={last}") as messages:
            found = [json.loads(await asyncio.wait_for(messages.recv(), 5)) for _ in range(2)]
            assert [m["at_seconds"] for m in found] == [0.5, 1.0]
        await client.post(f"/api/v1/sessions/{session}/end")
        async with sse(service, address, session, params={"after": found[0]["id"]}) as events:
            assert [(await events.next())["event"] for _ in range(3)] == ["snapshot", "ended", "closed"]


async def test_who_was_away_for_too_long_is_told_where_to_read(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        await send(client, step(UUID(session), 12.0), step(UUID(session), 12.5))
        async with sse(service, address, session, headers={"last-event-id": "1-1:12"}) as events:
            missed = await events.next()
            assert missed["event"] == "missed"
            assert missed["data"]["since_seconds"] == 12.0
            found = (await client.get(missed["data"]["read"])).json()
            assert found["columns"]["time_seconds"] == [12.0, 12.5]


async def test_an_ended_session_is_nothing_to_follow(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        await client.post(f"/api/v1/sessions/{session}/end")
        assert (await client.get(f"/api/v1/sessions/{session}/events")).status_code == 204
        async with socket(service, address, session) as messages:
            assert json.loads(await asyncio.wait_for(messages.recv(), 5))["type"] == "ended"


async def test_who_comes_back_after_the_end_is_sent_away_for_good(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        async with sse(service, address, session) as events:
            await following(service, session, 1)
            await client.post(f"/api/v1/sessions/{session}/end")
            ended = await events.next()
        async with sse(service, address, session, params={"after": "1-1:0"}) as events:
            late = [await events.next() for _ in range(2)][-1]
        assert [one["event"] for one in (ended, late)] == ["ended", "ended"]
        assert ended["id"] == late["id"]
        before = await actions(service)
        again = await client.get(f"/api/v1/sessions/{session}/events", headers={"Last-Event-ID": ended["id"]})
        assert again.status_code == 204
        assert await actions(service) == before


@pytest.mark.parametrize("retention_days", [30, 0])
async def test_a_scare_that_is_open_at_the_end_is_told_before_it(
    service: Service, address: str, retention_days: int
) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        await work.webhooks.add("https://studio.example/hook", b"s" * 32, ["scare.detected"])
    async with service.client("analyst") as client:
        session = (await begin(client, step_seconds=0.5, retention_days=retention_days))["id"]
        async with sse(service, address, session) as events:
            await following(service, session, 1)
            assert (await send(client, *film(UUID(session), 42.0, scared_at=[40.0])))["refused"] == []
            await client.post(f"/api/v1/sessions/{session}/end")
            told: list[dict[str, Any]] = []
            while not told or told[-1]["event"] != "ended":
                told.append(await events.next())
        assert [one["event"] for one in told if one["event"] != "snapshot"] == ["moment", "ended"]
        assert told[-2]["data"]["at_seconds"] == 40.0
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        assert [sent.payload["at_seconds"] for sent in (await work.deliveries.list()).items] == [40.0]


async def test_only_who_ends_a_session_tells_what_is_left_of_it(
    service: Service, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[UUID] = []
    finish = service.parts.watcher.finish

    async def counted(organisation_id: UUID, session_id: UUID) -> None:
        looked.append(session_id)
        await finish(organisation_id, session_id)

    monkeypatch.setattr(service.parts.watcher, "finish", counted)
    async with service.client("analyst") as client:
        session = (await begin(client, step_seconds=0.5))["id"]
        assert (await send(client, *film(UUID(session), 42.0, scared_at=[40.0])))["refused"] == []
        answers = [await client.post(f"/api/v1/sessions/{session}/end") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert looked == [UUID(session)]


async def test_strangers_follow_nothing(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
    for key, who, code in ((session, "other_admin", 4004), (str(uuid4()), "viewer", 4004)):
        async with socket(service, address, key, who=who) as messages:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(messages.recv(), 5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code
    url = f"{address.replace('http', 'ws')}/api/v1/sessions/{session}/follow"
    async with websockets.connect(url) as messages:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(messages.recv(), 5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001


async def test_sessions_are_apart_and_their_followers_counted_apart(service: Service, address: str) -> None:
    """CAP16: whoever follows one session hears nothing of the others."""
    async with service.client("analyst") as client:
        sessions = [(await begin(client))["id"] for _ in range(5)]
        readers = [socket(service, address, session) for session in sessions]
        open_ = [await reader for reader in readers]
        try:
            for session in sessions:
                await following(service, session, 1)
            await send(client, *(step(UUID(key), i * 0.5) for i in range(20) for key in sessions))
            for session, reader in zip(sessions, open_, strict=True):
                found = [json.loads(await asyncio.wait_for(reader.recv(), 5)) for _ in range(20)]
                assert {m["data"]["session_id"] for m in found} == {session}
                assert [m["at_seconds"] for m in found] == [i * 0.5 for i in range(20)]
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.recv(), 0.05)
        finally:
            for reader in open_:
                await reader.close()


async def test_a_process_that_is_to_stop_sends_its_followers_on(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        async with sse(service, address, session) as events, socket(service, address, session) as messages:
            await following(service, session, 2)
            service.parts.lifecycle.drain()
            assert (await events.next())["event"] == "closed"
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(messages.recv(), 5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012

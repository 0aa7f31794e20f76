"""Frames over a WebSocket, read by the real networks and recorded from the stream."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import websockets
from PIL import Image
from websockets.exceptions import ConnectionClosed

from mien.core.errors import UnsupportedMediaError
from mien.service.live.frames import Pace, parsed
from tests.runtime.test_pushed import jpeg
from tests.service.live.test_routes import begin
from tests.service.support import Service, listening


@pytest.fixture
async def address(service: Service) -> AsyncIterator[str]:
    async with listening(service.app) as url:
        yield url


@pytest.fixture(scope="module")
def people(shared: Path) -> bytes:
    file = io.BytesIO()
    picture = Image.open(shared / "data" / "crowd" / "group-3.jpg").convert("RGB")
    picture.thumbnail((854, 480))
    picture.save(file, "JPEG", quality=70)
    return file.getvalue()


def sender(service: Service, address: str, session: str, who: str = "analyst") -> Any:
    headers = {"Authorization": f"Bearer {service.token(who)}"}
    return websockets.connect(
        f"{address.replace('http', 'ws')}/api/v1/sessions/{session}/frames", additional_headers=headers
    )


async def told(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while True:
        found: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 30))
        if found["type"] == kind:
            return found


async def test_frames_of_both_forms_are_read_and_recorded(service: Service, address: str, people: bytes) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client, profile="interview", basis="own_recording"))["id"]
        async with sender(service, address, session) as socket:
            for i in range(10):
                at = 60.0 + i * 0.1
                if i % 2:
                    await socket.send(struct.pack("<d", at) + people)
                else:
                    content = base64.b64encode(people).decode()
                    head = "data:image/jpeg;base64," if i % 4 else ""
                    await socket.send(json.dumps({"frame": head + content, "media_time": at}))
                answer = await told(socket, "frame")
                if i == 5:
                    snapshot = (await told(socket, "snapshot"))["data"]
                    assert (snapshot["session_id"], snapshot["media_time"]) == (session, 60.0)
                assert answer["media_time"] == at
                assert len(answer["faces"]) >= 3
                assert set(answer["faces"][0]) == {"box", "label", "confidence"}
                await asyncio.sleep(0.07)
        timeline: dict[str, Any] = {"count": 0}
        for _ in range(100):
            timeline = (await client.get(f"/api/v1/sessions/{session}/timeline")).json()
            if timeline["count"] == 2:
                break
            await asyncio.sleep(0.05)
        assert timeline["columns"]["time_seconds"] == [60.0, 60.5]
        assert timeline["columns"]["frames"] == [5, 5]
        assert "box" not in json.dumps(timeline)


async def test_a_hall_that_was_only_told_gets_no_boxes(service: Service, address: str, people: bytes) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client))["id"]
        async with sender(service, address, session) as socket:
            await socket.send(struct.pack("<d", 0.0) + people)
            assert (await told(socket, "frame"))["faces"] is None


async def test_what_cannot_be_read_is_told_and_the_socket_goes_on(
    service: Service, address: str, people: bytes
) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client, profile="interview", basis="own_recording"))["id"]
        async with sender(service, address, session) as socket:
            bad: list[str | bytes] = [
                struct.pack("<d", 0.0) + jpeg((855, 480)),
                struct.pack("<d", 0.0) + b"nonsense",
                struct.pack("<d", float("nan")) + people,
                "{",
                "not base64!",
                json.dumps({"frame": 3}),
                json.dumps({"frame": base64.b64encode(people).decode(), "media_time": "1"}),
                json.dumps({"frame": base64.b64encode(people).decode(), "media_time": 10**400}),
                b"",
            ]
            for message in bad:
                await socket.send(message)
                assert (await told(socket, "error"))["message"]
                await asyncio.sleep(0.08)
            await socket.send(struct.pack("<d", 0.0) + people)
            await told(socket, "frame")
            await socket.send(b"x" * 700_001)
            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 1009


async def test_more_than_fifteen_a_second_are_left_out(service: Service, address: str, people: bytes) -> None:
    async with service.client("analyst") as client:
        session = (await begin(client, profile="interview", basis="own_recording"))["id"]
        async with sender(service, address, session) as socket:
            for i in range(30):
                await socket.send(struct.pack("<d", i * 0.001) + people)
            while "15 frames a second" not in (await told(socket, "skipped"))["reason"]:
                continue


async def test_only_analysts_of_the_organisation_send_and_only_to_open_sessions(service: Service, address: str) -> None:
    async with service.client("analyst") as client:
        session, ended, filled = [(await begin(client))["id"] for _ in range(3)]
        await client.post(f"/api/v1/sessions/{ended}/end")
        async with service.parts.store.begin(service.organisation) as work:
            await work.jobs.enqueue("analysis", {}, session_id=UUID(filled))
    cases = [(session, "viewer", 4001), (session, "other_admin", 4004), (str(uuid4()), "analyst", 4004)]
    for key, who, code in [*cases, (ended, "analyst", 4009), (filled, "analyst", 4009)]:
        async with sender(service, address, key, who) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code


def test_the_pace_evens_out_what_a_network_held_up() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert [pace.admits() for _ in range(4)] == [True, True, False, False]
    admitted = 0
    for i in range(1, 301):
        now = i / 30
        admitted += pace.admits()
    assert admitted == pytest.approx(150, abs=2), "ten seconds at thirty frames a second"


@pytest.mark.parametrize(
    "message", ["", "{}", '{"frame": null}', "[]", '{"frame": "é"}', b"12345678", '{"frame": "YQ", "media_time": true}']
)
def test_a_message_of_no_form_is_refused(message: str | bytes) -> None:
    if message == "":
        assert parsed(message).jpeg == b""
        return
    with pytest.raises(UnsupportedMediaError):
        parsed(message)

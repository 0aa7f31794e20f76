"""How long a message of a socket may be, held by the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from mien.service.live.frames import LONGEST_MESSAGE
from mien.service.sockets import OTHER_BYTES, TEXT_BYTES, largest_message
from tests.service.support import Service, listening

FRAMES = f"/api/v1/sessions/{UUID(int=7)}/frames"


@pytest.fixture
async def address(service: Service) -> AsyncIterator[str]:
    async with listening(service.app) as url:
        yield url.replace("http", "ws", 1)


async def code(socket: ClientConnection) -> int | None:
    """What it is closed with."""
    try:
        async with asyncio.timeout(15):
            while True:
                await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def pieces(size: int, count: int) -> Iterator[str]:
    for _ in range(count):
        yield "x" * size


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/ws", TEXT_BYTES),
        (FRAMES, LONGEST_MESSAGE),
        (FRAMES.replace("frames", "follow"), OTHER_BYTES),
        ("/", OTHER_BYTES),
    ],
)
def test_each_socket_has_its_own_limit(path: str, most: int) -> None:
    assert largest_message(path) == most


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("whole", [True, False])
async def test_a_text_over_the_limit_is_refused_by_the_server(
    service: Service, address: str, whole: bool, compressed: bool
) -> None:
    headers = {"Authorization": f"Bearer {service.token('viewer')}"}
    compression = "deflate" if compressed else None
    socket = await connect(f"{address}/api/ws", additional_headers=headers, compression=compression)
    await socket.send("x" * TEXT_BYTES)
    async with asyncio.timeout(15):
        while '"error"' not in str(await socket.recv()):
            pass
    with contextlib.suppress(ConnectionClosed):
        # Much more than is kept on the way: most of it is never read.
        await socket.send("x" * 4_000_000 if whole else pieces(30_000, 4))
    assert await code(socket) == 1009
    async with connect(f"{address}/api/ws", additional_headers=headers) as socket:
        await socket.send("I am so happy")


async def test_a_message_is_refused_where_none_is_expected(service: Service, address: str) -> None:
    headers = {"Authorization": f"Bearer {service.token('analyst')}"}
    async with service.client("analyst") as client:
        asked = {"purpose": "personal", "basis": "own_recording"}
        session = (await client.post("/api/v1/sessions", json=asked)).json()["id"]
    path = f"{address}/api/v1/sessions/{session}/follow"
    async with connect(path, additional_headers=headers, compression=None) as socket:
        await socket.send("x" * (OTHER_BYTES + 1))
        assert await code(socket) == 1009

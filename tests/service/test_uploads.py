"""Uploads over HTTP: resumable, limited, judged by their content, and nobody else's."""

from __future__ import annotations

import asyncio
import io
import resource
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from mien.service.draining import MOST_BYTES
from mien.service.settings import ServiceSettings
from tests.service.support import Service, listening
from tests.sources.media import write_video

Clients = Callable[[str | None], httpx.AsyncClient]
LIMIT = 3_000_000
PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
UPLOADS = "/api/v1/uploads"


@pytest.fixture
def settings(settings: ServiceSettings) -> ServiceSettings:
    return settings.model_copy(update={"max_upload_bytes": LIMIT, "max_waiting_uploads": 3})


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "short.mp4", [i / 10 for i in range(40)]).read_bytes()


def spooled(service: Service) -> list[Path]:
    folder = service.parts.settings.spool
    return list(folder.iterdir()) if folder.exists() else []


async def begin(client: httpx.AsyncClient, length: int) -> str:
    answer = await client.post(UPLOADS, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(length)})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def patch(client: httpx.AsyncClient, where: str, at: int, content: bytes, **headers: str) -> httpx.Response:
    return await client.patch(where, content=content, headers={**PIECE, "Upload-Offset": str(at), **headers})


async def test_a_file_comes_in_pieces_and_is_known_by_its_content(client_of: Clients, recording: bytes) -> None:
    client = client_of("analyst")
    where = await begin(client, len(recording))
    half = len(recording) // 2
    first = await patch(client, where, 0, recording[:half])
    assert (first.status_code, first.headers["upload-offset"]) == (204, str(half))
    asked = await client.head(where, headers={"Tus-Resumable": "1.0.0"})
    assert asked.headers["upload-offset"] == str(half)
    assert asked.headers["upload-length"] == str(len(recording))
    assert asked.headers["cache-control"] == "no-store"
    assert asked.headers["tus-resumable"] == "1.0.0"
    assert "GMT" in asked.headers["upload-expires"]
    assert (await client.get(where)).json()["complete"] is False
    second = await patch(client, where, half, recording[half:])
    assert second.headers["upload-offset"] == str(len(recording))
    told = (await client.get(where)).json()
    assert (told["complete"], told["media_type"], told["offset_bytes"]) == (True, "video/mp4", len(recording))


async def test_what_the_service_speaks_is_told(client_of: Clients) -> None:
    told = (await client_of("viewer").options(UPLOADS)).headers
    assert told["tus-version"] == "1.0.0"
    assert told["tus-max-size"] == str(LIMIT)
    assert set(told["tus-extension"].split(",")) == {"creation", "expiration", "termination"}


async def test_a_piece_that_does_not_fit_is_refused_and_says_where_to_go_on(
    client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    where = await begin(client, len(recording))
    await patch(client, where, 0, recording[:1000])
    for at in (0, 999, 1001):
        answer = await patch(client, where, at, b"x")
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, "1000")
    assert (await patch(client, where, 1000, b"x", **{"Content-Type": "video/mp4"})).status_code == 415
    refused = await patch(client, where, 1000, b"x", **{"Tus-Resumable": "0.2.2"})
    assert (refused.status_code, refused.headers["tus-version"]) == (412, "1.0.0")
    beyond = await patch(client, where, 1000, recording)
    assert beyond.status_code == 413
    assert beyond.headers["content-type"] == "application/problem+json"


async def test_what_arrived_before_a_connection_broke_is_kept(
    service: Service, client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    where = await begin(client, len(recording))
    async with listening(service.app) as address:
        host, port = address.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = [f"PATCH {where} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {service.token('analyst')}"]
        head += ["Tus-Resumable: 1.0.0", f"Content-Type: {PIECE['Content-Type']}", "Upload-Offset: 0"]
        head += [f"Content-Length: {len(recording)}", "", ""]
        writer.write("\r\n".join(head).encode() + recording[:1500])
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.close()
        for _ in range(100):
            offset = int((await client.head(where)).headers["upload-offset"])
            if offset:
                break
            await asyncio.sleep(0.05)
    assert offset == 1500
    done = await patch(client, where, 1500, recording[1500:])
    assert done.headers["upload-offset"] == str(len(recording))


async def test_a_file_in_one_request(client_of: Clients, service: Service, recording: bytes) -> None:
    client = client_of("analyst")
    answer = await client.post(f"{UPLOADS}/whole", content=recording, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["complete"], told["media_type"], told["length_bytes"]) == (True, "video/mp4", len(recording))
    [file] = spooled(service)
    assert recording[200:260] not in file.read_bytes()
    assert (await client.delete(answer.headers["location"])).status_code == 204
    assert spooled(service) == []
    assert (await client.get(answer.headers["location"])).status_code == 404


async def test_a_file_whose_type_nobody_declares_may_have_a_key_and_any_length(client_of: Clients) -> None:
    client, key = client_of("analyst"), {"Idempotency-Key": "k-1"}
    # A header of a WebM file, and more than an answer to a key reads of a body.
    answer = await client.post(
        f"{UPLOADS}/whole", content=b"\x1aE\xdf\xa3\x42\x82\x84webm" + bytes(2_000_000), headers=key
    )
    assert answer.status_code == 201, answer.text
    undeclared = await client.post("/api/v1/titles", content=b'{"name":"X"}', headers=key)
    assert undeclared.status_code == 422, "JSON is read where it is declared, so nothing is carried out unguarded"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n" * 200, "playlist"),
        (b"hello " * 1000, "a text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "a png file"),
        (bytes(5000), "not known"),
        (b"short", "a text"),
    ],
)
async def test_what_is_no_recording_is_refused_and_erased(
    client_of: Clients, service: Service, content: bytes, words: str
) -> None:
    client = client_of("analyst")
    whole = await client.post(f"{UPLOADS}/whole", content=content)
    where = await begin(client, len(content))
    pieces = await patch(client, where, 0, content)
    for answer in (whole, pieces):
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
    assert (await client.head(where)).status_code == 404
    assert spooled(service) == []


async def test_a_picture_of_many_pixels_is_not_even_opened(client_of: Clients, service: Service) -> None:
    held = io.BytesIO()
    Image.new("1", (20_000, 8_000)).save(held, "PNG")
    assert len(held.getvalue()) < 500_000
    answer = await client_of("analyst").post(f"{UPLOADS}/whole", content=held.getvalue())
    assert answer.status_code == 422
    assert "a png file" in answer.json()["detail"]
    assert spooled(service) == []


async def test_above_the_limit_is_refused_before_it_is_sent(client_of: Clients, service: Service) -> None:
    client = client_of("analyst")
    headers = {"Upload-Length": str(LIMIT + 1)}
    assert (await client.post(UPLOADS, headers=headers)).status_code == 413
    assert (await client.post(f"{UPLOADS}/whole", content=bytes(LIMIT + 1))).status_code == 413
    assert spooled(service) == []


async def test_above_the_limit_in_chunks_is_refused_while_it_is_sent(
    client_of: Clients, service: Service, recording: bytes
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield recording
        while True:
            sent += 1 << 16
            yield bytes(1 << 16)

    answer = await client_of("analyst").post(f"{UPLOADS}/whole", content=endless())
    assert answer.status_code == 413
    assert "3000000 bytes" in answer.json()["detail"]
    assert sent < LIMIT + MOST_BYTES + (1 << 18), "what is dropped so that the refusal is heard is bounded"
    assert spooled(service) == []


async def test_memory_does_not_grow_with_an_upload(service: Service, recording: bytes) -> None:
    """150 MB, a chunk at a time, through a real socket into a service that takes 100 MB."""
    settings = service.parts.settings
    object.__setattr__(service.parts, "settings", settings.model_copy(update={"max_upload_bytes": 100_000_000}))
    block = bytes(1 << 18)

    async def much() -> AsyncIterator[bytes]:
        yield recording
        for _ in range(600):
            yield block

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with listening(service.app) as address:
        headers = {"Authorization": f"Bearer {service.token('analyst')}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=120) as client:
            try:
                answer = await client.post(f"{UPLOADS}/whole", content=much())
                assert answer.status_code == 413
            except (httpx.WriteError, httpx.ReadError):
                pass  # It hung up on us while we were sending.
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) / 1024 < 50
    assert spooled(service) == []


async def test_nobody_else_sees_an_upload(client_of: Clients, recording: bytes) -> None:
    where = await begin(client_of("analyst"), len(recording))
    other = client_of("other_admin")
    answers = [await other.get(where), await other.head(where), await other.delete(where)]
    answers.append(await patch(other, where, 0, recording))
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (await other.get(UPLOADS)).json()["items"] == []
    assert len((await client_of("analyst").get(UPLOADS)).json()["items"]) == 1


async def test_a_viewer_uploads_nothing(client_of: Clients, recording: bytes) -> None:
    client = client_of("viewer")
    assert (await client.post(UPLOADS, headers={"Upload-Length": "10"})).status_code == 403
    assert (await client.post(f"{UPLOADS}/whole", content=recording)).status_code == 403


async def test_two_requests_do_not_write_at_once(client_of: Clients, service: Service, recording: bytes) -> None:
    client = client_of("analyst")
    where = await begin(client, len(recording))
    going: asyncio.Event = asyncio.Event()
    goes_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield recording[:100]
        going.set()
        await goes_on.wait()
        yield recording[100:]

    headers: dict[str, Any] = {**PIECE, "Upload-Offset": "0"}
    first = asyncio.create_task(client.patch(where, content=slowly(), headers=headers))
    await going.wait()
    await asyncio.sleep(0.1)
    second = await patch(client_of("analyst"), where, 0, recording)
    goes_on.set()
    assert second.status_code == 409
    assert (await first).status_code == 204


async def test_an_organisation_has_so_many_uploads_here_and_no_more(client_of: Clients) -> None:
    client = client_of("analyst")
    kept = [await begin(client, 1000) for _ in range(3)]
    refused = await client.post(UPLOADS, headers={"Upload-Length": "1000"})
    assert refused.status_code == 409
    assert (await client_of("other_admin").post(UPLOADS, headers={"Upload-Length": "1000"})).status_code == 201
    await client.delete(kept[0])
    await begin(client, 1000)

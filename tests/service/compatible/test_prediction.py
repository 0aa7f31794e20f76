"""``POST /api/predict/`` as clients of earlier systems know it, on the shipped models."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import jwt
import numpy as np
import pytest
from PIL import Image

from mien import weights
from mien.core.errors import PolicyError
from mien.core.labels import INDEXED7
from mien.core.settings import SamplingSettings
from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.pictures.processes import BrokenError
from mien.service.pictures.readers import Readers
from mien.service.settings import ServiceSettings
from mien.service.work import seccomp
from mien.sources import open_source
from tests.service.bad_tokens import Forge
from tests.service.compatible.shapes import is_golden
from tests.service.process import SECRET, running
from tests.service.support import Service, listening
from tests.sources.media import write_video

PATH = "/api/predict/"


@pytest.fixture(scope="module")
def face() -> bytes:
    """The last frame of the demonstration clip: a smile."""
    *_, last = open_source(str(weights.resolve("demo-clip")), SamplingSettings(every_nth=30))
    written = io.BytesIO()
    Image.fromarray(last.image).save(written, "JPEG", quality=95)
    return written.getvalue()


class Kept(Readers):
    """Networks that every test here shares."""

    async def close(self) -> None:
        """Other tests go on with them."""


@pytest.fixture(scope="module")
async def readers() -> AsyncIterator[Readers]:
    made = Kept(ServiceSettings().prediction)
    yield made
    await Readers.close(made)


@pytest.fixture
async def parts(parts: ServiceParts, readers: Readers) -> ServiceParts:
    parts.models.faces = readers
    return parts


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client("viewer", raises=False) as made:
        yield made


def form(content: bytes, name: str = "face.jpg", kind: str = "image/jpeg") -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, content, kind)}


def blank(width: int = 320, height: int = 240, form: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(written, form)
    return written.getvalue()


async def test_a_face_is_answered_in_the_published_shape(client: httpx.AsyncClient, face: bytes) -> None:
    answer = await client.post(PATH, files=form(face))
    assert answer.status_code == 200
    assert is_golden(answer.text, "prediction")
    told = answer.json()
    assert tuple(told["all_emotions"]) == INDEXED7.labels
    assert told["emotion"] == max(told["all_emotions"], key=told["all_emotions"].__getitem__) == "happy"
    assert told["confidence"] == max(told["all_emotions"].values())
    assert sum(told["all_emotions"].values()) == pytest.approx(1)


async def test_what_it_is_is_told_by_its_bytes_not_by_its_name(client: httpx.AsyncClient, face: bytes) -> None:
    named = await client.post(PATH, files=form(face, "../../etc/passwd", "text/html"))
    assert named.status_code == 200
    lied = await client.post(PATH, files=form(b"GIF89a" + bytes(100), "face.jpg", "image/jpeg"))
    assert lied.status_code == 422


async def test_its_path_may_end_without_a_slash(client: httpx.AsyncClient, face: bytes) -> None:
    assert (await client.post("/api/predict", files=form(face))).status_code == 200


async def test_a_clip_is_answered_like_a_picture(client: httpx.AsyncClient, face: bytes, tmp_path: Path) -> None:
    import av

    picture = np.asarray(Image.open(io.BytesIO(face)).convert("RGB"))
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(11):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture[:height, :width], format="rgb24")))
        output.mux(stream.encode())
    answer = await client.post(PATH, files=form(path.read_bytes(), "clip.mp4", "video/mp4"))
    assert answer.status_code == 200
    assert answer.json()["emotion"] == "happy"


async def test_nobody_in_it_is_a_message(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, files=form(blank()))
    assert answer.status_code == 422
    assert "no face was found" in answer.json()["detail"]


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "cut clip"])
async def test_what_is_corrupt_is_invalid(client: httpx.AsyncClient, face: bytes, damage: str, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [k / 10 for k in range(12)]).read_bytes()
    content = {"cut": face[: len(face) // 2], "text": b"hello", "empty": b"", "cut clip": clip[: len(clip) // 2]}[
        damage
    ]
    answer = await client.post(PATH, files=form(content))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_no_file_is_invalid(client: httpx.AsyncClient, face: bytes) -> None:
    for options in (
        {"content": face, "headers": {"Content-Type": "image/jpeg"}},
        {"files": {"picture": ("face.jpg", face, "image/jpeg")}},
        {"data": {"file": "not a file"}, "files": {"other": b"x"}},
        {"content": b"--x--", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ):
        answer = await client.post(PATH, **options)
        assert answer.status_code == 422, options
        assert "'file'" in answer.json()["detail"]


async def test_a_picture_with_too_many_pixels_is_refused_by_its_header(client: httpx.AsyncClient) -> None:
    written = io.BytesIO()
    Image.new("1", (20_000, 8_000)).save(written, "PNG")
    bomb = written.getvalue()
    assert len(bomb) < 1_000_000
    answer = await client.post(PATH, files=form(bomb))
    assert answer.status_code == 413


async def test_who_has_no_token_is_refused_whatever_they_send(service: Service, face: bytes) -> None:
    async with service.client() as nobody:
        for content in (face, bytes(3_000_000)):
            answer = await nobody.post(PATH, files=form(content))
            assert answer.status_code == 401


async def test_a_token_of_another_login_with_the_same_secret_is_let_in(service: Service, face: bytes) -> None:
    forge = Forge(service)
    token = forge.token({"sub": "somebody", "userId": 12345, "roles": "USER"}, without="org")
    async with service.client() as client:
        for name in ("access_token", "token"):
            answer = await client.post(PATH, files=form(face), headers={"Cookie": f"{name}={token}"})
            assert answer.status_code == 200
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await client.post(PATH, files=form(face), headers=bearer)).status_code == 200
        for path in ("/api/v1/texts", "/api/v1/notices", "/api/v1/users"):
            assert (await client.post(path, json={}, headers=bearer)).status_code == 401
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list()).items
    made = [entry for entry in entries if entry.action == "prediction.made"]
    assert {entry.actor for entry in made} == {"user:foreign:12345"}


async def test_that_somebody_looked_is_audited_and_nothing_else_is_kept(
    service: Service, client: httpx.AsyncClient, face: bytes
) -> None:
    await client.post(PATH, files=form(face))
    await client.post(PATH, files=form(blank()))
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = [e for e in (await work.audit.list()).items if e.action == "prediction.made"]
    assert [dict(entry.detail) for entry in entries] == [
        {
            "purpose": "audience_research",
            "basis": "consent",
            "jurisdiction": None,
            "outcome": "read",
            "readings": 1,
            "frames": 1,
        },
        {"purpose": "audience_research", "basis": "consent", "jurisdiction": None, "outcome": "nobody_read"},
    ]
    assert {entry.actor for entry in entries} == {f"user:{service.people['viewer'].number}"}


async def test_nothing_is_written_to_a_disk_or_decoded_in_the_service_itself(
    client: httpx.AsyncClient, face: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a picture was written to a disk, or decoded here")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", refused)
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    monkeypatch.setattr(Image, "open", refused)
    monkeypatch.setattr("mien.sources._encoded._kind", refused)
    large = face + bytes(3_000_000)
    assert (await client.post(PATH, files=form(large))).status_code == 200


@pytest.mark.parametrize(
    "trouble", [RuntimeError("session of model.onnx of the operator died"), BrokenError("model.onnx broke")]
)
async def test_what_goes_wrong_inside_leaks_nothing(
    client: httpx.AsyncClient, face: bytes, readers: Readers, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    async def broken(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(readers, "read", broken)
    answer = await client.post(PATH, files=form(face))
    assert answer.status_code == 500
    assert "onnx" not in answer.text
    assert type(trouble).__name__ not in answer.text


async def test_where_no_process_can_be_confined_it_is_said(
    client: httpx.AsyncClient, face: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seccomp, "available", lambda: False)
    answer = await client.post(PATH, files=form(face))
    assert (answer.status_code, "Linux" in answer.json()["detail"]) == (501, True)


@pytest.mark.parametrize("place", ["arrival", "reading"])
async def test_more_than_may_wait_is_told_to_come_back(
    service: Service, client: httpx.AsyncClient, face: bytes, place: str
) -> None:
    settings, pictures = service.parts.settings, service.parts.pictures
    most = {"arrival": settings.predict_arriving, "reading": settings.predict_threads + settings.predict_waiting}
    with contextlib.ExitStack() as held:
        for _ in range(most[place]):
            held.enter_context(getattr(pictures, place)())
        answer = await client.post(PATH, files=form(face))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await client.post(PATH, files=form(face))).status_code == 200


async def test_one_caller_cannot_take_every_place(service: Service, client: httpx.AsyncClient, face: bytes) -> None:
    actor = f"user:{service.people['viewer'].number}"
    with contextlib.ExitStack() as held:
        for number in range(service.parts.settings.predict_share):
            held.enter_context(service.parts.pictures.share(actor, f"10.0.0.{number}"))
        answer = await client.post(PATH, files=form(face))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        async with service.client("admin") as other:
            assert (await other.post(PATH, files=form(face))).status_code == 200
    assert (await client.post(PATH, files=form(face))).status_code == 200


class TestSlowSenders:
    """Who sends slowly, or not at all."""

    @pytest.fixture
    def settings(self, settings: ServiceSettings) -> ServiceSettings:
        return settings.model_copy(update={"predict_idle_seconds": 1.5, "predict_share": 40})

    async def test_they_hold_up_nobody_and_are_let_go(self, service: Service, face: bytes) -> None:
        began = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.token('viewer')}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
        )
        async with listening(service.app) as url:
            host, port = url.removeprefix("http://").split(":")
            ends = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
            for _, writer in ends:
                writer.write(began.encode())
                await writer.drain()
            headers = {"Authorization": f"Bearer {service.token('admin')}"}
            async with httpx.AsyncClient(headers=headers, timeout=30) as real:
                assert (await real.post(url + PATH, files=form(face))).status_code == 200
            async with asyncio.timeout(10):
                answers = [await reader.read() for reader, _ in ends]
            for _, writer in ends:
                writer.close()
                await writer.wait_closed()
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
        assert all(b"problem+json" in answer for answer in answers)


class TestSmallLimits:
    """What is too large, with a limit that tests can send."""

    @pytest.fixture
    def settings(self, settings: ServiceSettings) -> ServiceSettings:
        return settings.model_copy(update={"max_predict_bytes": 200_000})

    async def test_a_file_over_the_limit_is_too_large(self, client: httpx.AsyncClient) -> None:
        for size in (200_001, 300_000):
            answer = await client.post(PATH, files=form(bytes(size)))
            assert answer.status_code == 413
            assert answer.json()["title"]

    async def test_whoever_sends_much_hears_why_it_was_refused(
        self, service: Service, client: httpx.AsyncClient
    ) -> None:
        good = {"Authorization": client.headers["authorization"]}
        async with listening(service.app) as url, httpx.AsyncClient() as real:
            for headers, status in (({}, 401), (good, 413)):
                answer = await real.post(url + PATH, files=form(bytes(30_000_000)), headers=headers)
                assert answer.status_code == status

    async def test_so_is_one_sent_in_chunks(self, service: Service, client: httpx.AsyncClient) -> None:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'

        async def chunks() -> AsyncIterator[bytes]:
            yield head
            for _ in range(1_000):
                yield bytes(10_000)

        async with listening(service.app) as url, httpx.AsyncClient() as real:
            headers = {
                "Content-Type": "multipart/form-data; boundary=x",
                "Authorization": client.headers["authorization"],
            }
            answer = await real.post(url + PATH, content=chunks(), headers=headers)
        assert answer.status_code == 413


async def test_memory_does_not_grow_with_what_is_sent(tmp_path: Path) -> None:
    """50 MB into a service that takes 25, and 20 that it takes: its peak, which a process of its own shows best."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    block = bytes(500_000)

    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield head
        for _ in range(count):
            yield block
        yield b"\r\n--x--\r\n"

    now = int(time.time())
    claims = {"sub": "a", "userId": 1, "roles": "USER", "iss": "emotion_recognition", "iat": now, "exp": now + 600}
    token = jwt.encode(claims, base64.b64decode(SECRET), "HS512")
    with running(tmp_path, SECURITY_SECRET=SECRET, MIEN_MAX_PREDICT_BYTES="25000000") as process:
        async with httpx.AsyncClient(base_url=process.address(), timeout=60) as client:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/form-data; boundary=x"}
            await client.post(PATH, content=chunks(1), headers=headers)
            status = Path(f"/proc/{process.process.pid}/status")
            # The peak so far is the start's: count from here.
            status.with_name("clear_refs").write_text("5")
            before = _peak_bytes(status)
            for count, declared, expected in ((100, True, 413), (100, False, 413), (40, False, 422)):
                length = {"Content-Length": str(len(head) + count * len(block) + 9)} if declared else {}
                answer = await client.post(PATH, content=chunks(count), headers=headers | length)
                assert answer.status_code == expected
            grown = _peak_bytes(status) - before
    assert grown < 8_000_000, f"{grown / 1e6:.1f} MB"


def _peak_bytes(status: Path) -> int:
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def test_the_limit_is_the_published_one(settings: ServiceSettings) -> None:
    assert settings.max_predict_bytes == 50_000_000


async def test_a_purpose_that_the_law_forbids_stops_the_start(parts: ServiceParts) -> None:
    update = {"predict_purpose": "workplace", "predict_jurisdiction": "DE"}
    settings = ServiceSettings.model_validate({**dict(parts.settings), **update})
    forbidden = ServiceParts(settings, parts.store, parts.bus, parts.clock)
    app = create_app(forbidden)
    with pytest.raises(PolicyError, match="prohibited in DE"):
        async with app.router.lifespan_context(app):
            pass

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import websockets
from fastapi import WebSocket

from mien.assembly import PREFERRED_DETECTORS
from mien.core import plugins
from mien.core.errors import MienError, PolicyError
from mien.service import logs
from mien.service.analysing import Analysing, Missing
from mien.service.app import create_app
from mien.service.dependencies import Caller
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError
from mien.service.security.headers import HEADERS
from mien.service.security.sockets import admit
from mien.service.settings import ServiceSettings
from mien.store.errors import ConflictError, InvalidError, NotFoundError, StoreError
from mien.store.records import Role
from mien.streams.errors import StreamFullError
from tests.service.bad_tokens import BAD_TOKENS, Forge
from tests.service.support import Service, listening, populated


class Lines:
    """What was logged, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def of(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if line["event"] == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    kept = Lines()
    logger = logging.getLogger("mien")
    before = (logger.handlers[:], logger.level, logger.propagate)
    logs.configure("info", "json", kept.stream)
    yield kept
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


async def test_health_says_what_is_ready_and_needs_no_token(service: Service) -> None:
    async with service.client() as client:
        answer = await client.get("/api/health")
        assert answer.status_code == 200
        ready = {"ready": True}
        can = {"ready": True, "missing": []}
        assert answer.json() == {"status": "ready", "database": ready, "bus": ready, "analysis": can}
        service.parts.lifecycle.drain()
        answer = await client.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")


async def test_a_balancer_may_ask_for_the_head_alone(service: Service) -> None:
    async with listening(service.app) as address, httpx.AsyncClient(base_url=address) as client:
        answer = await client.head("/api/health")
        assert (answer.status_code, answer.content) == (200, b"")
        service.parts.lifecycle.drain()
        assert (await client.head("/api/health")).status_code == 503


async def test_health_says_which_part_is_missing(service: Service) -> None:
    async def down() -> bool:
        return False

    with patch.object(service.parts.store, "ready", down):
        async with service.client() as client:
            answer = await client.get("/api/health")
    assert answer.status_code == 503
    told = answer.json()
    assert (told["status"], told["database"], told["bus"]) == ("unavailable", {"ready": False}, {"ready": True})


async def test_a_service_that_cannot_analyse_says_what_it_lacks_and_stays_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    detector: Any = plugins.load("detectors", PREFERRED_DETECTORS[0])
    for name in ("MIEN_MODELS", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    async with service.client() as client:
        answer = await client.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    analysis = answer.json()["analysis"]
    assert analysis["ready"] is False
    [lacks] = analysis["missing"]
    assert lacks["name"] == detector.WEIGHTS[0]
    assert f"mien models pull {lacks['name']}" in lacks["remedy"]
    assert str(tmp_path) not in answer.text


async def test_what_is_missing_is_looked_for_once_in_a_while() -> None:
    looks = []

    def look() -> tuple[Missing, ...]:
        looks.append(1)
        return ()

    patient, eager = Analysing(look, seconds=60), Analysing(look, seconds=0)
    assert await asyncio.gather(*(patient.missing() for _ in range(5))) == [()] * 5
    assert len(looks) == 1
    await eager.missing()
    await eager.missing()
    assert len(looks) == 3


@pytest.mark.parametrize(
    ("form", "terminal", "readable"),
    [("auto", True, True), ("auto", False, False), ("json", True, False), ("text", False, True)],
)
def test_logs_are_for_a_person_on_a_terminal_and_for_machines_elsewhere(
    lines: Lines, form: str, terminal: bool, readable: bool
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    logs.configure("info", form, stream)
    logs.say(logging.getLogger("mien.service.test"), logging.INFO, "service.draining", seconds=3)
    [line] = stream.getvalue().splitlines()
    assert line.startswith("{") is not readable
    assert line.endswith("info    service.draining seconds=3" if readable else '"seconds": 3}')


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_an_application_needs_a_secret(parts: ServiceParts) -> None:
    bare = ServiceParts(ServiceSettings(), parts.store, parts.bus)
    with pytest.raises(MienError, match="there is no secret"):
        create_app(bare)


async def test_every_answer_tells_browsers_to_trust_little(service: Service) -> None:
    async with service.client("admin") as client:
        for path in ("/api/health", "/api/v1/users", "/api/v1/nothing", "/openapi.json"):
            answer = await client.get(path)
            assert set(HEADERS) <= {name.title() for name in answer.headers} | {"X-Frame-Options"}, path
            assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/users", 405)])
async def test_what_is_not_there_is_a_problem_too(service: Service, method: str, path: str, status: int) -> None:
    async with service.client("admin") as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:mien:problem:")
    assert told["request_id"] == answer.headers["x-request-id"]


async def test_a_body_that_is_too_large_is_refused_also_where_its_length_is_not_told(service: Service) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    async with service.client("admin") as client:
        for content in (b"x" * 1_000_001, chunks()):
            answer = await client.post("/api/v1/users", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
            assert "x-content-type-options" in answer.headers


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"null", b"", b'{"name": "\\u0000"}'])
async def test_a_body_that_makes_no_sense_says_where_and_quotes_nothing(service: Service, content: bytes) -> None:
    async with service.client("admin") as client:
        answer = await client.post("/api/v1/users", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:mien:problem:invalid"


@pytest.mark.parametrize(
    ("error", "status", "kind", "detail"),
    [
        (NotFoundError.of("session", 7), 404, "not-found", "there is no session 7"),
        (ConflictError("it has ended."), 409, "conflict", "it has ended."),
        (InvalidError("no."), 422, "invalid", "no."),
        (PolicyError("declare '--basis consent' or --min-group 5."), 403, "not-permitted", "'basis consent' or min_gr"),
        (StreamFullError("full."), 503, "busy", "full."),
        (StoreError("the database /var/lib/secret/mien.db"), 503, "unavailable", "does not answer"),
        (MienError("films/anna.mp4"), 500, "internal", "Something went wrong"),
        (RuntimeError("password=hunter2"), 500, "internal", "Something went wrong"),
    ],
)
async def test_an_error_becomes_the_problem_that_its_caller_can_mend(
    parts: ServiceParts, lines: Lines, error: Exception, status: int, kind: str, detail: str
) -> None:
    app = create_app(parts)

    @app.get("/api/v1/fails")
    async def fails(_caller: Caller) -> None:
        raise error

    service = await populated(app, parts)
    async with service.client("viewer") as client:
        answer = await client.get("/api/v1/fails")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:mien:problem:{kind}")
    assert detail in answer.json()["detail"]
    for secret in ("hunter2", "anna", "/var/lib"):
        assert secret not in answer.text
        assert secret not in lines.text
    if status == 500:
        [failure] = lines.of("request.failed")
        assert failure["request_id"] == answer.json()["request_id"]
        assert failure["error"].endswith(type(error).__name__)
        assert "fails" in failure["at"][-1]


async def test_a_request_is_one_line_without_a_person_or_a_token(service: Service, lines: Lines) -> None:
    user = service.people["viewer"]
    token = service.token("admin")
    async with service.client("admin") as client:
        await client.get(f"/api/v1/users/{user.id}?token={token}")
        await client.get("/api/v1/users", headers={"Authorization": "Bearer bad"})
        await client.post("/api/v1/auth/login", json={"name": "anna.smith", "password": "secret words"})
    seen, refused, login = lines.of("request")
    assert (seen["method"], seen["route"], seen["status"], seen["auth"]) == (
        "GET",
        "/api/v1/users/{user_id}",
        200,
        "token",
    )
    assert 0 < seen["seconds"] < 60
    assert (refused["status"], refused["auth"]) == (401, "refused")
    assert (login["route"], login["status"]) == ("/api/v1/auth/login", 401)
    for personal in (token, "anna.smith", "secret words", str(user.id), "admin", "127.0.0.1"):
        assert personal not in lines.text


def test_a_warning_is_a_line_of_json_too() -> None:
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        try:
            logs.configure("error", "json", stream)
            warnings.warn("this goes away", DeprecationWarning, stacklevel=1)
        finally:
            logging.captureWarnings(False)
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "DeprecationWarning: this goes away" in line["event"]


async def test_text_logs_say_the_same(lines: Lines) -> None:
    logs.configure("info", "text", lines.stream)
    logs.say(logging.getLogger("mien.service"), logging.INFO, "job.done", seconds=1.5)
    assert lines.text.rstrip().endswith("info    job.done seconds=1.5")


async def test_a_page_of_a_listed_origin_may_call_and_no_other(parts: ServiceParts) -> None:
    settings = parts.settings.model_copy(update={"origins": ("https://studio.example",)})
    app = create_app(ServiceParts(settings, parts.store, parts.bus, parts.clock))
    service = await populated(app, parts)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrf-token, last-event-id"}
    async with service.client() as client:
        for origin, allowed in (("https://studio.example", True), ("https://evil.example", False)):
            answer = await client.options("/api/v1/users", headers={"Origin": origin, **asked})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
            assert (answer.status_code == 200) is allowed


async def test_sockets_let_in_who_may_come_in_and_close_with_4001_otherwise(parts: ServiceParts) -> None:
    app = create_app(parts)

    @app.websocket("/api/v1/echo")
    async def echo(socket: WebSocket) -> None:
        caller = await admit(socket, parts, role=Role.ANALYST)
        if caller is not None:
            await socket.send_text(caller.name)
            await socket.close()

    service = await populated(app, parts)

    async def answer(**headers: str) -> str | int | None:
        async with websockets.connect(
            url, additional_headers={n.replace("_", "-"): v for n, v in headers.items()}, proxy=None
        ) as socket:
            try:
                return str(await socket.recv())
            except websockets.ConnectionClosed:
                return socket.close_code

    async with listening(app) as address:
        url = address.replace("http", "ws") + "/api/v1/echo"
        analyst = service.token("analyst")
        assert await answer(Authorization=f"Bearer {analyst}") == "analyst"
        for cookie in ("__Host-access", "access_token", "token"):
            assert await answer(Cookie=f"{cookie}={analyst}") == "analyst"
        assert await answer(Cookie=f"token={analyst}", Origin=address) == "analyst"
        assert await answer(Cookie=f"token={analyst}", Origin="https://evil.example") == 4001
        assert await answer(Cookie=f"token={service.token('viewer')}") == 4001
        assert await answer() == 4001
        forge = Forge(service)
        for wrong, bad in BAD_TOKENS.items():
            assert await answer(Cookie=f"token={bad(forge)}") == 4001, wrong


async def test_documentation_is_open_to_all_and_asks_no_other_host(service: Service) -> None:
    async with service.client() as client:
        for path in ("/docs", "/redoc"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "script-src 'self';" in page.headers["content-security-policy"]
            assert "//" not in page.text
            for source in re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text):
                assert (await client.get(source)).status_code == 200, source
        assert (await client.get("/docs/nothing.js")).status_code == 404
        assert (await client.get("/docs/..%2Fcore.py")).status_code == 404


async def test_documentation_can_be_left_out(parts: ServiceParts) -> None:
    settings = parts.settings.model_copy(update={"docs": False})
    service = await populated(create_app(ServiceParts(settings, parts.store, parts.bus, parts.clock)), parts)
    async with service.client() as client:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(path)).status_code == 404


async def test_draining_is_told_to_who_waits_for_it(parts: ServiceParts) -> None:
    waiting = asyncio.create_task(parts.lifecycle.draining.wait())
    await asyncio.sleep(0)
    parts.lifecycle.drain()
    assert await waiting


def test_a_problem_says_what_it_is() -> None:
    assert ProblemError(409, "conflict", "taken").response(None).body == (
        b'{"type":"urn:mien:problem:conflict","title":"Conflict","status":409,"detail":"taken"}'
    )

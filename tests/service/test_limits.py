from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import websockets
from limits.aio.storage import memory

from mien.service import serving
from mien.service.parts import ServiceParts
from mien.service.problems import ProblemError
from mien.service.security.limits import Limits, bucket
from mien.service.settings import ServiceSettings
from tests.redis_server import RedisServer
from tests.service.support import PASSWORD, URL, Service, listening
from tests.service.test_openapi import PUBLIC_OPERATIONS, operations

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


@pytest.fixture(autouse=True)
def _all_in_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window slides with the clock: passing from one minute into the next, a test would have one try more."""
    now = time.time()
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: now))


@pytest.fixture
def settings(settings: ServiceSettings) -> ServiceSettings:
    return settings.model_copy(
        update={
            "requests_per_minute": 5,
            "sign_ins_per_minute": 3,
            "sign_ins_of_a_name_per_minute": 8,
            "refusals_per_minute": 4,
            "public_per_minute": 6,
        }
    )


async def test_who_asks_too_often_is_told_when_to_come_back(service: Service) -> None:
    async with service.client("viewer") as viewer, service.client("admin") as admin:
        statuses = [(await viewer.get(ME)).status_code for _ in range(6)]
        answer = await viewer.get(ME)
        assert (await admin.get(ME)).status_code == 200
    assert statuses == [200] * 5 + [429]
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 120


async def test_passwords_cannot_be_tried_out(service: Service) -> None:
    async with service.client() as client:
        guesses = [{"name": "admin", "password": f"guess {n}"} for n in range(3)]
        assert [(await client.post(LOGIN, json=guess)).status_code for guess in guesses] == [401] * 3
        right = {"name": "admin", "password": PASSWORD}
        assert (await client.post(LOGIN, json=right)).status_code == 429


async def test_a_stolen_token_does_not_let_its_users_password_be_tried_out(service: Service) -> None:
    asked = {"current_password": "a guess", "password": "another long password"}
    async with service.client("viewer") as client:
        statuses = [(await client.put("/api/v1/auth/password", json=asked)).status_code for _ in range(4)]
    assert statuses == [403] * 3 + [429]


async def test_bad_tokens_cannot_be_tried_out_and_good_ones_still_pass(service: Service) -> None:
    async with service.client() as client, service.client("viewer") as viewer:
        bad = {"Authorization": "Bearer bad"}
        assert [(await client.get(ME, headers=bad)).status_code for _ in range(5)] == [401] * 4 + [429]
        assert (await viewer.get(ME)).status_code == 200


async def test_with_redis_all_processes_count_together_and_without_it_each_for_itself(
    settings: ServiceSettings,
) -> None:
    server = RedisServer()
    try:
        shared = settings.model_copy(update={"redis_url": ServiceSettings(redis_url=server.url).redis_url})
        here, there = Limits(shared), Limits(shared)
        for limits in (here, there, here, there, here):
            await limits.request("key:1")
        for limits in (here, there):
            with pytest.raises(ProblemError) as caught:
                await limits.request("key:1")
            assert caught.value.status == 429
        await here.request("key:2")
    finally:
        server.stop()
    for _ in range(5):
        await there.request("key:1")
    with pytest.raises(ProblemError):
        await there.request("key:1")
    await here.close()
    await there.close()


def client_at(service: Service, address: str) -> httpx.AsyncClient:
    """Somebody unknown at an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app, client=(address, 1)), base_url=URL)


async def asked(service: Service, address: str, method: str, path: str, times: int, **options: Any) -> list[int]:
    async with client_at(service, address) as client:
        return [(await client.request(method, path, **options)).status_code for _ in range(times)]


async def test_every_public_door_is_limited_by_address(service: Service) -> None:
    """Those of the description that need no proof; a body that is wrong counts as well."""
    doors = [(m, p) for m, p, told in operations(service.app.openapi()) if told["operationId"] in PUBLIC_OPERATIONS]
    assert len(doors) >= 5
    for number, (method, path) in enumerate(doors):
        statuses = await asked(service, f"192.0.2.{number}", method.upper(), path, 7, json={})
        assert statuses[-1] == 429, path
        assert 429 not in statuses[:6], path
    assert await asked(service, "198.51.100.1", "GET", "/api/health", 1) == [200]


async def test_what_needs_a_proof_is_limited_without_one(service: Service) -> None:
    for number, (method, path) in enumerate((("POST", "/api/predict/"), ("PUT", "/api/v1/auth/password"))):
        assert await asked(service, f"192.0.2.{number}", method, path, 5) == [401] * 4 + [429]


async def test_guesses_at_one_address_shut_out_nobody_elsewhere_and_from_many_are_limited_too(
    service: Service,
) -> None:
    async def tried(address: str, password: str, times: int = 1) -> list[int]:
        body = {"name": "admin", "password": password}
        return await asked(service, address, "POST", LOGIN, times, json=body)

    assert await tried("192.0.2.1", "a guess", 5) == [401] * 3 + [429] * 2
    assert await tried("192.0.2.2", PASSWORD) == [200]
    # What was refused does not count for the name: four tries of eight are left.
    assert await tried("192.0.2.3", "a guess", 2) + await tried("192.0.2.4", "a guess", 2) == [401] * 4
    assert await tried("192.0.2.5", "a guess") == [429]


async def test_of_ipv6_a_whole_household_counts_as_one(service: Service) -> None:
    path = "/api/health"
    first = [(await asked(service, f"2001:db8:0:7::{n:x}", "GET", path, 1))[0] for n in range(1, 8)]
    assert first == [200] * 6 + [429]
    assert await asked(service, "2001:db8:0:8::1", "GET", path, 1) == [200]
    assert await asked(service, "::ffff:192.0.2.7", "GET", path, 6) == [200] * 6
    assert await asked(service, "192.0.2.7", "GET", path, 1) == [429], "the same, written in both ways"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:7:1:2:3:4", "2001:db8:0:7::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_whose_an_address_is(address: str, counted: str) -> None:
    assert bucket(address) == counted


async def test_a_forwarded_address_counts_from_a_proxy_that_is_trusted_and_from_nobody_else(service: Service) -> None:
    settings = service.parts.settings.model_copy(update={"trusted_proxies": ("10.0.0.7", "10.1.0.0/16")})
    config = serving.config(ServiceParts(settings, service.parts.store, service.parts.bus, service.clock))
    config.load()

    async def from_there(peer: str, forwarded: str) -> int:
        transport = httpx.ASGITransport(app=config.loaded_app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            return (await client.get("/api/health", headers={"X-Forwarded-For": forwarded})).status_code

    # Behind the proxies each client counts by itself, whatever it wrote into the header before they did.
    for n in range(20):
        assert await from_there("10.0.0.7", f"203.0.113.9, 192.0.2.{n}, 10.1.2.3") == 200
    assert [await from_there("10.1.2.3", f"203.0.113.{n}, 198.51.100.1") for n in range(7)] == [200] * 6 + [429]
    # Somebody who is no proxy cannot say where they are from.
    assert [await from_there("10.0.0.8", f"203.0.113.{n}") for n in range(7)] == [200] * 6 + [429]


async def test_sockets_are_no_way_to_try_out_keys(service: Service) -> None:
    async with listening(service.app) as address:
        url = f"{address.replace('http', 'ws')}/api/ws"
        for _ in range(5):
            async with websockets.connect(url, additional_headers={"X-API-Key": "mien_guess"}) as socket:
                await socket.wait_closed()
                assert socket.close_code == 4001
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.get(ME, headers={"X-API-Key": "mien_guess"})).status_code == 429

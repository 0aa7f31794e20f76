"""What holds on SQLite holds on PostgreSQL, with several processes' worth of requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.settings import ServiceSettings
from mien.store.database import Store
from mien.streams.opening import open_bus
from tests.postgres import Server
from tests.service.support import PASSWORD, Service, populated
from tests.store.support import VirtualClock

KEYS = "/api/v1/api_keys"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
async def service(settings: ServiceSettings, postgres: Server, clock: VirtualClock) -> AsyncIterator[Service]:
    store = await Store.open(postgres.url("postgres"), clock=clock)
    bus = await open_bus(None)
    parts = ServiceParts(settings, store, bus, clock)
    app = create_app(parts)
    async with app.router.lifespan_context(app):
        yield await populated(app, parts)
    await bus.close()
    await store.close()


async def test_signing_in_sending_again_and_renewing_hold_under_many_at_once(service: Service) -> None:
    async with service.client("admin") as admin, service.client() as browser:
        asked = {"name": "box", "role": "viewer"}
        again = {"Idempotency-Key": "once"}
        answers = await asyncio.gather(*(admin.post(KEYS, json=asked, headers=again) for _ in range(8)))
        statuses = sorted(answer.status_code for answer in answers)
        assert 201 in statuses
        assert set(statuses) <= {201, 409}
        assert (await admin.post(KEYS, json=asked, headers=again)).headers["idempotency-replayed"] == "true"
        assert len((await admin.get(KEYS)).json()["items"]) == 1

        login = {"name": "viewer", "password": PASSWORD}
        told = (await browser.post("/api/v1/auth/login", json=login)).json()["refresh_token"]
        browser.cookies.clear()
        renew = [browser.post("/api/v1/auth/refresh", json={"refresh_token": told}) for _ in range(6)]
        assert sorted(answer.status_code for answer in await asyncio.gather(*renew)) == [200, *[409] * 5]
        assert (await browser.get("/api/health")).json()["status"] == "ready"

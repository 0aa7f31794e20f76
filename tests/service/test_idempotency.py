from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from mien.service.app import create_app
from mien.service.dependencies import Caller, Writing
from mien.service.idempotency import STALE_SECONDS
from mien.service.parts import ServiceParts
from mien.store import tables
from tests.service.support import PASSWORD, Service, populated

KEYS = "/api/v1/api_keys"
NEW = {"name": "box", "role": "viewer"}
Clients = Callable[[str | None], httpx.AsyncClient]


def key(value: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": value}


async def test_a_request_sent_again_is_answered_alike_and_carried_out_once(
    service: Service, client_of: Clients
) -> None:
    admin = client_of("admin")
    first = await admin.post(KEYS, json=NEW, headers=key())
    again = await admin.post(KEYS, json=NEW, headers=key())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await admin.get(KEYS)).json()["items"]) == 1
    other = await admin.post(KEYS, json=NEW, headers=key("k-2"))
    assert other.json() != first.json()


async def test_the_key_belongs_to_one_caller_and_one_request(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    await admin.post(KEYS, json=NEW, headers=key())
    changed = await admin.post(KEYS, json={**NEW, "name": "other"}, headers=key())
    assert (changed.status_code, changed.json()["type"]) == (422, "urn:mien:problem:idempotency-key")
    stranger = await client_of("other_admin").post(KEYS, json=NEW, headers=key())
    assert stranger.status_code == 201
    assert "idempotency-replayed" not in stranger.headers


async def test_what_came_to_nothing_may_be_tried_again(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    assert (await admin.post(KEYS, json={"name": ""}, headers=key())).status_code == 422
    assert (await admin.post(KEYS, json=NEW, headers=key())).status_code == 201


async def test_a_user_is_added_once(service: Service, client_of: Clients) -> None:
    asked = {"name": "dora", "password": PASSWORD, "role": "viewer"}
    admin = client_of("admin")
    answers = [await admin.post("/api/v1/users", json=asked, headers=key()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("value", ["", " ", "x" * 201, "é", "a\tb"])
async def test_a_key_is_some_printable_characters(client_of: Clients, value: str) -> None:
    answer = await client_of("admin").post(KEYS, json=NEW, headers={b"Idempotency-Key": value.encode()})
    assert answer.status_code == 422


async def test_no_secret_lies_in_the_database(service: Service, client_of: Clients) -> None:
    secret = (await client_of("admin").post(KEYS, json=NEW, headers=key())).json()["secret"]
    async with service.parts.store._engine.connect() as connection:
        [row] = (await connection.execute(sa.select(tables.answers))).mappings()
    assert row["carried_out"]
    assert secret.encode() not in row["sealed"]


async def test_of_two_at_once_one_is_carried_out_and_what_died_is_not_done_twice(parts: ServiceParts) -> None:
    app = create_app(parts)
    enter, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/api/v1/slow")
    async def slow(_caller: Caller, work: Writing) -> dict[str, Any]:
        enter.set()
        await go_on.wait()
        title = await work.titles.add("The Cellar")
        return {"id": str(title.id)}

    service = await populated(app, parts)
    async with service.client("admin") as client:
        first = asyncio.create_task(client.post("/api/v1/slow", headers=key()))
        await enter.wait()
        go_on_soon = asyncio.get_running_loop().call_later(0.2, go_on.set)
        second = await client.post("/api/v1/slow", headers=key())
        go_on_soon.cancel()
        go_on.set()
        done = await first
    assert done.status_code == 200
    # SQLite has one writer: the second may have had to wait until the first was done.
    assert second.status_code == 409 or second.json() == done.json()


async def test_a_process_that_died_after_it_changed_something_leaves_a_request_that_is_not_repeated(
    service: Service, client_of: Clients
) -> None:
    admin = client_of("admin")
    await admin.post(KEYS, json=NEW, headers=key())
    async with service.parts.store._engine.begin() as connection:
        await connection.execute(sa.update(tables.answers).values(sealed=None))
    service.clock.advance(seconds=STALE_SECONDS + 1)
    again = await admin.post(KEYS, json=NEW, headers=key())
    assert (again.status_code, again.json()["type"]) == (409, "urn:mien:problem:answer-lost")
    assert len((await admin.get(KEYS)).json()["items"]) == 1


async def test_a_process_that_died_before_leaves_one_that_is_carried_out_later(
    service: Service, client_of: Clients
) -> None:
    admin = client_of("admin")
    await admin.post(KEYS, json=NEW, headers=key())
    async with service.parts.store._engine.begin() as connection:
        await connection.execute(sa.update(tables.answers).values(sealed=None, carried_out=False))
    waiting = await admin.post(KEYS, json=NEW, headers=key())
    assert (waiting.status_code, waiting.headers["retry-after"]) == (409, "1")
    service.clock.advance(seconds=STALE_SECONDS + 1)
    assert (await admin.post(KEYS, json=NEW, headers=key())).status_code == 201


async def test_a_body_that_is_too_large_is_refused(service: Service, client_of: Clients) -> None:
    answer = await client_of("admin").post(
        KEYS, content=b"x" * 1_000_001, headers={**key(), "Content-Type": "application/json"}
    )
    assert answer.status_code == 413

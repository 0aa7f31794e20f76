from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request

from mien.service import principal
from mien.service.app import create_app
from mien.service.dependencies import Caller, Writing, writing
from mien.service.idempotency import STALE_SECONDS, Idempotency
from mien.service.parts import ServiceParts
from mien.service.security.authentication import Means, Proof
from mien.store import tables
from mien.store.records import Role
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


async def test_what_takes_longer_than_anybody_waits_is_carried_out_once(parts: ServiceParts) -> None:
    app = create_app(parts)
    calls = 0
    entered, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/api/v1/slow")
    async def slow(request: Request, _caller: Caller) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        name = f"The Cellar {calls}"
        if calls == 1:
            entered.set()
            await go_on.wait()
        async with writing(request) as work:
            return {"id": str((await work.titles.add(name)).id)}

    service = await populated(app, parts)
    async with service.client("admin") as client:
        first = asyncio.create_task(client.post("/api/v1/slow", headers=key()))
        await entered.wait()
        service.clock.advance(seconds=STALE_SECONDS + 1)
        second = await client.post("/api/v1/slow", headers=key())
        go_on.set()
        late = await first
        third = await client.post("/api/v1/slow", headers=key())
    assert (second.status_code, calls) == (200, 2), "nobody held the first, so it was taken over"
    assert (late.status_code, late.json()["type"]) == (409, "urn:mien:problem:in-progress")
    assert (third.json(), third.headers["idempotency-replayed"]) == (second.json(), "true")
    async with parts.store.begin(service.organisation, read_only=True) as work:
        assert [str(title.id) for title in (await work.titles.list()).items] == [second.json()["id"]]


async def test_what_is_still_being_carried_out_is_not_taken_over(parts: ServiceParts) -> None:
    app = FastAPI()
    app.state.parts = parts
    calls = 0
    entered, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/slow")
    async def slow() -> dict[str, int]:
        nonlocal calls
        calls += 1
        entered.set()
        await go_on.wait()
        return {"call": calls}

    service = await populated(app, parts)
    guarded = Idempotency(app, parts, hold_seconds=0.01)

    async def behind_the_gate(scope: Any, receive: Any, send: Any) -> None:
        caller = principal.Caller(service.organisation, "user:1", "ada", Role.ADMIN, 1)
        await guarded({**scope, "state": {"proof": Proof(caller, Means.TOKEN)}}, receive, send)

    transport = httpx.ASGITransport(app=behind_the_gate)
    async with httpx.AsyncClient(transport=transport, base_url="https://mien.test", headers=key()) as client:
        first = asyncio.create_task(client.post("/slow"))
        await entered.wait()
        service.clock.advance(seconds=STALE_SECONDS + 1)
        await held_since(parts, service)
        assert (await client.post("/slow")).status_code == 409
        go_on.set()
        assert (await first).json() == {"call": 1}
        assert (await client.post("/slow")).json() == {"call": 1}
    assert calls == 1


async def held_since(parts: ServiceParts, service: Service) -> None:
    """Until whoever carries the request out has said that they still do."""
    while True:
        async with parts.store.begin(service.organisation, read_only=True) as work:
            [answer] = (await work.answers.list()).items
        if answer.created_at == service.clock.now():
            return
        await asyncio.sleep(0.01)


async def test_an_answer_is_not_told_to_a_lesser_caller(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    secret = (await admin.post(KEYS, json=NEW, headers=key())).json()["secret"]
    for who in ("analyst", "viewer"):
        answer = await client_of(who).post(KEYS, json=NEW, headers=key())
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:role")
    # The same person, whose role was taken away in between.
    async with service.parts.store.begin(service.organisation) as work:
        await work.users.add("eve", "hash", Role.ADMIN)
        await work.users.change_role(service.people["admin"].id, Role.VIEWER)
    service.parts.known.forget()
    asked = {"name": "admin", "password": PASSWORD}
    token = (await client_of(None).post("/api/v1/auth/login", json=asked)).json()["access_token"]
    told = {**key(), "Authorization": f"Bearer {token}"}
    again = await client_of(None).post(KEYS, json=NEW, headers=told)
    assert (again.status_code, again.json()["type"]) == (422, "urn:mien:problem:idempotency-key")
    assert secret not in again.text


async def test_a_body_that_is_too_large_is_refused(service: Service, client_of: Clients) -> None:
    answer = await client_of("admin").post(
        KEYS, content=b"x" * 1_000_001, headers={**key(), "Content-Type": "application/json"}
    )
    assert answer.status_code == 413


async def test_an_answer_that_is_told_again_is_audited_and_is_not_told_to_another_role(
    service: Service, client_of: Clients
) -> None:
    title = (await client_of("analyst").post("/api/v1/titles", json={"name": "Night Train"}, headers=key())).json()
    again = await client_of("analyst").post("/api/v1/titles", json={"name": "Night Train"}, headers=key())
    assert (again.json(), again.headers["idempotency-replayed"]) == (title, "true")
    async with service.parts.store.begin(service.organisation) as work:
        [entry] = (await work.audit.list(action="answer.told_again")).items
    assert entry.actor == f"user:{service.people['analyst'].number}"
    path = f"/api/v1/users/{service.people['analyst'].id}"
    assert (await client_of("admin").patch(path, json={"role": "viewer"})).is_success
    headers = {"Authorization": f"Bearer {await service.renew('analyst')}", **key()}
    refused = await client_of(None).post("/api/v1/titles", json={"name": "Night Train"}, headers=headers)
    assert (refused.status_code, "idempotency-replayed" in refused.headers) == (422, False)


CONSENT = {"consent": {"wording_sha256": "ab" * 32, "scopes": ["measure"]}}


async def test_a_respondent_is_erased_with_a_key_and_nothing_is_carried_out_again_for_it(parts: ServiceParts) -> None:
    app = create_app(parts)
    entered, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/api/v1/slow")
    async def slow(request: Request, _caller: Caller) -> dict[str, Any]:
        entered.set()
        await go_on.wait()
        async with writing(request) as work:
            return {"id": str((await work.titles.add("The Cellar")).id)}

    service = await populated(app, parts)
    async with service.client("admin") as client:
        enrolled = await client.post("/api/v1/respondents", json=CONSENT, headers=key("before"))
        at = f"/api/v1/respondents/{enrolled.json()['respondent']['id']}"
        in_flight = asyncio.create_task(client.post("/api/v1/slow", headers=key("in flight")))
        await entered.wait()
        erased = [await client.delete(at, headers=key("erasure")) for _ in range(2)]
        assert (await client.get(at)).status_code == 404
        go_on.set()
        assert (await in_flight).status_code == 200
        again = await client.post("/api/v1/respondents", json=CONSENT, headers=key("before"))
        assert (await client.post("/api/v1/slow", headers=key("in flight"))).json() == (await in_flight).json()
    assert [answer.status_code for answer in erased] == [200, 200], erased[0].text
    assert (erased[1].json(), erased[1].headers["idempotency-replayed"]) == (erased[0].json(), "true")
    # What was answered before told of somebody, and is gone; that it was carried out is not.
    assert (again.status_code, again.json()["type"]) == (409, "urn:mien:problem:answer-lost")
    async with parts.store.begin(service.organisation, read_only=True) as work:
        assert (await work.respondents.list()).items == ()
        assert len((await work.titles.list()).items) == 1

"""What is open is taken from those who may not have it any more: within seconds, in every process, and cheaply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
import websockets

from mien.core.policy import Basis
from mien.service.app import create_app
from mien.service.duties import sweep
from mien.service.live.following import Refused, followed
from mien.service.live.timelines import TimelineAsked, TimelineForm
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.security.standing import LOOK_SECONDS, held_by
from mien.store.records import Role
from tests.service.support import PASSWORD, Service, listening
from tests.store.support import add_respondent, draft, grant, step

CONSENTED = grant(profile="interview", basis=Basis.CONSENT)
SOON = 2.0
"""Seconds: well before anybody looks by themselves."""


@pytest.fixture
async def elsewhere(service: Service) -> AsyncIterator[ServiceParts]:
    """Another process of the service, which shares database and bus and nothing else."""
    parts = ServiceParts(service.parts.settings, service.parts.store, service.parts.bus, service.clock)
    app = create_app(parts)
    async with app.router.lifespan_context(app):
        yield parts


@pytest.fixture
async def address(elsewhere: ServiceParts) -> AsyncIterator[str]:
    """What is opened is open there; what changes is changed here."""
    app = create_app(elsewhere)
    async with listening(app) as url:
        yield url


async def begun(service: Service) -> str:
    async with service.parts.store.begin(service.organisation) as work:
        return str((await work.sessions.begin(draft())).id)


async def key_of(service: Service) -> tuple[str, str]:
    async with service.client("admin") as admin:
        minted = (await admin.post("/api/v1/api_keys", json={"name": "wall", "role": "analyst"})).json()
    return minted["key"]["id"], minted["secret"]


async def revoke(service: Service, key: str) -> httpx.Response:
    async with service.client("admin") as admin:
        return await admin.delete(f"/api/v1/api_keys/{key}")


async def change(service: Service, **asked: Any) -> httpx.Response:
    async with service.client("admin") as admin:
        return await admin.patch(f"/api/v1/users/{service.people['analyst'].id}", json=asked)


async def set_password(service: Service) -> httpx.Response:
    async with service.client("admin") as admin:
        path = f"/api/v1/users/{service.people['analyst'].id}/password"
        return await admin.put(path, json={"password": "another long password"})


async def sign_out_everywhere(service: Service) -> httpx.Response:
    async with service.client("analyst") as client:
        return await client.post("/api/v1/auth/logout_everywhere")


CHANGES: dict[str, Callable[[Service], Awaitable[httpx.Response]]] = {
    "shut out": lambda service: change(service, active=False),
    "another role": lambda service: change(service, role="viewer"),
    "another password": set_password,
    "signed out everywhere": sign_out_everywhere,
}


async def closed(socket: Any) -> int:
    """The code that a socket is closed with."""
    async with asyncio.timeout(SOON + LOOK_SECONDS):
        await socket.wait_closed()
    return int(socket.close_code)


@pytest.mark.parametrize("name", CHANGES)
async def test_a_user_who_may_not_come_in_any_more_follows_nothing(service: Service, address: str, name: str) -> None:
    session = await begun(service)
    headers = {"Authorization": f"Bearer {service.token('analyst')}"}
    follow = f"/api/v1/sessions/{session}/follow"
    async with (
        websockets.connect(address.replace("http", "ws") + follow, additional_headers=headers) as socket,
        websockets.connect(f"{address.replace('http', 'ws')}/api/ws", additional_headers=headers) as texts,
        httpx.AsyncClient(base_url=address, headers=headers, timeout=10) as client,
        client.stream("GET", f"/api/v1/sessions/{session}/events") as events,
    ):
        lines = events.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        await present(service, session, 2)
        assert (await CHANGES[name](service)).is_success
        at = time.monotonic()
        assert await closed(socket) == 4001
        assert await closed(texts) == 4001
        assert [line async for line in lines if line] == []
        assert time.monotonic() - at < SOON
        assert (await client.get("/api/v1/auth/me")).status_code == 401
    await present(service, session, 0)


async def test_a_key_that_is_revoked_follows_and_sends_nothing(service: Service, address: str) -> None:
    session = await begun(service)
    key, secret = await key_of(service)
    path, headers = f"{address.replace('http', 'ws')}/api/v1/sessions/{session}", {"X-API-Key": secret}
    async with (
        websockets.connect(f"{path}/follow", additional_headers=headers) as follower,
        websockets.connect(f"{path}/frames", additional_headers=headers) as sender,
    ):
        await present(service, session, 1)
        at = time.monotonic()
        assert (await revoke(service, key)).is_success
        assert await closed(follower) == 4001
        assert time.monotonic() - at < SOON
        assert await closed(sender) == 4001


async def test_others_go_on(service: Service, address: str) -> None:
    session = await begun(service)
    headers = {"Authorization": f"Bearer {service.token('viewer')}"}
    path = f"{address.replace('http', 'ws')}/api/v1/sessions/{session}/follow"
    async with websockets.connect(path, additional_headers=headers) as socket:
        await present(service, session, 1)
        assert (await change(service, active=False)).is_success
        await asyncio.sleep(0.5)
        async with service.client("admin") as client:
            told = step(UUID(session), 0.0).model_dump(mode="json", exclude_none=True)
            await client.post("/api/v1/snapshots", json=told)
        assert '"snapshot"' in await asyncio.wait_for(socket.recv(), 5)


async def test_who_has_backlog_waiting_is_not_told_the_rest(service: Service, elsewhere: ServiceParts) -> None:
    session = UUID(await begun(service))
    viewer = service.people["viewer"]
    caller = Caller(service.organisation, f"user:{viewer.number}", viewer.name, viewer.role, viewer.number, 0)
    async with followed(elsewhere, caller, session, after=None) as told:
        await elsewhere.intake.take(service.organisation, [])
        async with service.client("analyst") as client:
            sent = [step(session, n * 0.5).model_dump(mode="json", exclude_none=True) for n in range(50)]
            await client.post("/api/v1/snapshots", json=sent)
        async with service.parts.store.begin(service.organisation) as work:
            await work.users.set_active(viewer.id, False)
        assert await elsewhere.standing.look() == 1
        assert [one async for one in told] == [Refused()]


async def present(service: Service, session: str, count: int) -> None:
    async with asyncio.timeout(10), service.client("admin") as client:
        while (await client.get(f"/api/v1/sessions/{session}/presence")).json()["followers"] != count:
            await asyncio.sleep(0.02)


async def test_five_hundred_followers_are_asked_about_at_once(service: Service) -> None:
    standing, session = service.parts.standing, UUID(await begun(service))
    told: list[int] = []
    async with service.parts.store.begin(service.organisation) as work:
        people = [await work.users.add(f"person {number}", "hash", Role.VIEWER) for number in range(20)]
    async with AsyncExitStack() as open_things:

        def told_of(number: int) -> Callable[[], None]:
            return lambda: told.append(number)

        for number in range(500):
            user = people[number % 20]
            caller = Caller(service.organisation, f"user:{user.number}", user.name, user.role, user.number, 0)
            open_things.enter_context(standing.hold(held_by(caller), told_of(number)))
            open_things.enter_context(standing.hold(("session", service.organisation, session), told_of(-1)))
        async with service.parts.store.begin(service.organisation) as work:
            await work.users.end_tokens(people[3].id)
        asked: list[str] = []
        engine = service.parts.store._engine.sync_engine
        listen = lambda *event: asked.append(event[2])  # noqa: E731
        sa.event.listen(engine, "before_cursor_execute", listen)
        try:
            assert await standing.look() == 1
        finally:
            sa.event.remove(engine, "before_cursor_execute", listen)
        assert sorted(told) == [number for number in range(500) if number % 20 == 3]
        assert len([statement for statement in asked if "SELECT" in statement]) == 2
    assert await standing.look() == 0


async def cached(service: Service, elsewhere: ServiceParts, session: UUID) -> None:
    """Have both processes keep a session's timeline."""
    for app in (service.app, create_app(elsewhere)):
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {service.token('analyst')}"}
        async with httpx.AsyncClient(transport=transport, base_url="https://mien.test", headers=headers) as client:
            assert (await client.get(f"/api/v1/sessions/{session}/timeline")).status_code == 200
    for parts in (service.parts, elsewhere):
        assert parts.timelines.sessions() == {(service.organisation, session)}


async def forgotten(*processes: ServiceParts) -> None:
    async with asyncio.timeout(SOON):
        while any(parts.timelines.sessions() for parts in processes):
            await asyncio.sleep(0.02)


async def test_an_erased_respondents_timelines_are_forgotten_everywhere(
    service: Service, elsewhere: ServiceParts, address: str
) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        respondent, ended = await add_respondent(work)
        assert ended.consent_id is not None
        await work.snapshots.ingest([step(ended, n * 0.5, present=1, readable=1, tracks=1) for n in range(4)])
        open_one = await work.sessions.begin(
            draft(grant=CONSENTED, respondent_id=respondent.id, consent_id=ended.consent_id)
        )
    async with service.parts.store.begin(service.organisation) as work:
        await work.sessions.end(ended.id)
    await cached(service, elsewhere, ended.id)
    headers = {"Authorization": f"Bearer {service.token('analyst')}"}
    path = f"{address.replace('http', 'ws')}/api/v1/sessions/{open_one.id}/follow"
    async with websockets.connect(path, additional_headers=headers) as socket, service.client("admin") as admin:
        await present(service, str(open_one.id), 1)
        assert (await admin.delete(f"/api/v1/respondents/{respondent.id}")).is_success
        assert '"ended"' in await asyncio.wait_for(socket.recv(), SOON)
        assert await closed(socket) == 1000
    await forgotten(service.parts, elsewhere)


async def test_what_the_sweep_of_another_process_deleted_is_forgotten(
    service: Service, elsewhere: ServiceParts
) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(draft(retention_days=1))
        await work.snapshots.ingest([step(session, 0.0)])
    async with service.parts.store.begin(service.organisation) as work:
        await work.sessions.end(session.id)
    await cached(service, elsewhere, session.id)
    service.clock.advance(days=2)
    [proof] = await sweep(service.parts.store, service.parts.bus.live)
    assert proof.subjects == (session.id,)
    await forgotten(service.parts, elsewhere)


async def test_a_process_that_nothing_was_said_to_looks_by_itself(service: Service) -> None:
    """A worker on another machine deletes, and there is no bus between them."""
    asked = TimelineAsked(service.organisation, UUID(int=7), "main", "whole", TimelineForm.JSON, False)
    async with service.parts.store.begin(service.organisation) as work:
        columns = await work.snapshots.timeline((await work.sessions.begin(draft())).id)

    async def read() -> Any:
        return columns

    await service.parts.timelines.whole(asked, None, read)
    assert await service.parts.standing.look() == 1
    assert service.parts.timelines.sessions() == frozenset()


@pytest.mark.parametrize("name", CHANGES)
async def test_tokens_end_with_what_they_were_got_with(service: Service, name: str) -> None:
    async with service.client("analyst") as client, service.client() as again:
        assert (await client.get("/api/v1/auth/me")).status_code == 200
        assert (await CHANGES[name](service)).is_success
        assert (await client.get("/api/v1/auth/me")).status_code == 401
        login = {"name": "analyst", "password": "another long password" if "password" in name else PASSWORD}
        answer = await again.post("/api/v1/auth/login", json=login)
        if name == "shut out":
            assert answer.status_code == 401
            return
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await again.get("/api/v1/auth/me", headers=bearer)).status_code == 200


async def test_signing_out_everywhere_ends_sign_ins_too_and_is_not_for_keys(service: Service) -> None:
    async with service.client() as client:
        login = (await client.post("/api/v1/auth/login", json={"name": "analyst", "password": PASSWORD})).json()
        bearer = {"Authorization": f"Bearer {login['access_token']}"}
        client.cookies.clear()
        assert (await client.post("/api/v1/auth/logout_everywhere", headers=bearer)).status_code == 204
        renewed = await client.post("/api/v1/auth/refresh", json={"refresh_token": login["refresh_token"]})
        assert renewed.status_code == 401
        _, secret = await key_of(service)
        refused = await client.post("/api/v1/auth/logout_everywhere", headers={"X-API-Key": secret})
        assert refused.status_code == 403
    async with service.parts.store.begin(service.organisation) as work:
        assert len((await work.audit.list(action="user.signed_out_everywhere")).items) == 1

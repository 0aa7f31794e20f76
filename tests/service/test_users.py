from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from tests.service.support import PASSWORD, Service

USERS = "/api/v1/users"
KEYS = "/api/v1/api_keys"
Clients = Callable[[str | None], httpx.AsyncClient]


async def test_an_admin_adds_somebody_who_then_signs_in(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    asked = {"name": " dora ", "password": PASSWORD, "role": "analyst"}
    added = await admin.post(USERS, json=asked)
    assert added.status_code == 201
    told = added.json()
    assert (told["name"], told["role"], told["active"]) == ("dora", "analyst", True)
    assert told["created_at"] == "2026-11-21T20:15:00.000Z"
    assert "password" not in added.text
    assert (await admin.get(f"{USERS}/{told['id']}")).json() == told
    login = {"name": "dora", "password": PASSWORD}
    assert (await client_of(None).post("/api/v1/auth/login", json=login)).status_code == 200
    again = await admin.post(USERS, json=asked)
    assert (again.status_code, again.json()["type"]) == (409, "urn:mien:problem:conflict")


async def test_users_come_in_pages_of_their_own_organisation(service: Service, client_of: Clients) -> None:
    admin, names, after = client_of("admin"), [], None
    for _ in range(3):
        page = (await admin.get(USERS, params={"limit": 1, **({"after": after} if after else {})})).json()
        names += [user["name"] for user in page["items"]]
        after = page["after"]
    assert names == ["admin", "analyst", "viewer"]
    assert after is None
    others = (await client_of("other_admin").get(USERS)).json()
    assert [user["name"] for user in others["items"]] == ["other_admin"]


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
async def test_a_page_has_a_sensible_size(client_of: Clients, limit: str) -> None:
    answer = await client_of("admin").get(USERS, params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == ["query", "limit"]


async def test_the_last_admin_stays_one(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    own = f"{USERS}/{service.people['admin'].id}"
    for change in ({"role": "viewer"}, {"active": False}):
        assert (await admin.patch(own, json=change)).status_code == 409
    analyst = f"{USERS}/{service.people['analyst'].id}"
    assert (await admin.patch(analyst, json={"role": "admin"})).json()["role"] == "admin"
    assert (await admin.patch(own, json={"role": "viewer"})).status_code == 200
    assert (await admin.get(USERS)).status_code == 401, "a token that says another role is over"


async def test_an_admin_gives_a_new_password(service: Service, client_of: Clients) -> None:
    path = f"{USERS}/{service.people['viewer'].id}/password"
    assert (await client_of("admin").put(path, json={"password": "a new long password"})).status_code == 204
    login = {"name": "viewer", "password": "a new long password"}
    assert (await client_of(None).post("/api/v1/auth/login", json=login)).status_code == 200


async def test_what_another_organisation_has_is_not_there(service: Service, client_of: Clients) -> None:
    stranger = client_of("other_admin")
    viewer = f"{USERS}/{service.people['viewer'].id}"
    missing = f"{USERS}/{UUID(int=7)}"
    key = (await client_of("admin").post(KEYS, json={"name": "box", "role": "viewer"})).json()["key"]["id"]
    for path in (viewer, missing):
        assert (await stranger.get(path)).status_code == 404
        assert (await stranger.patch(path, json={"role": "viewer"})).status_code == 404
        assert (await stranger.put(f"{path}/password", json={"password": PASSWORD})).status_code == 404
    assert (await stranger.get(f"{KEYS}/{key}")).status_code == 404
    assert (await stranger.delete(f"{KEYS}/{key}")).status_code == 404


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_a_key_opens_the_door_in_its_role_until_it_is_revoked(
    service: Service, client_of: Clients, header: str
) -> None:
    admin = client_of("admin")
    minted = (await admin.post(KEYS, json={"name": "hall 3", "role": "viewer"})).json()
    secret, key = minted["secret"], minted["key"]
    assert secret.startswith(key["hint"])
    headers = {header: f"Bearer {secret}" if header == "Authorization" else secret}
    box = client_of(None)
    me = await box.get("/api/v1/auth/me", headers=headers)
    assert me.json() == {"name": "hall 3", "role": "viewer", "kind": "key"}
    assert (await box.get(USERS, headers=headers)).status_code == 403
    listed = await admin.get(KEYS)
    assert secret not in listed.text
    revoked = await admin.delete(f"{KEYS}/{key['id']}")
    assert revoked.json()["revoked_at"] == "2026-11-21T20:15:00.000Z"
    assert (await admin.delete(f"{KEYS}/{key['id']}")).json() == revoked.json()
    assert (await box.get("/api/v1/auth/me", headers=headers)).status_code == 401


async def test_a_key_ends_when_it_was_to_end(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    past = {"name": "late", "role": "viewer", "expires_at": "2026-11-21T20:14:59Z"}
    assert (await admin.post(KEYS, json=past)).status_code == 422
    soon = {**past, "expires_at": "2026-11-21T21:20:00+01:00"}
    minted = (await admin.post(KEYS, json=soon)).json()
    assert minted["key"]["expires_at"] == "2026-11-21T20:20:00.000Z"
    headers = {"X-API-Key": minted["secret"]}
    assert (await client_of(None).get("/api/v1/auth/me", headers=headers)).status_code == 200
    service.clock.advance(minutes=5)
    assert (await client_of(None).get("/api/v1/auth/me", headers=headers)).status_code == 401


async def test_what_admins_do_is_audited(service: Service, client_of: Clients) -> None:
    admin = client_of("admin")
    await admin.patch(f"{USERS}/{service.people['viewer'].id}", json={"role": "analyst", "active": False})
    minted = (await admin.post(KEYS, json={"name": "box", "role": "viewer"})).json()
    await admin.delete(f"{KEYS}/{minted['key']['id']}")
    async with service.parts.store.begin(service.organisation) as work:
        entries = (await work.audit.list()).items
    assert [entry.action for entry in entries] == [
        "user.role_changed",
        "user.shut_out",
        "api_key.minted",
        "api_key.revoked",
    ]
    assert {entry.actor for entry in entries} == {f"user:{service.people['admin'].number}"}

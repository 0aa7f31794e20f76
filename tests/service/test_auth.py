from __future__ import annotations

import httpx
import pytest

from mien.service.security import cookies
from tests.service.support import PASSWORD, URL, Service

LOGOUT = "/api/v1/auth/logout"
LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"
KEYS = "/api/v1/api_keys"
NEW_KEY = {"name": "box", "role": "viewer"}


@pytest.fixture
async def browser(service: Service) -> httpx.AsyncClient:
    """A signed-in admin's: cookies, and no header of its own."""
    client = service.client()
    answer = await client.post(LOGIN, json={"name": "admin", "password": PASSWORD}, headers={"Origin": URL})
    assert answer.status_code == 200
    return client


def page(browser: httpx.AsyncClient, **headers: str) -> dict[str, str]:
    """What a page of the service's own sends."""
    return {"Origin": URL, "X-CSRF-Token": browser.cookies[cookies.CSRF], **headers}


async def test_signing_in_answers_with_a_token_and_sets_cookies_that_scripts_cannot_read(service: Service) -> None:
    async with service.client() as client:
        answer = await client.post(LOGIN, json={"name": "analyst", "password": PASSWORD})
        told = answer.json()
        token = {"Authorization": f"Bearer {told['access_token']}"}
        me = (await client.get(ME, headers=token)).json()
    assert me == {"name": "analyst", "role": "analyst", "kind": "user"}
    assert (told["token_type"], told["expires_in_seconds"]) == ("bearer", 6000)
    assert told["user"]["number"] == service.people["analyst"].number
    assert answer.headers["cache-control"] == "no-store"
    lines = {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    for line in lines.values():
        assert "; Secure" in line
        assert "; Path=/" in line
        assert "; SameSite=lax" in line
        assert "Domain" not in line
    assert "; HttpOnly" in lines[cookies.ACCESS]
    assert "; HttpOnly" not in lines[cookies.CSRF]


@pytest.mark.parametrize(
    "asked",
    [{"name": "admin", "password": "wrong"}, {"name": "nobody", "password": PASSWORD}, {"name": "\0", "password": "x"}],
)
async def test_a_wrong_name_and_a_wrong_password_are_told_alike(service: Service, asked: dict[str, str]) -> None:
    async with service.client() as client:
        answer = await client.post(LOGIN, json=asked)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Name or password is wrong."
    assert "set-cookie" not in answer.headers


async def test_signing_in_is_audited_without_a_name(service: Service) -> None:
    async with service.client() as client:
        await client.post(LOGIN, json={"name": "viewer", "password": PASSWORD})
    async with service.parts.store.begin(service.organisation) as work:
        [entry] = (await work.audit.list()).items
    viewer = service.people["viewer"]
    assert (entry.actor, entry.action, entry.subject) == (f"user:{viewer.number}", "user.signed_in", str(viewer.id))


async def test_a_page_of_another_origin_cannot_sign_anybody_in(service: Service) -> None:
    asked = {"name": "admin", "password": PASSWORD}
    async with service.client() as client:
        answer = await client.post(LOGIN, json=asked, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


async def test_cookies_alone_may_read_and_not_write(browser: httpx.AsyncClient) -> None:
    assert (await browser.get(KEYS)).status_code == 200
    answer = await browser.post(KEYS, json=NEW_KEY)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:origin")


async def test_a_page_of_the_services_own_writes_with_its_token(browser: httpx.AsyncClient) -> None:
    assert (await browser.post(KEYS, json=NEW_KEY, headers=page(browser))).status_code == 201


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://mien.test", "https://mien.test:444", "https://mien.test.evil"]
)
async def test_other_origins_cannot_write_even_with_the_token(browser: httpx.AsyncClient, origin: str) -> None:
    answer = await browser.post(KEYS, json=NEW_KEY, headers=page(browser, Origin=origin))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:origin")


async def test_a_write_needs_the_token_of_its_cookie_and_user(service: Service, browser: httpx.AsyncClient) -> None:
    for token in ("", "x", browser.cookies[cookies.CSRF] + "x"):
        answer = await browser.post(KEYS, json=NEW_KEY, headers=page(browser, **{"X-CSRF-Token": token}))
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:csrf")
    async with service.client() as client:
        await client.post(LOGIN, json={"name": "viewer", "password": PASSWORD})
        planted = client.cookies[cookies.CSRF]
    browser.cookies.delete(cookies.CSRF)
    browser.cookies.set(cookies.CSRF, planted, domain="mien.test")
    answer = await browser.post(KEYS, json=NEW_KEY, headers=page(browser))
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:csrf")


async def test_a_token_in_a_header_needs_no_page(service: Service) -> None:
    async with service.client("admin") as client:
        answer = await client.post(KEYS, json=NEW_KEY, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 201


async def test_signing_out_removes_every_cookie(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(LOGOUT, headers={"Origin": URL})
    assert answer.status_code == 204
    assert not browser.cookies
    assert (await browser.get(ME)).status_code == 401


async def test_no_sign_in_outlives_the_cookies_that_are_removed_with_another(
    service: Service, browser: httpx.AsyncClient
) -> None:
    held = browser.cookies[cookies.REFRESH]
    async with service.client() as client:
        login = {"name": "viewer", "password": PASSWORD}
        other = (await client.post(LOGIN, json=login)).json()["refresh_token"]
        assert (await browser.post(LOGOUT, json={"refresh_token": other}, headers={"Origin": URL})).status_code == 204
        client.cookies.clear()
        for ended in (held, other):
            assert (await client.post(REFRESH, json={"refresh_token": ended})).status_code == 401


async def test_a_program_signs_out_with_what_renews_its_sign_in(service: Service) -> None:
    async with service.client() as client:
        login = {"name": "viewer", "password": PASSWORD}
        kept, ended = [(await client.post(LOGIN, json=login)).json()["refresh_token"] for _ in range(2)]
        client.cookies.clear()
        for _ in range(2):
            assert (await client.post(LOGOUT, json={"refresh_token": ended})).status_code == 204
        assert (await client.post(LOGOUT)).status_code == 204
        assert (await client.post(REFRESH, json={"refresh_token": ended})).status_code == 401
        assert (await client.post(REFRESH, json={"refresh_token": kept})).status_code == 200


async def test_a_password_is_changed_by_who_knows_it(service: Service) -> None:
    new = "another long password"
    async with service.client("viewer") as client:
        path = "/api/v1/auth/password"
        wrong = await client.put(path, json={"current_password": "wrong", "password": new})
        assert wrong.status_code == 403
        short = await client.put(path, json={"current_password": PASSWORD, "password": "short"})
        assert short.status_code == 422
        assert "short" not in short.json()["errors"][0].values()
        assert (await client.put(path, json={"current_password": PASSWORD, "password": new})).status_code == 204
        assert (await client.post(LOGIN, json={"name": "viewer", "password": PASSWORD})).status_code == 401
        assert (await client.post(LOGIN, json={"name": "viewer", "password": new})).status_code == 200


REFRESH = "/api/v1/auth/refresh"


async def test_a_browser_renews_its_access_with_its_cookie(service: Service, browser: httpx.AsyncClient) -> None:
    before = browser.cookies[cookies.REFRESH]
    service.clock.advance(seconds=6000)
    assert (await browser.get(ME)).status_code == 401
    answer = await browser.post(REFRESH, json={}, headers={"Origin": URL})
    assert answer.status_code == 200
    assert browser.cookies[cookies.REFRESH] not in ("", before)
    assert (await browser.get(ME)).status_code == 200
    assert (await browser.post(KEYS, json=NEW_KEY, headers=page(browser))).status_code == 201


async def test_a_refresh_token_that_comes_back_ends_everything_that_came_of_it(service: Service) -> None:
    async with service.client() as client:
        login = {"name": "viewer", "password": PASSWORD}
        first = (await client.post(LOGIN, json=login)).json()["refresh_token"]
        client.cookies.clear()
        second = (await client.post(REFRESH, json={"refresh_token": first})).json()["refresh_token"]
        client.cookies.clear()
        at_once = await client.post(REFRESH, json={"refresh_token": first})
        assert (at_once.status_code, at_once.json()["type"]) == (409, "urn:mien:problem:just-renewed")
        service.clock.advance(seconds=6)
        assert (await client.post(REFRESH, json={"refresh_token": first})).status_code == 401
        assert (await client.post(REFRESH, json={"refresh_token": second})).status_code == 401
    async with service.parts.store.begin(service.organisation) as work:
        actions = [entry.action for entry in (await work.audit.list()).items]
    assert actions == ["user.signed_in", "user.sign_in_reused"]


async def test_signing_out_a_new_password_and_shutting_out_end_sign_ins(service: Service) -> None:
    new = "another long password"

    async def begun(client: httpx.AsyncClient, password: str) -> str:
        answer = await client.post(LOGIN, json={"name": "viewer", "password": password})
        return str(answer.json()["refresh_token"])

    async with service.client() as client, service.client("viewer") as viewer, service.client("admin") as admin:
        told = await begun(client, PASSWORD)
        await client.post(LOGOUT, headers={"Origin": URL})
        assert (await client.post(REFRESH, json={"refresh_token": told})).status_code == 401
        told = await begun(client, PASSWORD)
        await viewer.put("/api/v1/auth/password", json={"current_password": PASSWORD, "password": new})
        assert (await client.post(REFRESH, json={"refresh_token": told})).status_code == 401
        told = await begun(client, new)
        await admin.patch(f"/api/v1/users/{service.people['viewer'].id}", json={"active": False})
        client.cookies.clear()
        assert (await client.post(REFRESH, json={"refresh_token": told})).status_code == 401


@pytest.mark.parametrize("asked", [{}, {"refresh_token": "x"}, {"refresh_token": None}])
async def test_nothing_renews_nothing(service: Service, asked: dict[str, str | None]) -> None:
    async with service.client() as client:
        assert (await client.post(REFRESH, json=asked)).status_code == 401

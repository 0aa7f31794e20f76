from __future__ import annotations

from collections.abc import Callable

import httpx
import jwt
import pytest

from tests.service.bad_tokens import BAD_TOKENS, Forge
from tests.service.support import SECRET, Service

ME = "/api/v1/auth/me"


def test_there_are_forty_bad_tokens_and_more() -> None:
    assert len(BAD_TOKENS) >= 40


async def test_a_good_token_is_let_in(service: Service) -> None:
    async with service.client() as client:
        answer = await client.get(ME, headers={"Authorization": f"Bearer {Forge(service).good()}"})
    assert answer.status_code == 200
    assert answer.json() == {"name": "admin", "role": "admin", "kind": "user"}


@pytest.mark.parametrize("wrong", BAD_TOKENS)
async def test_a_bad_token_is_refused_in_header_and_cookies_alike(service: Service, wrong: str) -> None:
    token = BAD_TOKENS[wrong](Forge(service))
    sent = [{"Authorization": f"Bearer {token}"}, *({"Cookie": f"{c}={token}"} for c in COOKIES)]
    async with service.client() as client:
        for headers in sent:
            answer = await client.get(ME, headers=headers)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"
            assert token not in answer.text


COOKIES = ("__Host-access", "access_token", "token")


@pytest.mark.parametrize("cookie", COOKIES)
async def test_a_good_token_in_a_cookie_is_let_in(service: Service, cookie: str) -> None:
    async with service.client() as client:
        assert (await client.get(ME, headers={"Cookie": f"{cookie}={service.token('viewer')}"})).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic YWRtaW46eA==", "Token {}", "{}", "Bearer {} {}", "Bearer mien_x"]
)
async def test_a_header_that_is_no_bearers_is_refused_even_beside_a_good_cookie(
    service: Service, authorization: str
) -> None:
    token = service.token("admin")
    headers = {"Authorization": authorization.replace("{}", token), "Cookie": f"__Host-access={token}"}
    async with service.client() as client:
        assert (await client.get(ME, headers=headers)).status_code == 401


async def test_an_issued_token_has_the_shape_that_clients_know(service: Service) -> None:
    claims = jwt.decode(
        service.token("viewer"), SECRET, algorithms=["HS512"], options={"verify_exp": False, "verify_iat": False}
    )
    viewer = service.people["viewer"]
    assert claims.pop("org") == str(service.organisation)
    now = int(service.clock.now().timestamp())
    assert claims == {
        "sub": "viewer",
        "userId": viewer.number,
        "roles": "USER",
        "iss": "emotion_recognition",
        "iat": now,
        "exp": now + 6000,
    }


async def test_a_token_ends_with_its_time(service: Service) -> None:
    async with service.client("viewer") as client:
        service.clock.advance(seconds=5999)
        assert (await client.get(ME)).status_code == 200
        service.clock.advance(seconds=1)
        assert (await client.get(ME)).status_code == 401


async def test_who_is_shut_out_is_refused_at_once_whatever_their_token_says(
    service: Service, client_of: Callable[[str | None], httpx.AsyncClient]
) -> None:
    viewer = client_of("viewer")
    assert (await viewer.get(ME)).status_code == 200
    path = f"/api/v1/users/{service.people['viewer'].id}"
    assert (await client_of("admin").patch(path, json={"active": False})).status_code == 200
    assert (await viewer.get(ME)).status_code == 401


async def test_a_token_of_a_foreign_issuer_with_the_same_key_is_nobody_here(service: Service) -> None:
    foreign = Forge(service).token(without="org")
    async with service.client() as client:
        assert (await client.get(ME, headers={"Authorization": f"Bearer {foreign}"})).status_code == 401

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import jwt
import pytest
from starlette.requests import Request

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.principal import Caller
from mien.service.security.authentication import authenticate
from mien.service.security.tokens import TokenError
from tests.service.bad_tokens import BAD_TOKENS, Forge
from tests.service.support import SECRET, URL, Service

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
    assert claims.pop("gen") == 0
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


@pytest.mark.parametrize(("named", "status"), [(None, 422), ("Studio South", 422), ("Nobody's", 401)])
async def test_it_is_somebody_of_the_organisation_that_is_named_or_else_of_the_first(
    service: Service, named: str | None, status: int
) -> None:
    foreign = Forge(service).token({"sub": "somebody"}, without="org")
    settings = service.parts.settings.model_copy(update={"organisation": named})
    parts = ServiceParts(settings, service.parts.store, service.parts.bus, service.parts.clock)
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        answer = await client.post("/api/predict/", headers={"Authorization": f"Bearer {foreign}"})
    assert answer.status_code == status  # 422: let in, with nothing to look at
    if status == 422:
        caller = await by_token(foreign, parts)
        assert caller.organisation_id == (service.organisation if named is None else service.other)


async def by_token(token: str, parts: ServiceParts) -> Caller:
    request = Request({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})
    return (await authenticate(request, parts, foreign=True)).caller


async def test_a_token_that_was_good_is_refused_once_it_is_over_and_a_changed_one_at_once(service: Service) -> None:
    tokens, token, now = service.parts.tokens, Forge(service).good(), service.parts.clock.now()
    for _ in range(2):
        claims = tokens.check(token, now)
    head, body, signature = token.split(".")
    with pytest.raises(TokenError):
        tokens.check(f"{head}.{body}.{signature[:-2]}AA", now)
    with pytest.raises(TokenError, match="expired"):
        tokens.check(token, now + timedelta(seconds=claims.expires_at - now.timestamp()))
    with pytest.raises(TokenError, match="future"):
        tokens.check(token, now - timedelta(days=1))

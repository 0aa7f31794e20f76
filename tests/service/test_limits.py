from __future__ import annotations

import pytest

from mien.service.problems import ProblemError
from mien.service.security.limits import Limits
from mien.service.settings import ServiceSettings
from tests.redis_server import RedisServer
from tests.service.support import PASSWORD, Service

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


@pytest.fixture
def settings(settings: ServiceSettings) -> ServiceSettings:
    return settings.model_copy(update={"requests_per_minute": 5, "sign_ins_per_minute": 3, "refusals_per_minute": 4})


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

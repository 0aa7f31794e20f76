"""The same on PostgreSQL, where several write at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import asyncpg
import pytest
from pydantic import SecretStr

from mien.service.settings import ServiceSettings
from tests.postgres import Server
from tests.service.test_audiences import (  # noqa: F401
    test_after_one_was_erased_parts_are_not_told_about,
    test_one_more_person_cannot_be_told_from_answers_of_two_days,
    test_several_who_ask_at_once_are_answered_alike_and_remembered_once,
)
from tests.service.test_comparisons import (  # noqa: F401
    test_versions_are_compared_and_the_result_stays_with_the_study,
)

_numbers = itertools.count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def settings(settings: ServiceSettings, postgres: Server) -> ServiceSettings:
    name = f"audiences_{next(_numbers)}"

    async def create() -> None:
        connection = await asyncpg.connect(**postgres.dsn)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return settings.model_copy(update={"database_url": SecretStr(postgres.url(name))})

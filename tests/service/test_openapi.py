"""What holds for every operation, whichever routes there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.security.gate import PUBLIC
from tests.service.support import Service

METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
PUBLIC_OPERATIONS = {"get_health", "get_connection_count", "sign_in", "sign_out", "refresh_sign_in"}
"""Operations that need no proof; all others must ask for it."""


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


@pytest.fixture
async def schema(parts: ServiceParts) -> dict[str, Any]:
    return create_app(parts).openapi()


async def test_without_a_token_every_operation_but_the_public_is_refused(
    service: Service, schema: dict[str, Any]
) -> None:
    open_to_all = set()
    async with service.client(raises=False) as client:
        for method, path, operation in operations(schema):
            filled = re.sub(r"\{[^}]+\}", str(UUID(int=7)), path)
            for headers in ({}, {"Authorization": "Bearer x"}, {"X-API-Key": "mien_x"}, {"Cookie": "token=x"}):
                answer = await client.request(method, filled, headers=headers)
                if answer.status_code != 401 or "www-authenticate" not in answer.headers:
                    open_to_all.add(operation["operationId"])
                    continue
                assert answer.headers["content-type"] == "application/problem+json"
    # Those under /auth refuse by themselves what they were not sent.
    assert open_to_all <= PUBLIC_OPERATIONS
    assert "get_health" in open_to_all


async def test_operations_have_names_of_their_own_that_a_client_can_be_generated_with(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for *_, operation in operations(schema)]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name)] == []


async def test_every_operation_says_what_it_does_and_how_it_can_fail(schema: dict[str, Any]) -> None:
    for method, path, operation in operations(schema):
        where = f"{method} {path}"
        assert operation.get("description"), where
        assert operation.get("tags"), where
        failures = {s: a for s, a in operation["responses"].items() if s.startswith(("4", "5"))}
        assert failures, where
        for answer in failures.values():
            assert "HTTPValidationError" not in str(answer), where


async def test_what_needs_proof_says_so(schema: dict[str, Any]) -> None:
    for _, path, operation in operations(schema):
        assert ("security" in operation) is (path not in PUBLIC), path
    assert schema["components"]["securitySchemes"].keys() == {"token", "key", "cookie"}


async def test_paths_and_fields_are_written_one_way(schema: dict[str, Any]) -> None:
    for path in schema["paths"]:
        assert re.fullmatch(r"/api(/[a-z0-9_]+|/\{[a-z_]+\}|/)+", path), path
    own = {"all_emotions", "ProblemDetails"}
    for name, shape in schema["components"]["schemas"].items():
        for field in shape.get("properties", {}):
            assert field in own or re.fullmatch(r"[a-z][a-z0-9_]*", field), f"{name}.{field}"

"""One organisation over every operation of the API with the ids of another: it sees, changes and refers to nothing.

The operations are those of the description itself, so that a new one is tried by itself; one whose ids nobody here can
make fails. What the owner of the ids gets from the same request shows that it was a good one.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.service.studies import comparison as comparisons
from mien.store.file_records import SpooledKind
from mien.store.records import Role
from mien.store.repositories.spooled_files import SpooledDraft
from mien.store.work import Work
from tests.service.support import Service
from tests.service.test_openapi import METHODS, PUBLIC_OPERATIONS
from tests.store.support import WORDING, add_organisation, draft
from tests.store.test_tenants import Theirs, everything, fill

NAMES: Final = {"key": "api_key", "entry": "audit"}
"""Parameters that are called otherwise than what :class:`Theirs` holds."""
BODIES: Final[dict[str, dict[str, Any]]] = {
    "give_consent": {"wording_sha256": WORDING.hex(), "scopes": ["measure"]},
    "declare_segments": {"segments": {}},
    "set_password": {"password": "correct horse battery staple"},
    "enrol_respondent": {"consent": {"wording_sha256": WORDING.hex(), "scopes": ["measure"]}},
    "create_webhook": {"url": "https://studio.example/hook", "events": ["*"]},
}
"""Bodies that their schema alone does not tell how to write."""
WANTING: Final = {
    "get_session_sources",
    "get_session_content",
    "get_study_audience",
    "compare_study_versions",
    "download_markers",
    "read_report",
    "begin_analysis",
    "begin_annotated_video",
}
"""Operations that need more of their owner than one of everything: sessions of two versions, a whole report, a film."""

PLACES: Final = {("download_export", "name"): "report.html", ("download_markers", "marker_format"): "edl"}
"""Parts of paths of which the same is true."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Tenant:
    """Another organisation with one of everything."""

    theirs: Theirs
    further: dict[str, UUID]
    owner: httpx.AsyncClient

    def of(self, parameter: str) -> str | None:
        """The id that a parameter such as ``session_id`` wants; None where nobody here can make one."""
        name = parameter.removesuffix("_id")
        name = NAMES.get(name, name)
        found = self.further.get(name) or getattr(self.theirs, name, None)
        return None if found is None else str(found)

    @property
    def ids(self) -> set[str]:
        told = {str(getattr(self.theirs, field.name)) for field in fields(self.theirs)}
        return told | set(map(str, self.further.values()))


async def another(service: Service) -> Tenant:
    """A new one: an owner that is let try what changes something would spoil it for the next operation."""
    store = service.parts.store
    organisation = await add_organisation(store, f"Tenant {next(_numbers)}")
    theirs = await fill(store, organisation)
    async with store.begin(organisation) as work:
        gone = await work.sessions.begin(draft())
        proof = await work.sessions.delete(gone.id, "test")
        admin = await work.users.add(f"admin@{organisation}", "hash", Role.ADMIN)
        comparison = await work.reports.add(comparisons.KIND, {"a": 1}, study_id=theirs.study)
        second = await work.versions.add(theirs.title, "second cut")
        further = {"second_version": second.id, "deletion": proof.audit_id, "comparison": comparison.id}
        for name, kind in (("upload", SpooledKind.UPLOAD), ("result", SpooledKind.RESULT)):
            further[name] = await spool(service, work, kind)
    token = service.parts.tokens.issue(admin, organisation, service.parts.clock.now())
    owner = service.client(None, raises=False, headers={"Authorization": f"Bearer {token}"})
    return Tenant(theirs, further, owner)


async def spool(service: Service, work: Work, kind: SpooledKind) -> UUID:
    """A file of the spool with something in it."""
    key, sealed = service.parts.spool.mint(file_id := uuid4())
    with service.parts.spool.writer(key, most_bytes=100) as writer:
        writer.write(b"something")
        if kind is SpooledKind.RESULT:
            writer.finish()
    await work.spooled_files.begin(SpooledDraft(file_id, kind, sealed, 3600.0, name="annotated.mp4", length_bytes=20))
    return file_id


@dataclass(frozen=True)
class Operation:
    """One of the description's."""

    name: str
    method: str
    path: str
    told: dict[str, Any]
    schema: dict[str, Any]

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [p for p in self.told.get("parameters", []) if p["in"] == place]

    def resolve(self, shape: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in shape:
            shape = self.schema["components"]["schemas"][shape["$ref"].rsplit("/", 1)[1]]
        return shape

    @property
    def body(self) -> dict[str, Any] | None:
        content = self.told.get("requestBody", {}).get("content", {})
        found = content.get("application/json")
        return None if found is None else self.resolve(found["schema"])

    @property
    def streams(self) -> bool:
        """Whether its answer has no end."""
        return any("text/event-stream" in answer.get("content", {}) for answer in self.told["responses"].values())


def operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, item in schema["paths"].items():
        for method, told in item.items():
            if method in METHODS and told["operationId"] not in PUBLIC_OPERATIONS:
                yield Operation(told["operationId"], method, path, told, schema)


def is_id(operation: Operation, name: str, shape: dict[str, Any]) -> bool:
    choices = [operation.resolve(s) for s in (shape, *shape.get("anyOf", []))]
    return name.endswith("_id") or any(choice.get("format") == "uuid" for choice in choices)


def example(operation: Operation, name: str, shape: dict[str, Any], tenant: Tenant) -> Any:
    """A value that fits a schema, with the other tenant's ids where it wants ids."""
    shape = operation.resolve(shape)
    for keyword in ("anyOf", "allOf", "oneOf"):
        if keyword in shape:
            shape = operation.resolve(shape[keyword][0])
    if is_id(operation, name, shape):
        found = tenant.of(name)
        assert found is not None, f"{operation.name} wants a {name}, which fill() of tests/store does not make"
        return found
    if "const" in shape:
        return shape["const"]
    if "enum" in shape:
        return shape["enum"][0]
    if shape.get("default") is not None:
        return shape["default"]
    kind = shape.get("type")
    if kind == "object":
        return body(operation, shape, tenant)
    if kind == "array":
        return [example(operation, name, shape["items"], tenant)] * shape.get("minItems", 0)
    if kind in ("integer", "number"):
        return shape.get("minimum", shape.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return True
    if shape.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    return "a" * max(3, shape.get("minLength", 0))


def body(operation: Operation, shape: dict[str, Any], tenant: Tenant) -> dict[str, Any]:
    required = shape.get("required", [])
    return {n: example(operation, n, s, tenant) for n, s in shape.get("properties", {}).items() if n in required}


def optional_ids(operation: Operation) -> list[str]:
    """Properties of a body that may name something."""
    shape = operation.body or {}
    return [
        name
        for name, told in shape.get("properties", {}).items()
        if name not in shape.get("required", []) and is_id(operation, name, told)
    ]


def request(operation: Operation, tenant: Tenant, extra: str | None = None) -> dict[str, Any]:
    """A request with the other tenant's ids wherever one can be named."""
    values: dict[str, str] = {}
    for parameter in operation.parameters("path"):
        name = parameter["name"]
        known = PLACES.get((operation.name, name))
        values[name] = known or str(example(operation, name, parameter["schema"], tenant))
    params = {
        p["name"]: found
        for p in operation.parameters("query")
        if p.get("required") or (is_id(operation, p["name"], p["schema"]) and p["name"] != "after")
        if (found := example(operation, p["name"], p["schema"], tenant)) is not None
    }
    told: dict[str, Any] = {"method": operation.method, "url": operation.path.format(**values), "params": params}
    told["headers"] = {
        p["name"]: str(example(operation, p["name"], p["schema"], tenant))
        for p in operation.parameters("header")
        if p.get("required")
    }
    sent = operation.told.get("requestBody", {}).get("content", {})
    if sent and "application/json" not in sent:
        [kind] = list(sent)[:1]
        told["content"] = b"something"
        told["headers"]["content-type"] = "application/octet-stream" if kind == "*/*" else kind
    if operation.body is not None:
        content = BODIES.get(operation.name)
        if operation.name in ("compare_study_versions", "begin_study_comparison"):
            versions = [{"version_id": tenant.of(name)} for name in ("version", "second_version")]
            content = {"versions": versions, "series": ["fear"]}
        told["json"] = dict(content) if content is not None else body(operation, operation.body, tenant)
        if extra is not None:
            told["json"][extra] = tenant.of(extra)
    return told


@pytest.fixture
async def schema(parts: ServiceParts) -> dict[str, Any]:
    return create_app(parts).openapi()


def named(operation: Operation) -> list[str]:
    """Ids in the path."""
    return [p["name"] for p in operation.parameters("path") if is_id(operation, p["name"], p["schema"])]


def sent_ids(asked: dict[str, Any]) -> set[str]:
    return set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", json.dumps(asked, default=str)))


async def test_every_id_in_a_path_can_be_made_here(service: Service, schema: dict[str, Any]) -> None:
    tenant = await another(service)
    unknown = {name for o in operations(schema) for name in named(o) if tenant.of(name) is None}
    assert unknown == set(), "let fill() of tests/store/test_tenants.py make one, so that its operations are tried"


async def test_nothing_of_another_tenant_is_seen_changed_or_referred_to(
    service: Service, schema: dict[str, Any]
) -> None:
    tried = 0
    # What its owner only reads spoils nothing for the next operation.
    read = await another(service)
    for operation in operations(schema):
        for extra in (None, *optional_ids(operation)):
            tenant = read if operation.method == "get" else await another(service)
            before = await everything(service.parts.store, tenant.theirs.organisation)
            asked = request(operation, tenant, extra)
            where = f"{operation.name} {extra or ''} {asked}"
            await service.renew("admin")
            async with service.client("admin", raises=False) as mine:
                answer = await mine.request(**asked)
            assert answer.status_code < 500, (where, answer.text)
            if named(operation):
                assert answer.status_code == 404, (where, answer.status_code, answer.text)
            elif extra is not None:
                assert answer.status_code >= 400, (where, answer.text)
            leaked = {key for key in tenant.ids if key in answer.text} - sent_ids(asked)
            assert not leaked, (where, answer.text)
            if answer.status_code < 400:
                assert not {key for key in tenant.ids if key in answer.text}, (where, answer.text)
            assert await everything(service.parts.store, tenant.theirs.organisation) == before, where
            if named(operation) and extra is None and not operation.streams:
                owned = await tenant.owner.request(**asked)
                good = owned.status_code < 400 or owned.status_code in (403, 409) or operation.name in WANTING
                assert good, (f"{where}: its owner is refused too, so it shows nothing", owned.text)
                tried += 1
            if tenant is not read:
                await tenant.owner.aclose()
    await read.owner.aclose()
    assert tried >= 20


async def test_an_unknown_id_and_another_tenants_are_refused_in_the_same_words(
    service: Service, schema: dict[str, Any]
) -> None:
    tenant = await another(service)
    nobody = str(UUID(int=7, version=4))
    async with service.client("admin", raises=False) as mine:
        for operation in operations(schema):
            if not named(operation):
                continue
            asked = request(operation, tenant)
            theirs = await mine.request(**asked)
            unknown = asked
            for name in named(operation):
                unknown = {**unknown, "url": unknown["url"].replace(str(tenant.of(name)), nobody)}
            none = await mine.request(**unknown)
            assert (theirs.status_code, none.status_code) == (404, 404), operation.name
            told = [_without_ids(answer.json()) if answer.content else "" for answer in (theirs, none)]
            assert told[0] == told[1], operation.name
    await tenant.owner.aclose()


def _without_ids(problem: dict[str, Any]) -> str:
    problem.pop("request_id", None)
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", json.dumps(problem))

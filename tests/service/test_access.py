"""Who reads results, and that whoever does is in the audit.

Which operations serve results is not listed here: it is seen in what they ask the database. Every operation of the
description is tried with ids of things that are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
import websockets
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed

from mien.core.policy import Basis
from mien.service.routes import ROUTERS
from mien.store.database import Store
from mien.store.records import Role
from tests.service.support import Service, listening
from tests.service.test_tenants import Tenant, another, operations, request
from tests.store.support import WORDING, draft, grant, step

RESULTS: Final = ("snapshots", "timelines", "metric_samples", "moments", "reports", "report_files", "spooled_files")
"""Tables of what was measured, and of what was made of it."""
OF_RESULTS: Final = re.compile(rf"\b(?:FROM|JOIN)\s+(?:{'|'.join(RESULTS)})\b", re.IGNORECASE)
AUDITED: Final = re.compile(r"\bINSERT INTO audit_entries\b", re.IGNORECASE)
NO_RESULT: Final = {
    "list_uploads": "recordings on their way in, of which nothing was read yet",
    "get_upload": "the same",
    "find_upload_offset": "the same",
    "append_to_upload": "the same",
    "begin_upload": "the same",
    "upload_whole_file": "the same",
    "erase_upload": "the same",
    "retry_job": "looks whether the upload is still there",
    "add_snapshots": "writes them",
}
"""Operations that look into one of these tables, and tell nothing that was measured."""


@dataclass
class Asked:
    """What one request asked the database.

    Attributes:
        statements: in order.
    """

    statements: list[str] = field(default_factory=list)

    @property
    def results(self) -> bool:
        return any(OF_RESULTS.search(statement) for statement in self.statements)

    @property
    def audited(self) -> bool:
        return any(AUDITED.search(statement) for statement in self.statements)


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


@contextmanager
def listened(store: Store) -> Iterator[None]:
    """Statements are noted in the context that sends them: what the service does in the background is its own."""

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if (asked := _asked.get()) is not None:
            asked.statements.append(statement)

    engine = store._engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def ask(client: httpx.AsyncClient, told: dict[str, Any]) -> tuple[httpx.Response, Asked]:
    asked = Asked()
    token = _asked.set(asked)
    try:
        return await client.request(**told), asked
    finally:
        _asked.reset(token)


async def tried(service: Service) -> list[tuple[str, Asked]]:
    """Every operation that succeeds for the owner of what it names."""
    found = []
    tenant = await another(service)
    with listened(service.parts.store):
        # Those that change nothing first, and all of the same.
        for operation in sorted(operations(service.app.openapi()), key=lambda o: o.method not in ("get", "head")):
            if operation.streams:
                continue  # without an end: below, through real sockets
            answer, asked = await ask(tenant.owner, request(operation, tenant))
            if answer.status_code < 400:
                found.append((operation.name, asked))
            if operation.method not in ("get", "head") and answer.status_code not in (403, 422):
                await tenant.owner.aclose()
                tenant = await another(service)
    await tenant.owner.aclose()
    return found


async def test_whoever_reads_results_is_in_the_audit(service: Service) -> None:
    found = await tried(service)
    serving = {name for name, asked in found if asked.results}
    silent = {name for name, asked in found if asked.results and not asked.audited}
    assert silent - NO_RESULT.keys() == set(), "these serve results, or what is about them, and audit nothing"
    # The way of finding them works: these were found, and were tried with something to find.
    assert serving >= {"get_timeline", "list_moments", "get_series", "list_reports", "download_export", "list_lanes"}
    assert serving >= {"list_comparisons", "get_comparison", "get_session_privacy", "list_personal_results"}


def personal(tenant: Tenant) -> set[str]:
    """Ids of what was made of a single person's session."""
    return {str(key) for key in (tenant.theirs.report, tenant.theirs.report_file, tenant.further["result"])}


async def test_viewers_read_nothing_that_tells_of_single_people(service: Service) -> None:
    """The session that every tenant here has is of one respondent: its smallest group is one."""
    refused = set()
    tenant = await another(service)
    async with service.parts.store.begin(tenant.theirs.organisation) as work:
        assert (await work.sessions.get(tenant.theirs.session)).min_group == 1
        viewer = await work.users.add(f"viewer@{tenant.theirs.organisation}", "hash", Role.VIEWER)
    token = service.parts.tokens.issue(viewer, tenant.theirs.organisation, service.clock.now())
    headers = {"Authorization": f"Bearer {token}"}
    await tenant.owner.aclose()
    with listened(service.parts.store):
        for operation in operations(service.app.openapi()):
            if operation.method != "get" or operation.streams:
                continue
            told = request(operation, tenant)
            async with service.client(None, raises=False, headers=headers) as client:
                answer, asked = await ask(client, told)
                listed = await client.request(**{**told, "params": {"limit": 100}})
            if answer.status_code == 403:
                refused.add(operation.name)
                continue
            for given in (answer, listed):
                assert not {key for key in personal(tenant) if key in given.text}, operation.name
            if asked.results and answer.status_code < 400:
                assert operation.name in IMPERSONAL, f"{operation.name} reads results of single people for a viewer"
    assert refused >= {"get_timeline", "list_lanes", "list_moments", "list_series", "get_series", "get_report"}
    assert refused >= {"read_report", "list_exports", "download_export", "download_markers", "list_personal_results"}
    assert refused >= {"get_session_content", "get_session_sources"}


IMPERSONAL: Final = {
    "list_reports": "leaves out those of single people",
    "list_comparisons": "of studies: ten people or more in each version",
    "get_comparison": "the same",
    "get_session_privacy": "how many steps there are, and how many are suppressed; no figure",
}


@pytest.mark.parametrize("who", ["viewer", "analyst"])
async def test_a_single_persons_session_is_followed_by_those_who_may_read_it(service: Service, who: str) -> None:
    tenant = await another(service)
    async with service.parts.store.begin(tenant.theirs.organisation) as work:
        user = await work.users.add(f"{who}@{tenant.theirs.organisation}", "hash", Role(who))
    await tenant.owner.aclose()
    token = service.parts.tokens.issue(user, tenant.theirs.organisation, service.clock.now())
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/v1/sessions/{tenant.theirs.session}"
    async with listening(service.app) as address:
        async with (
            httpx.AsyncClient(base_url=address, headers=headers) as client,
            client.stream("GET", f"{path}/events") as answer,
        ):
            assert answer.status_code == (403 if who == "viewer" else 200)
        async with websockets.connect(
            f"{address.replace('http', 'ws')}{path}/follow", additional_headers=headers
        ) as socket:
            if who == "viewer":
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 4001
            else:
                told = step(tenant.theirs.session, 3.0).model_dump(mode="json", exclude_none=True)
                async with httpx.AsyncClient(base_url=address, headers=headers) as client:
                    await client.post("/api/v1/snapshots", json=told)
                assert '"snapshot"' in str(await socket.recv())
    async with service.parts.store.begin(tenant.theirs.organisation) as work:
        assert len((await work.audit.list(action="session.followed")).items) == (0 if who == "viewer" else 2)


SOCKETS: Final = {
    "/api/v1/sessions/{session_id}/follow": "session.followed",
    "/api/v1/sessions/{session_id}/frames": "frames.sent",
    "/api/ws": "text_socket.opened",
}
"""What each socket leaves in the audit. One that is not here fails."""


async def test_every_socket_is_in_the_audit(service: Service) -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    paths = {route.path for route in routes if isinstance(route, WebSocketRoute)}
    assert paths == set(SOCKETS)
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(draft())
    async with listening(service.app) as address:
        for path, action in SOCKETS.items():
            url = address.replace("http", "ws") + path.format(session_id=session.id)
            headers = {"Authorization": f"Bearer {service.token('analyst')}"}
            async with websockets.connect(url, additional_headers=headers):
                for _ in range(200):
                    async with service.parts.store.begin(service.organisation) as work:
                        if (await work.audit.list(action=action)).items:
                            break
                else:
                    raise AssertionError(f"{path} is not audited")


async def test_a_viewer_hears_of_no_fewer_than_five_people_of_a_study(service: Service) -> None:
    """Four respondents, each alone: an analyst may see their mean, a viewer may not."""
    consented = grant(profile="interview", basis=Basis.CONSENT)
    async with service.parts.store.begin(service.organisation) as work:
        title = await work.titles.add("Night Train")
        version = await work.versions.add(title.id, "cut")
        study = await work.studies.add(title.id, "autumn", "Which?")
    sessions: list[UUID] = []
    for _ in range(4):
        async with service.parts.store.begin(service.organisation) as work:
            respondent = await work.respondents.add()
            consent = await work.consents.give(respondent.id, WORDING, ["measure"])
            told = {"version_id": version.id, "study_id": study.id}
            session = await work.sessions.begin(
                draft(grant=consented, respondent_id=respondent.id, consent_id=consent.id, **told)
            )
            await work.snapshots.ingest([step(session, n * 0.5, present=1, readable=1, tracks=1) for n in range(4)])
            sessions.append(session.id)
    for key in sessions:
        async with service.parts.store.begin(service.organisation) as work:
            await work.sessions.end(key)
    path, params = f"/api/v1/studies/{study.id}/audience", {"version_id": str(version.id), "series": "fear"}
    for who, seen in (("analyst", True), ("viewer", False)):
        async with service.client(who) as client:
            answer = await client.get(path, params=params)
            assert answer.status_code == (200 if seen else 403), answer.text
            assert not seen or any(value is not None for value in answer.json()["mean"])

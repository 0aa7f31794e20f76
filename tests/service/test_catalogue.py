"""Titles, versions and studies over HTTP."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx
import pytest

from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.store.repositories.sessions import SessionDraft
from tests.service.support import Service


async def title(client: httpx.AsyncClient, name: str = "Night Bus") -> str:
    answer = await client.post("/api/v1/titles", json={"name": name})
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def test_a_title_lives_from_its_making_to_its_deletion(analyst: httpx.AsyncClient) -> None:
    made = (await analyst.post("/api/v1/titles", json={"name": "  Night Bus "})).json()
    assert made["name"] == "Night Bus"
    assert made["created_at"].endswith("Z")
    at = f"/api/v1/titles/{made['id']}"
    assert (await analyst.get(at)).json() == made
    assert (await analyst.patch(at, json={"name": "Day Bus"})).json()["name"] == "Day Bus"
    assert [t["name"] for t in (await analyst.get("/api/v1/titles")).json()["items"]] == ["Day Bus"]
    assert (await analyst.delete(at)).status_code == 204
    assert (await analyst.get(at)).status_code == 404


async def test_names_are_not_taken_twice(analyst: httpx.AsyncClient) -> None:
    first, second = await title(analyst), await title(analyst, "Day Bus")
    assert (await analyst.post("/api/v1/titles", json={"name": "Night Bus"})).status_code == 409
    assert (await analyst.patch(f"/api/v1/titles/{second}", json={"name": "Night Bus"})).status_code == 409
    versions = f"/api/v1/titles/{first}/versions"
    assert (await analyst.post(versions, json={"name": "A"})).status_code == 201
    assert (await analyst.post(versions, json={"name": "A"})).status_code == 409
    study = {"title_id": first, "name": "Which cut?", "question": "Which scares more?"}
    assert (await analyst.post("/api/v1/studies", json=study)).status_code == 201
    assert (await analyst.post("/api/v1/studies", json=study)).status_code == 409


async def test_versions_belong_to_their_title(analyst: httpx.AsyncClient) -> None:
    first, second = await title(analyst), await title(analyst, "Day Bus")
    at = f"/api/v1/titles/{first}/versions"
    made = (await analyst.post(at, json={"name": "A", "duration_seconds": 5400.0})).json()
    assert (made["title_id"], made["duration_seconds"]) == (first, 5400.0)
    assert (await analyst.get(at)).json()["items"] == [made]
    assert (await analyst.get(f"/api/v1/titles/{second}/versions")).json()["items"] == []
    own = f"/api/v1/versions/{made['id']}"
    changed = (await analyst.patch(own, json={"name": "Director's cut"})).json()
    assert (changed["name"], changed["duration_seconds"]) == ("Director's cut", 5400.0)
    assert (await analyst.patch(own, json={"duration_seconds": None})).json()["duration_seconds"] is None
    assert (await analyst.delete(own)).status_code == 204
    assert (await analyst.get(own)).status_code == 404


async def test_a_title_is_not_deleted_under_its_versions_and_studies(analyst: httpx.AsyncClient) -> None:
    first = await title(analyst)
    version = (await analyst.post(f"/api/v1/titles/{first}/versions", json={"name": "A"})).json()["id"]
    assert (await analyst.delete(f"/api/v1/titles/{first}")).status_code == 409
    await analyst.delete(f"/api/v1/versions/{version}")
    study = {"title_id": first, "name": "Which cut?", "question": "Which scares more?"}
    made = (await analyst.post("/api/v1/studies", json=study)).json()["id"]
    assert (await analyst.delete(f"/api/v1/titles/{first}")).status_code == 409
    assert (await analyst.delete(f"/api/v1/studies/{made}")).status_code == 204
    assert (await analyst.delete(f"/api/v1/titles/{first}")).status_code == 204


async def test_a_study_is_not_deleted_under_its_sessions_but_with_its_comparisons(
    service: Service, analyst: httpx.AsyncClient
) -> None:
    first = await title(analyst)
    study = {"title_id": first, "name": "Which cut?", "question": "Which scares more?"}
    made = (await analyst.post("/api/v1/studies", json=study)).json()["id"]
    grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(SessionDraft(grant, "cinema7", 0.5, 30, study_id=UUID(made)))
        await work.reports.add("comparison", {"headline": "none"}, study_id=UUID(made))
    assert (await analyst.delete(f"/api/v1/studies/{made}")).status_code == 409
    async with service.parts.store.begin(service.organisation) as work:
        assert len((await work.reports.list(study_id=UUID(made))).items) == 1
        await work.sessions.delete(session.id, "test")
    assert (await analyst.delete(f"/api/v1/studies/{made}")).status_code == 204


async def test_studies_are_found_by_their_title(analyst: httpx.AsyncClient) -> None:
    first, second = await title(analyst), await title(analyst, "Day Bus")
    for number, of in enumerate((first, first, second)):
        body = {"title_id": of, "name": f"Study {number}", "question": "Which?"}
        assert (await analyst.post("/api/v1/studies", json=body)).status_code == 201
    found = (await analyst.get("/api/v1/studies", params={"title_id": first})).json()["items"]
    assert [study["name"] for study in found] == ["Study 0", "Study 1"]
    at = f"/api/v1/studies/{found[0]['id']}"
    assert (await analyst.patch(at, json={"question": "Why?"})).json()["question"] == "Why?"
    assert (await analyst.patch(at, json={"name": "Study 1"})).status_code == 409


async def test_viewers_read_and_do_not_write(service: Service, analyst: httpx.AsyncClient) -> None:
    first = await title(analyst)
    async with service.client("viewer") as viewer:
        assert (await viewer.get(f"/api/v1/titles/{first}")).status_code == 200
        for method, path, body in (
            ("POST", "/api/v1/titles", {"name": "x"}),
            ("PATCH", f"/api/v1/titles/{first}", {"name": "x"}),
            ("DELETE", f"/api/v1/titles/{first}", None),
            ("POST", f"/api/v1/titles/{first}/versions", {"name": "x"}),
            ("POST", "/api/v1/studies", {"title_id": first, "name": "x", "question": "x"}),
        ):
            assert (await viewer.request(method, path, json=body)).status_code == 403


async def test_another_organisation_sees_and_changes_nothing(service: Service, analyst: httpx.AsyncClient) -> None:
    first = await title(analyst)
    version = (await analyst.post(f"/api/v1/titles/{first}/versions", json={"name": "A"})).json()["id"]
    body = {"title_id": first, "name": "Which cut?", "question": "Which?"}
    study = (await analyst.post("/api/v1/studies", json=body)).json()["id"]
    async with service.client("other_admin") as other:
        for path in ("/api/v1/titles", "/api/v1/studies"):
            assert (await other.get(path)).json() == {"items": [], "after": None}
        for method, path, sent in (
            ("GET", f"/api/v1/titles/{first}", None),
            ("GET", f"/api/v1/titles/{first}/versions", None),
            ("POST", f"/api/v1/titles/{first}/versions", {"name": "B"}),
            ("PATCH", f"/api/v1/titles/{first}", {"name": "mine"}),
            ("DELETE", f"/api/v1/titles/{first}", None),
            ("GET", f"/api/v1/versions/{version}", None),
            ("PATCH", f"/api/v1/versions/{version}", {"name": "mine"}),
            ("DELETE", f"/api/v1/versions/{version}", None),
            ("GET", f"/api/v1/studies/{study}", None),
            ("PATCH", f"/api/v1/studies/{study}", {"name": "mine"}),
            ("DELETE", f"/api/v1/studies/{study}", None),
            ("POST", "/api/v1/studies", body),
        ):
            theirs = await other.request(method, path, json=sent)
            nobodys = await other.request(
                method, path.replace(first, str(uuid4())).replace(version, str(uuid4())).replace(study, str(uuid4())),
                json=sent if sent is None or "title_id" not in sent else {**sent, "title_id": str(uuid4())},
            )  # fmt: skip
            assert theirs.status_code == nobodys.status_code == 404, (method, path)
    assert (await analyst.get(f"/api/v1/titles/{first}")).json()["name"] == "Night Bus"


@pytest.mark.parametrize("duration", [0, -1, 1e300, "long"])
async def test_a_version_lasts_some_time(analyst: httpx.AsyncClient, duration: object) -> None:
    at = f"/api/v1/titles/{await title(analyst)}/versions"
    assert (await analyst.post(at, json={"name": "A", "duration_seconds": duration})).status_code == 422

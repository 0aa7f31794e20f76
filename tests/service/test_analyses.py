"""From an upload to its report over HTTP, with a real worker beside the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from mien.core.clock import SystemClock
from mien.service.settings import ServiceSettings
from mien.service.work.following import announcer
from mien.service.work.handlers import all_handlers
from mien.service.work.running import keeping_of, options_of
from mien.service.work.tasks import Tools
from mien.service.work.worker import Worker
from mien.store.database import Store
from mien.store.repositories.snapshots import FILLED
from tests.service.support import Service
from tests.sources.media import write_video
from tests.store.support import step

Clients = Callable[[str | None], httpx.AsyncClient]
OWN = {"purpose": "personal", "basis": "own_recording"}
FINAL = {"done", "failed", "cancelled"}


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    return write_video(tmp_path / "short.mp4", [i / 10 for i in range(20)]).read_bytes()


@pytest.fixture
async def worker(service: Service) -> AsyncIterator[None]:
    """A worker with the service's own settings. Its clock is the machine's, and so is its store's."""
    settings: ServiceSettings = service.parts.settings
    store = await Store.open(settings.database, clock=service.clock)
    options = options_of(settings).model_copy(update={"poll_seconds": 0.05})
    tools = Tools(store, service.parts.spool, SystemClock(), options, keeping_of(settings))
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(tools, all_handlers(), announcer(service.parts.bus)).run(stop))
    yield
    stop.set()
    await asyncio.wait_for(running, 30)
    await store.close()


async def upload(client: httpx.AsyncClient, content: bytes) -> str:
    answer = await client.post("/api/v1/uploads/whole", content=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def ended(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    for _ in range(1200):
        job: dict[str, Any] = (await client.get(f"/api/v1/jobs/{job_id}")).json()
        if job["state"] in FINAL:
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(f"the job did not end: {job}")


@pytest.mark.usefixtures("worker")
async def test_an_upload_becomes_a_report_in_every_form(service: Service, client_of: Clients, recording: bytes) -> None:
    client = client_of("analyst")
    asked = {"upload_id": await upload(client, recording), "personal_files": ["annotated.mp4"], **OWN}
    begun = await client.post("/api/v1/analyses", json=asked)
    assert begun.status_code == 202, begun.text
    job = begun.json()
    assert begun.headers["location"] == f"/api/v1/jobs/{job['id']}"
    done = await ended(client, job["id"])
    assert done["state"] == "done", done["error"]
    assert (done["progress"], done["session_id"]) == (1.0, job["session_id"])
    assert (await client.get("/api/v1/uploads")).json()["items"] == []

    # The profile tells of single people, which is not for viewers.
    viewer = client_of("viewer")
    found = (await viewer.get("/api/v1/reports", params={"session_id": job["session_id"]})).json()["items"]
    assert found == []
    reader = client_of("analyst")
    [report] = (await reader.get("/api/v1/reports", params={"session_id": job["session_id"]})).json()["items"]
    where = f"/api/v1/reports/{report['id']}"
    assert (await viewer.get(f"{where}/document")).status_code == 403
    document = await reader.get(f"{where}/document")
    assert document.json()["session"]["session_id"] == job["session_id"]
    again = await reader.get(f"{where}/document", headers={"If-None-Match": document.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    page = await reader.get(f"{where}/files/report.html")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert (await reader.get(f"{where}/files/timeline.csv")).text.startswith("media_time_seconds,")
    exports = (await reader.get(f"{where}/exports")).json()
    assert {file["name"] for file in exports["files"]} >= {
        "report.html",
        "timeline.csv",
        "timeline.parquet",
        "report.pdf",
    }
    assert (await reader.get(f"{where}/files/timeline.parquet")).content.startswith(b"PAR1")
    for form in exports["markers"]:
        marked = await reader.get(f"{where}/markers/{form}", params={"frame_rate": "25"})
        assert marked.status_code == 200, (form, marked.text)
        assert "attachment" in marked.headers["content-disposition"]
    assert (await reader.get(f"{where}/markers/edl", params={"frame_rate": "17"})).status_code == 422
    assert (await reader.get(f"{where}/files/shadow.txt")).status_code == 404

    [personal] = (await client.get("/api/v1/personal_results")).json()["items"]
    video = await client.get(f"/api/v1/personal_results/{personal['id']}/content")
    assert (video.headers["content-type"], video.headers["cache-control"]) == ("video/mp4", "no-store")
    assert video.content[4:8] == b"ftyp"
    assert len(video.content) == personal["length_bytes"]
    assert (await viewer.get(f"/api/v1/personal_results/{personal['id']}/content")).status_code == 403
    assert (await client.delete(f"/api/v1/personal_results/{personal['id']}")).status_code == 204
    assert service.parts.spool.ids() == ()

    other = client_of("other_admin")
    for path in (
        where,
        f"{where}/document",
        f"{where}/files/report.html",
        f"{where}/exports",
        begun.headers["location"],
    ):
        assert (await other.get(path)).status_code == 404
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list(action="report.read", limit=100)).items
    actors = {entry.actor for entry in entries}
    assert actors == {f"user:{service.people['analyst'].number}"}
    assert {"document", "report.html", "timeline.csv", "markers/edl"} <= {entry.detail["form"] for entry in entries}


@pytest.mark.usefixtures("worker")
async def test_an_annotated_video_alone_leaves_no_results(
    service: Service, client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    begun = await client.post("/api/v1/annotated_videos", json={"upload_id": await upload(client, recording), **OWN})
    assert begun.status_code == 202, begun.text
    done = await ended(client, begun.json()["id"])
    assert done["state"] == "done", done["error"]
    [made] = done["result"]["personal_files"]
    assert (await client.get(f"/api/v1/personal_results/{made['result_id']}/content")).content[4:8] == b"ftyp"
    assert (await client.get("/api/v1/reports")).json()["items"] == []


async def test_what_is_not_permitted_is_refused_before_anything_is_stored(
    service: Service, client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    given = await upload(client, recording)
    refused: list[dict[str, Any]] = [
        {"purpose": "audience_research"},
        {"purpose": "workplace", "basis": "consent", "jurisdiction": "DE"},
        {"purpose": "audience_research", "basis": "notice", "profile": "cinema", "personal_files": ["annotated.mp4"]},
        {"purpose": "audience_research", "basis": "consent"},
    ]
    for asked in refused:
        answer = await client.post("/api/v1/analyses", json={"upload_id": given, **asked})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:not-permitted"), answer.text
        assert "--" not in answer.json()["detail"]
    assert (
        await client.post("/api/v1/annotated_videos", json={"upload_id": given, "purpose": "personal"})
    ).status_code == 403
    consented = await client.post(
        "/api/v1/annotated_videos", json={"upload_id": given, "purpose": "audience_research", "basis": "consent"}
    )
    assert (consented.status_code, "own_recording" in consented.json()["detail"]) == (403, True)
    excepted = {"upload_id": given, "purpose": "workplace", "basis": "own_recording", "jurisdiction": "DE"}
    for path in ("analyses", "annotated_videos"):
        answer = await client.post(f"/api/v1/{path}", json={**excepted, "exception": "safety of the crane driver"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:role"), answer.text
    for wrong in ({"profile": "nobody"}, {"sample_hz": 5, "every_nth": 2}, {"sources": True}, {"min_group": 0}):
        answer = await client.post("/api/v1/analyses", json={"upload_id": given, **OWN, **wrong})
        assert answer.status_code == 422, wrong
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        assert (await work.sessions.list()).items == ()
        assert (await work.jobs.list()).items == ()


async def test_an_upload_is_one_jobs_and_complete(client_of: Clients, recording: bytes) -> None:
    client = client_of("analyst")
    given = await upload(client, recording)
    begun = await client.post("/api/v1/uploads", headers={"Upload-Length": "100"})
    half = begun.json()["id"]
    foreign = await upload(client_of("other_admin"), recording)
    for upload_id, status in ((given, 202), (given, 409), (half, 409), (foreign, 404)):
        answer = await client.post("/api/v1/analyses", json={"upload_id": upload_id, **OWN})
        assert answer.status_code == status, answer.text
    assert (await client.delete(f"/api/v1/uploads/{given}")).status_code == 409


async def test_a_waiting_job_is_cancelled_with_its_upload(
    service: Service, client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    job = (await client.post("/api/v1/analyses", json={"upload_id": await upload(client, recording), **OWN})).json()
    assert (await client_of("viewer").post(f"/api/v1/jobs/{job['id']}/cancel")).status_code == 403
    assert (await client_of("other_admin").post(f"/api/v1/jobs/{job['id']}/cancel")).status_code == 404
    cancelled = await client.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert service.parts.spool.ids() == ()
    again = await client.post(f"/api/v1/jobs/{job['id']}/retry")
    assert again.status_code == 409
    assert "upload the file again" in again.json()["detail"]
    listed = (await client.get("/api/v1/jobs", params={"state": "cancelled", "kind": "analysis"})).json()["items"]
    assert [one["id"] for one in listed] == [job["id"]]


@pytest.mark.usefixtures("worker")
async def test_a_job_is_followed_to_its_end(client_of: Clients, recording: bytes) -> None:
    client = client_of("analyst")
    job = (await client.post("/api/v1/analyses", json={"upload_id": await upload(client, recording), **OWN})).json()
    told = await client.get(f"/api/v1/jobs/{job['id']}/events", timeout=60)
    assert told.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(part.split("data: ", 1)[1]) for part in told.text.split("\n\n") if "data: " in part]
    assert events[-1]["state"] == "done"
    assert [event["progress"] for event in events] == sorted(event["progress"] for event in events)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("share", "state"), [(1.0, "done"), (0.5, "failed")])
async def test_the_session_of_an_analysis_ends_with_it_for_webhooks_and_followers(
    service: Service, client_of: Clients, recording: bytes, share: float, state: str
) -> None:
    client = client_of("analyst")
    async with service.parts.store.begin(service.organisation) as work:
        await work.webhooks.add("https://studio.example/hook", bytes(32), ["session.started", "session.ended"])
    given = await upload(client, recording[: int(share * len(recording))])
    session_id = (await client.post("/api/v1/analyses", json={"upload_id": given, **OWN})).json()["session_id"]
    followed = await client.get(f"/api/v1/sessions/{session_id}/events", timeout=60)
    assert followed.text.endswith(f'event: ended\ndata: {{"session_id":"{session_id}"}}\n\n')
    assert (await client.get(f"/api/v1/sessions/{session_id}")).json()["state"] == "ended"
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        sent = {(one.event, one.payload.get("reason")) for one in (await work.deliveries.list()).items}
    assert sent == {("session.started", None), ("session.ended", f"job_{state}")}


async def test_nobody_but_its_job_writes_into_an_analysis_or_ends_it(
    service: Service, client_of: Clients, recording: bytes
) -> None:
    client = client_of("analyst")
    job = (await client.post("/api/v1/analyses", json={"upload_id": await upload(client, recording), **OWN})).json()
    session_id = job["session_id"]
    sent = [step(UUID(session_id), 0.0).model_dump(mode="json", exclude_none=True)]
    [refusal] = (await client.post("/api/v1/snapshots", json=sent)).json()["refused"]
    assert refusal == {"position": 0, "reason": FILLED}
    answer = await client.post(f"/api/v1/sessions/{session_id}/end")
    assert (answer.status_code, job["id"] in answer.json()["detail"]) == (409, True)
    assert (await client.get(f"/api/v1/sessions/{session_id}/lanes")).json()["lanes"] == []
    await client.post(f"/api/v1/jobs/{job['id']}/cancel")
    again = await client.post(f"/api/v1/sessions/{session_id}/end")
    assert (again.status_code, again.json()["state"]) == (200, "ended"), "asking again changes nothing"


@pytest.mark.usefixtures("worker")
async def test_damage_ends_in_words_for_the_client(service: Service, client_of: Clients, recording: bytes) -> None:
    client = client_of("analyst")
    given = await upload(client, recording[: len(recording) // 2])
    job = (await client.post("/api/v1/analyses", json={"upload_id": given, **OWN})).json()
    failed = await ended(client, job["id"])
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert failed["error"].startswith("recording.mp4 ")
    while service.parts.spool.ids():
        await asyncio.sleep(0.02)

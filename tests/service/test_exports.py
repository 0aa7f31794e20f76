"""Files that are made of reports: by jobs that keep them, or a few at a time while requests wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from mien.service import exporting
from mien.service.work.handlers import export
from mien.service.work.tasks import Tools
from mien.service.work.worker import Worker
from mien.store.records import JobState
from tests.service.support import Service
from tests.service.test_duties import enrolled, session_of
from tests.store.support import draft

Clients = Callable[[str | None], httpx.AsyncClient]
ROWS = b"media_time_seconds,fear_percent\r\n0.0,12.5\r\n0.5,\r\n"


@pytest.fixture
async def report(service: Service) -> UUID:
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(draft())
        made = await work.reports.add("report", {"demo": False}, session_id=session.id)
        for name, kind, content in (("timeline.csv", "text/csv", ROWS), ("report.html", "text/html", b"<p>hall</p>")):
            await work.report_files.add(made.id, session.id, name, kind, content)
    async with service.parts.store.begin(service.organisation) as work:
        await work.sessions.end(session.id)
    return made.id


async def test_a_job_makes_a_file_and_keeps_it(service: Service, client_of: Clients, report: UUID) -> None:
    client, at = client_of("analyst"), f"/api/v1/reports/{report}"
    begun = await client.post(f"{at}/exports", json={"name": "timeline.parquet"})
    assert begun.status_code == 202, begun.text
    again = await client.post(f"{at}/exports", json={"name": "timeline.parquet"})
    assert again.json()["id"] == begun.json()["id"], "one job makes it, however often it is asked for"
    parts = service.parts
    stop = asyncio.Event()
    working = asyncio.create_task(Worker(Tools(parts.store, parts.spool, parts.clock), {"export": export}).run(stop))
    try:
        while (job := (await client.get(begun.headers["location"])).json())["state"] in ("queued", "running"):
            await asyncio.sleep(0.05)
    finally:
        stop.set()
        await working
    assert (job["state"], job["progress"]) == ("done", 1.0), job["error"]
    assert job["result"] == {"report_id": str(report), "name": "timeline.parquet"}
    kept = await client.get(f"{at}/files/timeline.parquet")
    assert kept.content[:4] == kept.content[-4:] == b"PAR1"
    listed = (await client.get(f"{at}/exports")).json()["files"]
    assert [one["available"] for one in listed if one["name"] == "timeline.parquet"] == [True]


async def test_what_a_job_kept_is_not_made_again(
    service: Service, client_of: Clients, report: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        page = await work.report_files.named(report, "report.html")
        await work.report_files.add(report, page.session_id, "report.pdf", "application/pdf", b"%PDF-kept")
    monkeypatch.setattr(exporting, "make", None)
    kept = await client_of("viewer").get(f"/api/v1/reports/{report}/files/report.pdf")
    assert (kept.content, kept.headers["content-type"]) == (b"%PDF-kept", "application/pdf")


async def test_a_file_is_asked_for_by_analysts_of_its_organisation(client_of: Clients, report: UUID) -> None:
    at, asked = f"/api/v1/reports/{report}/exports", {"name": "report.pdf"}
    for who, status in (("viewer", 403), ("other_admin", 404), ("analyst", 202)):
        assert (await client_of(who).post(at, json=asked)).status_code == status, who
    assert (await client_of("analyst").post(at, json={"name": "report.html"})).status_code == 422


async def test_nothing_more_is_made_of_a_session_whose_consent_was_withdrawn(
    service: Service, client_of: Clients
) -> None:
    key, agreed = await enrolled(service)
    session = await session_of(service, key, agreed)
    async with service.parts.store.begin(service.organisation) as work:
        made = await work.reports.add("report", {"demo": False}, session_id=session.id)
        for name, content in (("timeline.csv", ROWS), ("report.html", b"<p>one</p>"), ("report.pdf", b"%PDF-before")):
            await work.report_files.add(made.id, session.id, name, "text/plain", content)
        await work.report_files.add(made.id, session.id, "shock_report.json", "application/json", b"{}")
    client, at = client_of("analyst"), f"/api/v1/reports/{made.id}"
    asked = {"name": "timeline.parquet"}
    before = (await client.post(f"{at}/exports", json=asked)).json()
    running = (await client.post(f"{at}/exports", json={"name": "report.pdf"})).json()
    async with service.parts.store.begin_system() as system:
        leases = {str(lease.job.id): lease for lease in await system.queue.claim("worker", ["export"], limit=2)}
        await system.queue.release(leases[before["id"]])
    assert (await client.post(f"/api/v1/consents/{agreed}/withdraw")).is_success
    async with service.parts.store.cancelling(leases[running["id"]]):
        pass
    for job in (before, running):
        told = (await client.get(f"/api/v1/jobs/{job['id']}")).json()
        assert (told["state"], told["error"]) == ("cancelled", "The consent that it rests on was withdrawn.")
    refused = [
        await client.post(f"{at}/exports", json=asked),
        await client.get(f"{at}/files/timeline.parquet"),
        await client.get(f"{at}/markers/edl", params={"frame_rate": "25"}),
        await client.post(f"/api/v1/jobs/{before['id']}/retry"),
    ]
    assert {(one.status_code, one.json()["type"]) for one in refused} == {(409, "urn:mien:problem:conflict")}
    assert len({one.json()["detail"] for one in refused}) == 1
    listed = (await client.get(f"{at}/exports")).json()
    available = {one["name"] for one in listed["files"] if one["available"]}
    assert (available, listed["markers"]) == ({"timeline.csv", "report.html", "report.pdf", "shock_report.json"}, [])
    # What was made before is held until it is deleted.
    assert (await client.get(f"{at}/files/report.pdf")).content == b"%PDF-before"


async def test_a_job_that_somebody_cancels_says_so(client_of: Clients, report: UUID) -> None:
    client = client_of("analyst")
    job = (await client.post(f"/api/v1/reports/{report}/exports", json={"name": "report.pdf"})).json()
    cancelled = (await client.post(f"/api/v1/jobs/{job['id']}/cancel")).json()
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", "Somebody cancelled it.")


async def test_a_failed_export_is_tried_again_when_it_is_asked_for_again(
    service: Service, client_of: Clients, report: UUID
) -> None:
    client, at = client_of("analyst"), f"/api/v1/reports/{report}/exports"
    first = (await client.post(at, json={"name": "report.pdf"})).json()
    async with service.parts.store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["export"])
        await system.queue.fail(lease, "no browser here", again=False)
    second = (await client.post(at, json={"name": "report.pdf"})).json()
    assert (second["id"], second["state"], second["error"]) == (first["id"], JobState.QUEUED, None)


async def test_ten_exports_at_once_do_not_take_the_service_from_others(
    service: Service, client_of: Clients, report: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, at_once, most = threading.Event(), 0, 0

    def slow(name: str, source: bytes) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        go_on.wait(30)
        at_once -= 1
        return b"made"

    monkeypatch.setattr(exporting, "make", slow)
    client = client_of("viewer")
    asked = [
        asyncio.create_task(client.get(f"/api/v1/reports/{report}/files/timeline.parquet", timeout=60))
        for _ in range(10)
    ]
    waiting = service.parts.settings.exports_waiting
    while sum(one.done() for one in asked) < 10 - waiting - 1:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    assert (await client.get("/api/v1/sessions")).status_code == 200
    assert time.monotonic() - began < 2
    go_on.set()
    answers = [await one for one in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * (waiting + 1) + [503] * (9 - waiting)
    assert most == 1
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert int(refused.headers["retry-after"]) > 0
    assert "job" in refused.json()["detail"]

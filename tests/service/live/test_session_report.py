"""A live session that has ended is told as a recording is: metrics, moments, and a report in every form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from csv import DictReader
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from mien.core.audience import AudienceStep
from mien.core.clock import SystemClock
from mien.core.errors import AlteredError
from mien.core.findings import MomentKind, SampleLog
from mien.core.settings import PROFILES
from mien.metrics import create_all
from mien.report.document import Report
from mien.report.signing import new_key, verify
from mien.service.app import create_app
from mien.service.live.ending import end_forgotten
from mien.service.parts import ServiceParts
from mien.service.work.following import announcer
from mien.service.work.handlers import all_handlers
from mien.service.work.options import WorkerOptions
from mien.service.work.tasks import Tools
from mien.service.work.worker import Worker
from mien.store.errors import NotFoundError
from mien.store.records import Job, JobState, SessionState
from tests.service.live.test_routes import begin, send
from tests.service.support import Service
from tests.service.test_watching import film
from tests.store.support import step

SCARED_AT = [40.0, 55.0]
FILM_SECONDS = 70.0


@asynccontextmanager
async def working(service: Service) -> AsyncIterator[None]:
    parts, options = service.parts, WorkerOptions(poll_seconds=0.05)
    tools = Tools(parts.store, parts.spool, SystemClock(), options, signer=parts.signer)
    stop = asyncio.Event()
    running = asyncio.create_task(Worker(tools, all_handlers(), announcer(service.parts.bus)).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def jobs_of(service: Service, session_id: str) -> tuple[Job, ...]:
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        return (await work.jobs.list(session_id=UUID(session_id))).items


async def reported(service: Service, session_id: str) -> Job:
    """The job that reports of a session, when it has ended."""
    async with working(service):
        for _ in range(600):
            [job] = await jobs_of(service, session_id)
            if job.state.final:
                assert job.state is JobState.DONE, job.error
                return job
            await asyncio.sleep(0.05)
    raise AssertionError("no report was made")


async def watched(client: httpx.AsyncClient, session_id: str, **changes: Any) -> None:
    """A film of two scares, sent as an edge box does."""
    steps = film(UUID(session_id), FILM_SECONDS, scared_at=SCARED_AT, **changes)
    assert (await send(client, *steps))["refused"] == []


async def test_a_live_session_is_reported_as_a_recording_is(service: Service) -> None:
    async with service.client("analyst") as client, service.client("viewer") as viewer:
        async with service.parts.store.begin(service.organisation) as work:
            await work.webhooks.add("https://studio.example/hook", bytes(32), ["scare.detected", "job.done"])
        session_id = (await begin(client))["id"]
        await watched(client, session_id)
        assert await jobs_of(service, session_id) == ()
        for _ in range(2):
            await client.post(f"/api/v1/sessions/{session_id}/end")
        job = await reported(service, session_id)
        assert (job.kind, dict(job.result or {})["sources"]) == ("session_report", ["main"])

        [found] = (await viewer.get("/api/v1/reports", params={"session_id": session_id})).json()["items"]
        where = f"/api/v1/reports/{found['id']}"
        report = Report.model_validate_json((await viewer.get(f"{where}/document")).content)
        assert (report.session.session_id, report.complete, report.demo) == (session_id, True, False)
        assert len(report.timeline) == FILM_SECONDS / 0.5
        assert [event.start_seconds for event in report.events if event.kind == MomentKind.SCARE] == SCARED_AT
        assert report.provenance.detector.sha256 is None, "who sent the snapshots did not say"
        assert report.provenance.frames_read == sum(row.frames or 0 for row in report.timeline)

        exports = (await viewer.get(f"{where}/exports")).json()
        names = {file["name"] for file in exports["files"]}
        assert names >= {"report.html", "timeline.csv", "timeline.parquet", "shock_report.json"}
        page = (await viewer.get(f"{where}/files/report.html")).text
        assert "not told" in page
        rows = (await viewer.get(f"{where}/files/timeline.csv")).text.splitlines()
        assert len(rows) == 1 + len(report.timeline)
        marked = await viewer.get(f"{where}/markers/edl", params={"frame_rate": "25"})
        assert marked.status_code == 200

        moments = (await viewer.get(f"/api/v1/sessions/{session_id}/moments", params={"kind": "scare"})).json()
        assert [moment["start_seconds"] for moment in moments["moments"]] == SCARED_AT
        # The service that watched it told of nothing: the job did, and in its place no other will.
        async with service.parts.store.begin(service.organisation, read_only=True) as work:
            sent = (await work.deliveries.list()).items
        assert sorted(one.payload["at_seconds"] for one in sent if one.event == "scare.detected") == SCARED_AT
        assert [one.payload["kind"] for one in sent if one.event == "job.done"] == ["session_report"]


async def test_its_metrics_are_those_of_the_same_snapshots_anywhere(service: Service) -> None:
    async with service.client("analyst") as client:
        session_id = (await begin(client))["id"]
        await watched(client, session_id)
        await client.post(f"/api/v1/sessions/{session_id}/end")
        await reported(service, session_id)
        series = (await client.get(f"/api/v1/sessions/{session_id}/series")).json()["series"]
        expected: dict[str, SampleLog] = {}
        for metric in create_all(PROFILES["cinema"].audience.model_copy(update={"replicates": 0})):
            for snapshot in film(UUID(session_id), FILM_SECONDS, scared_at=SCARED_AT):
                metric.update(AudienceStep(snapshot, None))
            expected.update(metric.compute().series)
        assert series == sorted(slug for slug, log in expected.items() if len(log))
        for slug in series:
            told = (await client.get(f"/api/v1/sessions/{session_id}/series/{slug}")).json()
            assert told["value"] == pytest.approx([one.value for one in expected[slug]], abs=1e-3, nan_ok=True), slug


async def test_a_report_is_made_once_though_its_first_worker_died(service: Service) -> None:
    async with service.client("analyst") as client:
        session_id = (await begin(client))["id"]
        await watched(client, session_id)
        await client.post(f"/api/v1/sessions/{session_id}/end")
        async with service.parts.store.begin_system() as system:
            assert await system.queue.claim("the one that died", ["session_report"], lease_seconds=30)
        service.clock.advance(seconds=31)
        assert (await reported(service, session_id)).attempts == 2
        assert len((await client.get("/api/v1/reports", params={"session_id": session_id})).json()["items"]) == 1


async def test_reports_are_signed_where_the_operator_has_a_key(service: Service, tmp_path: Path) -> None:
    public = new_key(tmp_path / "key.pem")
    settings = service.parts.settings.model_copy(update={"report_key": tmp_path / "key.pem"})
    parts = ServiceParts(settings, service.parts.store, service.parts.bus, service.parts.clock)
    signing = replace(service, app=create_app(parts), parts=parts)
    async with service.client("viewer") as client:
        assert (await client.get("/api/v1/reports/signing_key")).status_code == 404
    async with signing.client("analyst") as client:
        session_id = (await begin(client))["id"]
        await watched(client, session_id)
        await client.post(f"/api/v1/sessions/{session_id}/end")
        await reported(signing, session_id)
        [found] = (await client.get("/api/v1/reports", params={"session_id": session_id})).json()["items"]
        where = f"/api/v1/reports/{found['id']}"
        names = {file["name"] for file in (await client.get(f"{where}/exports")).json()["files"]}
        assert "report.json.sig" in names
        told = tmp_path / "report.json"
        told.write_bytes((await client.get(f"{where}/document")).content)
        (tmp_path / "report.json.sig").write_bytes((await client.get(f"{where}/files/report.json.sig")).content)
        (tmp_path / "theirs.pub").write_text((await client.get("/api/v1/reports/signing_key")).text)
    assert verify(told, tmp_path / "theirs.pub") == verify(told, public)
    told.write_text(told.read_text().replace(session_id, str(uuid4())))
    with pytest.raises(AlteredError):
        verify(told, public)


async def test_each_source_has_a_report_and_parts_of_the_hall_are_in_it(service: Service) -> None:
    async with service.client("analyst") as client:
        session_id = (await begin(client))["id"]
        await watched(client, session_id, source="left")
        await watched(client, session_id, source="left", zone="balcony")
        await watched(client, session_id)
        await client.post(f"/api/v1/sessions/{session_id}/end")
        await reported(service, session_id)
        items = (await client.get("/api/v1/reports", params={"session_id": session_id})).json()["items"]
        told = [(await client.get(f"/api/v1/reports/{item['id']}/document")).json() for item in items]
    zones = {one["provenance"]["input"]["name"]: [zone["zone"] for zone in one["zones"] or ()] for one in told}
    assert zones == {f"session {session_id} left": ["balcony"], f"session {session_id}": []}


async def test_a_report_tells_of_a_zone_what_its_timeline_does(service: Service) -> None:
    async with service.client("analyst") as client, service.client("viewer") as viewer:
        session_id = (await begin(client, step_seconds=0.5))["id"]
        for zone, people in (("all", 12), ("left", 10)):
            # Nobody else was there in the second half: only then the zone tells of nobody but itself.
            counts = [people if at < 20 else 10 for at in range(40)]
            steps = [
                step(UUID(session_id), 0.5 * at, duration_seconds=0.5, zone=zone, present=n, readable=n, tracks=n)
                for at, n in enumerate(counts)
            ]
            assert (await send(client, *steps))["refused"] == []
        await client.post(f"/api/v1/sessions/{session_id}/end")
        await reported(service, session_id)
        timeline = (await viewer.get(f"/api/v1/sessions/{session_id}/timeline", params={"zone": "left"})).json()
        [found] = (await viewer.get("/api/v1/reports", params={"session_id": session_id})).json()["items"]
        where = f"/api/v1/reports/{found['id']}"
        rows = list(DictReader(StringIO((await viewer.get(f"{where}/files/zones.csv")).text)))
        report = Report.model_validate_json((await viewer.get(f"{where}/document")).content)
    hidden = timeline["columns"]["suppressed"]
    assert hidden == [True] * 20 + [False] * 20
    assert [row["state"] == "suppressed" for row in rows] == hidden
    assert [row["present_faces"] for row in rows] == [""] * 20 + ["10"] * 20
    [part] = report.zones or ()
    assert (part.coverage.steps_read, part.coverage.steps_suppressed) == (20, 20)
    assert report.coverage.steps_read == 40, "the whole is told as ever"


async def test_what_nobody_ended_is_ended_and_says_so(service: Service) -> None:
    async with service.client("analyst") as client:
        session_id, empty = (await begin(client))["id"], (await begin(client))["id"]
        await watched(client, session_id)
        assert await end_forgotten(service.parts.store) == 0
        service.clock.advance(days=2)
        assert await end_forgotten(service.parts.store) == 2
        assert await end_forgotten(service.parts.store) == 0
        assert await jobs_of(service, empty) == ()
        await reported(service, session_id)
        async with service.parts.store.begin(service.organisation, read_only=True) as work:
            assert (await work.sessions.get(UUID(empty))).state is SessionState.ENDED
            [report] = (await work.reports.list(session_id=UUID(session_id))).items
            told = Report.model_validate_json(await work.reports.content(report.id))
        assert (told.complete, told.stopped_because) == (False, "forgotten")


async def test_what_is_ended_late_is_kept_no_longer_for_that(service: Service) -> None:
    async with service.client("analyst") as client:
        late, due = (await begin(client, retention_days=3)), (await begin(client, retention_days=1))
    service.clock.advance(days=4)
    assert await end_forgotten(service.parts.store) == 1, "what is due is deleted as it is"
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        ended = await work.sessions.get(UUID(late["id"]))
        with pytest.raises(NotFoundError):
            await work.sessions.get(UUID(due["id"]))
    assert ended.state is SessionState.ENDED
    assert ended.delete_after == ended.started_at + timedelta(days=5)


async def test_several_that_end_a_session_at_once_end_it_once(service: Service) -> None:
    async with service.client("analyst") as client:
        async with service.parts.store.begin(service.organisation) as work:
            await work.webhooks.add("https://studio.example/hook", bytes(32), ["session.ended"])
        session_id = (await begin(client))["id"]
        await watched(client, session_id)
        at = f"/api/v1/sessions/{session_id}/end"
        answers = await asyncio.gather(*(client.post(at) for _ in range(5)))
    assert {answer.json()["ended_at"] for answer in answers} == {answers[0].json()["ended_at"]}
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        assert len((await work.deliveries.list()).items) == 1
        assert len((await work.audit.list(action="session.ended")).items) == 1
    assert len(await jobs_of(service, session_id)) == 1


@pytest.mark.parametrize("before_its_end", [True, False])
async def test_nothing_more_is_reckoned_once_a_consent_was_taken_back(service: Service, before_its_end: bool) -> None:
    async with service.client("analyst") as client:
        asked = {"consent": {"wording_sha256": "ab" * 32, "scopes": ["measure"]}}
        enrolled = (await client.post("/api/v1/respondents", json=asked)).json()
        consent = enrolled["consent"]["id"]
        told = {"respondent_id": enrolled["respondent"]["id"], "consent_id": consent}
        session_id = (await begin(client, profile="interview", basis="consent", **told))["id"]
        await watched(client, session_id)
        if not before_its_end:
            await client.post(f"/api/v1/sessions/{session_id}/end")
        assert (await client.post(f"/api/v1/consents/{consent}/withdraw")).status_code == 200
        found = await jobs_of(service, session_id)
        if found:
            async with working(service):
                while not (found := await jobs_of(service, session_id))[0].state.final:
                    await asyncio.sleep(0.05)
        assert [(job.state, job.attempts) for job in found] == ([] if before_its_end else [(JobState.CANCELLED, 0)])
        assert (await client.get("/api/v1/reports", params={"session_id": session_id})).json()["items"] == []


async def test_what_is_gone_at_its_end_is_not_reported(service: Service) -> None:
    async with service.client("analyst") as client:
        session_id = (await begin(client, retention_days=0))["id"]
        await watched(client, session_id)
        await client.post(f"/api/v1/sessions/{session_id}/end")
        # At once: the sweep that deletes it may come hours later.
        for path in ("", "/timeline", "/lanes", "/moments", "/series", "/privacy", "/presence", "/events"):
            assert (await client.get(f"/api/v1/sessions/{session_id}{path}")).status_code == 404, path
        assert (await client.get("/api/v1/sessions")).json()["items"] == []
        assert (await client.post(f"/api/v1/sessions/{session_id}/end")).status_code == 404
    assert await jobs_of(service, session_id) == ()

"""Respondents and their consents, retention and its proofs, export and erasure, the audit, the gate and privacy."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from mien.core.policy import Basis, Purpose
from mien.core.settings import PROFILES
from mien.service.duties import sweep, sweep_again
from mien.service.permissions import ways
from mien.store.database import Store
from mien.store.file_records import SpooledKind
from mien.store.packing import TimelineColumns
from mien.store.records import SessionRecord
from mien.store.repositories.snapshots import Snapshots
from mien.store.repositories.spooled_files import SpooledDraft
from tests.service.support import Service
from tests.store.support import draft, grant, step

WORDS = "I agree that my reactions are measured."
WORDING = hashlib.sha256(WORDS.encode()).hexdigest()


def consent(*scopes: str) -> dict[str, Any]:
    return {"wording_sha256": WORDING, "scopes": list(scopes)}


async def enrolled(service: Service, *scopes: str, **segments: str) -> tuple[str, str]:
    async with service.client("analyst") as client:
        answer = await client.post(
            "/api/v1/respondents", json={"consent": consent(*(scopes or ("measure",))), "segments": segments}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["respondent"]["id"], answer.json()["consent"]["id"]


async def session_of(service: Service, respondent: str, agreed: str, snapshots: int = 0) -> SessionRecord:
    async with service.parts.store.begin(service.organisation) as work:
        session = await work.sessions.begin(
            draft(
                grant=grant(profile="interview", basis=Basis.CONSENT),
                respondent_id=UUID(respondent),
                consent_id=UUID(agreed),
            )
        )
        for first in range(0, snapshots, 1000):
            count = min(1000, snapshots - first)
            await work.snapshots.ingest(
                [step(session, (first + n) * 0.5, present=1, readable=1, tracks=1) for n in range(count)]
            )
        return session


async def audited(service: Service, **filters: Any) -> list[dict[str, Any]]:
    async with service.client("admin") as client:
        answer = await client.get("/api/v1/audit_entries", params={"limit": 1000, **filters})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


async def test_what_somebody_says_of_themselves_is_kept_only_if_they_agreed_to_it(service: Service) -> None:
    async with service.client("analyst") as client:
        refused = await client.post(
            "/api/v1/respondents", json={"consent": consent("measure"), "segments": {"age_band": "25-34"}}
        )
        assert refused.status_code == 403
        assert "'segments'" in refused.json()["detail"]
        assert (await client.get("/api/v1/respondents")).json()["items"] == []
        key, _ = await enrolled(service, "measure")
        path = f"/api/v1/respondents/{key}"
        told = {"segments": {"age_band": "25-34", "country": "DE"}}
        assert (await client.put(f"{path}/segments", json=told)).status_code == 403
        assert (await client.post(f"{path}/consents", json=consent("segments"))).status_code == 201
        assert (await client.put(f"{path}/segments", json=told)).json()["segments"] == told["segments"]
        assert (await client.get(path)).json()["segments"] == told["segments"]
        held = (await client.get(f"{path}/consents")).json()["items"]
        assert [c["scopes"] for c in held] == [["measure"], ["segments"]]
        assert {c["wording_sha256"] for c in held} == {WORDING}


@pytest.mark.parametrize(
    "asked",
    [
        {"consent": {"wording_sha256": "ab", "scopes": ["measure"]}},
        {"consent": {"wording_sha256": WORDING.upper(), "scopes": ["measure"]}},
        {"consent": {"wording_sha256": WORDING, "scopes": []}},
        {"consent": {"wording_sha256": WORDING, "scopes": ["everything"]}},
        {},
        {"consent": consent("segments"), "segments": {"Age Band": "25-34"}},
        {"consent": consent("segments"), "segments": {"age_band": "a" * 81}},
        {"consent": consent("segments"), "segments": {"age_band": "\u0000"}},
        {"consent": consent("segments"), "segments": {f"a{n}": "b" for n in range(21)}},
        {"consent": consent("measure"), "name": "Anna"},
    ],
)
async def test_who_cannot_be_enrolled(service: Service, asked: dict[str, Any]) -> None:
    async with service.client("analyst") as client:
        assert (await client.post("/api/v1/respondents", json=asked)).status_code == 422


async def test_respondents_are_not_for_viewers(service: Service) -> None:
    key, agreed = await enrolled(service)
    async with service.client("viewer") as client:
        for path in ("respondents", f"respondents/{key}", f"respondents/{key}/consents", f"consents/{agreed}"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 403, path
    async with service.client("analyst") as client:
        assert (await client.get(f"/api/v1/respondents/{key}/export")).status_code == 403
        assert (await client.delete(f"/api/v1/respondents/{key}")).status_code == 403


async def test_a_consent_that_is_taken_back_ends_sessions_and_takes_segments_with_it(service: Service) -> None:
    key, agreed = await enrolled(service, "measure", "segments", age_band="25-34")
    other, other_agreed = await enrolled(service, "measure")
    session, untouched = await session_of(service, key, agreed), await session_of(service, other, other_agreed)
    async with service.parts.store.begin(service.organisation) as work:
        await work.webhooks.add("https://studio.example/", b"s" * 32, ["session.ended"])
    async with service.client("analyst") as client:
        told = (await client.post(f"/api/v1/consents/{agreed}/withdraw")).json()
        assert told["sessions_ended"] == [str(session.id)]
        assert told["segments_erased"] is True
        assert told["consent"]["withdrawn_at"] is not None
        assert "delete the respondent" in told["still_held"]
        again = (await client.post(f"/api/v1/consents/{agreed}/withdraw")).json()
        assert (again["sessions_ended"], again["consent"]) == ([], told["consent"])
        assert (await client.get(f"/api/v1/respondents/{key}")).json()["segments"] == {}
        refused = await client.put(f"/api/v1/respondents/{key}/segments", json={"segments": {"age_band": "25-34"}})
        assert refused.status_code == 403
    async with service.parts.store.begin(service.organisation) as work:
        assert (await work.sessions.get(session.id)).state == "ended"
        assert (await work.sessions.get(untouched.id)).state == "open"
        [message] = (await work.deliveries.list()).items
        assert message.payload["reason"] == "consent_withdrawn"
    assert len(await audited(service, action="consent.withdrawn")) == 1


async def test_a_consent_that_is_taken_back_cancels_the_jobs_of_its_sessions(service: Service) -> None:
    key, agreed = await enrolled(service)
    session = await session_of(service, key, agreed)
    async with service.parts.store.begin(service.organisation) as work:
        await work.webhooks.add("https://studio.example/", b"s" * 32, ["job.cancelled"])
        job = await work.jobs.enqueue("analysis", {}, session_id=session.id)
    async with service.client("analyst") as client:
        told = (await client.post(f"/api/v1/consents/{agreed}/withdraw")).json()
        assert told["jobs_cancelled"] == [str(job.id)]
        assert (await client.get(f"/api/v1/jobs/{job.id}")).json()["state"] == "cancelled"
    [entry] = await audited(service, action="consent.withdrawn")
    assert entry["detail"]["jobs_cancelled"] == [str(job.id)]
    async with service.parts.store.begin(service.organisation) as work:
        [message] = (await work.deliveries.list()).items
    assert message.payload["job_id"] == str(job.id)


async def test_a_basis_of_consent_names_the_consent(service: Service) -> None:
    key, agreed = await enrolled(service)
    asked = {"purpose": "audience_research", "basis": "consent", "profile": "interview"}
    async with service.client("analyst") as client:
        refused = await client.post("/api/v1/sessions", json=asked)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:mien:problem:not-permitted")
        assert "consent_id" in refused.json()["detail"]
        begun = await client.post("/api/v1/sessions", json={**asked, "respondent_id": key, "consent_id": agreed})
        assert begun.status_code == 201, begun.text
        assert len((await client.get("/api/v1/sessions")).json()["items"]) == 1


async def test_an_exception_is_an_admins_to_make_and_its_reason_is_audited(service: Service) -> None:
    reason = "Fatigue of crane drivers; works council of 3 May."
    asked = {"purpose": "workplace", "basis": "notice", "jurisdiction": "DE", "exception": reason}
    async with service.client("analyst") as client:
        refused = await client.post("/api/v1/sessions", json=asked)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:mien:problem:role")
        assert "admin" in refused.json()["detail"]
        assert (await client.get("/api/v1/sessions")).json()["items"] == []
    async with service.client("admin") as client:
        begun = await client.post("/api/v1/sessions", json=asked)
        assert begun.status_code == 201, begun.text
    [entry] = await audited(service, action="exception.made")
    assert (entry["actor"], entry["subject"]) == (f"user:{service.people['admin'].number}", begun.json()["id"])
    assert entry["detail"] == {"purpose": "workplace", "jurisdiction": "DE", "reason": reason}


async def test_segments_stay_where_another_consent_covers_them(service: Service) -> None:
    key, agreed = await enrolled(service, "measure", "segments", age_band="25-34")
    async with service.client("analyst") as client:
        await client.post(f"/api/v1/respondents/{key}/consents", json=consent("segments"))
        told = (await client.post(f"/api/v1/consents/{agreed}/withdraw")).json()
        assert told["segments_erased"] is False
        assert (await client.get(f"/api/v1/respondents/{key}")).json()["segments"] == {"age_band": "25-34"}


async def test_what_is_due_is_deleted_on_request_and_the_proof_can_be_read(service: Service) -> None:
    key, agreed = await enrolled(service)
    session = await session_of(service, key, agreed, snapshots=5)
    async with service.parts.store.begin(service.other) as work:
        theirs = await work.sessions.begin(draft(retention_days=1))
    async with service.client("admin") as client:
        assert (await client.post("/api/v1/retention/sweep")).json() == {"deletions": []}
        service.clock.advance(days=40)
    async with service.client("admin") as client:
        [deleted] = (await client.post("/api/v1/retention/sweep")).json()["deletions"]
        assert deleted["sessions"] == [str(session.id)]
        assert (deleted["actor"], deleted["action"]) == ("retention", "session.expired")
        assert (deleted["rows_deleted"]["snapshots"], deleted["rows_deleted"]["sessions"]) == (5, 1)
        assert (await client.get("/api/v1/deletions")).json()["items"] == [deleted]
        assert (await client.get(f"/api/v1/deletions/{deleted['id']}")).json() == deleted
        [entry] = await audited(
            service, action="retention.swept", subject_kind="organisation", since="2026-12-01T00:00:00Z"
        )
        assert (await client.get(f"/api/v1/deletions/{entry['id']}")).status_code == 404
    async with service.parts.store.begin(service.other) as work:
        # Another organisation's is left to the service's own sweep: the session is stored still.
        assert await work.snapshots.lanes(theirs.id) == ()
    [proof] = await sweep(service.parts.store)
    assert proof.subjects == (theirs.id,)


async def test_the_sweep_goes_on_after_a_failure(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    async def fail_once(*_: Any, **__: Any) -> tuple[()]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the database is away")
        if len(calls) == 3:
            stop.set()
        return ()

    stop = asyncio.Event()
    monkeypatch.setattr(type(service.parts.store), "sweep", fail_once)
    await asyncio.wait_for(sweep_again(service.parts.store, stop, 0.01), 5)
    assert len(calls) == 3


async def test_a_large_respondent_is_exported_whole_and_erased_within_a_minute(service: Service) -> None:
    """Six sessions of an hour at a step each half second."""
    key, agreed = await enrolled(service, "measure", "segments", age_band="25-34")
    sessions = [await session_of(service, key, agreed, snapshots=7200) for _ in range(6)]
    began = time.monotonic()
    async with service.client("admin", timeout=120) as client:
        answer = await client.get(f"/api/v1/respondents/{key}/export")
        exported = time.monotonic() - began
        assert answer.headers["cache-control"] == "no-store"
        told = json.loads(answer.content)
        assert {s["session"]["id"] for s in told["sessions"]} == {str(s.id) for s in sessions}
        assert [len(s["snapshots"]) for s in told["sessions"]] == [7200] * 6
        assert told["respondent"]["segments"] == {"age_band": "25-34"}
        assert told["consents"][0]["wording_sha256"] == WORDING
        began = time.monotonic()
        erased = await client.delete(f"/api/v1/respondents/{key}")
        deletion = time.monotonic() - began
        assert erased.json()["rows_deleted"]["snapshots"] == 7200 * 6
        assert set(erased.json()["sessions"]) == {str(s.id) for s in sessions}
        for path in (f"/api/v1/respondents/{key}", f"/api/v1/respondents/{key}/export"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get(f"/api/v1/deletions/{erased.json()['id']}")).json() == erased.json()
    assert exported < 60
    assert deletion < 60
    actions = [e["action"] for e in await audited(service, subject=key)]
    assert actions == ["respondent.enrolled", "respondent.exported", "respondent.erased"]


async def test_an_export_holds_reports_and_the_files_beside_them(service: Service) -> None:
    key, agreed = await enrolled(service)
    session = await session_of(service, key, agreed, snapshots=2)
    async with service.parts.store.begin(service.organisation) as work:
        report = await work.reports.add("report", {"headline": "Äußerst still"}, session_id=session.id)
        for name, kind, content in (
            ("report.html", "text/html", "<p>Äußerst still</p>".encode()),
            ("raw.bin", "application/octet-stream", b"\xff\x00"),
        ):
            await work.report_files.add(report.id, session.id, name, kind, content)
    async with service.client("admin") as client:
        told = (await client.get(f"/api/v1/respondents/{key}/export")).json()
    [one] = told["sessions"]
    assert one["reports"] == [{"headline": "Äußerst still"}]
    page, raw = one["report_files"]
    assert (page["name"], page["content"], page["report_id"]) == ("report.html", "<p>Äußerst still</p>", str(report.id))
    assert (raw["name"], base64.b64decode(raw["content_base64"])) == ("raw.bin", b"\xff\x00")


async def test_an_export_names_jobs_and_what_lies_encrypted(service: Service) -> None:
    key, agreed = await enrolled(service)
    session, another = await session_of(service, key, agreed), await session_of(service, *await enrolled(service))
    sealed, content = b"k" * 40, uuid4()
    async with service.parts.store.begin(service.organisation) as work:
        for at, file_id, kind, name in (
            (session.id, content, SpooledKind.RESULT, "faces.csv"),
            (session.id, uuid4(), SpooledKind.UPLOAD, "upload"),
            (another.id, uuid4(), SpooledKind.RESULT, "annotated.mp4"),
        ):
            await work.spooled_files.begin(
                SpooledDraft(file_id, kind, sealed, 3600.0, name, "text/csv", 10, session_id=at, complete=True)
            )
        job = await work.jobs.enqueue("session_report", {"sources": ["main", "side"]}, session_id=session.id)
        await work.jobs.enqueue("session_report", {}, session_id=another.id)
    async with service.client("admin") as client:
        answer = await client.get(f"/api/v1/respondents/{key}/export")
    [one] = answer.json()["sessions"]
    [told] = one["jobs"]
    assert (told["id"], told["kind"], told["payload"]) == (str(job.id), job.kind, {"sources": ["main", "side"]})
    files = {file["name"]: file for file in one["spooled_files"]}
    assert {name: file["kind"] for name, file in files.items()} == {"faces.csv": "result", "upload": "upload"}
    assert (files["faces.csv"]["id"], files["faces.csv"]["length_bytes"]) == (str(content), 10)
    assert sealed.hex() not in answer.text, "no key that opens a file"


async def test_the_audit_is_read_by_what_is_asked_for(service: Service) -> None:
    key, _ = await enrolled(service)
    service.clock.advance(minutes=1)
    later = service.clock.now().isoformat()
    other, _ = await enrolled(service)
    everything = await audited(service)
    assert [e["action"] for e in everything] == ["respondent.enrolled", "consent.given"] * 2
    actor = f"user:{service.people['analyst'].number}"
    for filters, count in (
        ({"actor": actor}, 4), ({"actor": "user:1"}, 0), ({"action": "consent.given"}, 2), ({"subject": other}, 1),
        ({"subject_kind": "respondent"}, 2), ({"since": later}, 2), ({"until": later}, 2),
        ({"since": later, "subject": key}, 0),
    ):  # fmt: skip
        assert len(await audited(service, **filters)) == count, filters
    async with service.client("admin") as client:
        first = (await client.get("/api/v1/audit_entries", params={"limit": 3})).json()
        rest = (await client.get("/api/v1/audit_entries", params={"limit": 3, "after": first["after"]})).json()
        assert first["items"] + rest["items"] == everything
        assert rest["after"] is None
        one = everything[0]
        assert (await client.get(f"/api/v1/audit_entries/{one['id']}")).json() == one


async def test_nobody_changes_an_entry_of_the_audit_and_only_admins_read_it(service: Service) -> None:
    await enrolled(service)
    [one, *_] = before = await audited(service)
    async with service.client("admin") as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/api/v1/audit_entries", f"/api/v1/audit_entries/{one['id']}"):
                assert (await client.request(method, path, json={})).status_code == 405, (method, path)
    for who in ("analyst", "viewer"):
        async with service.client(who) as client:
            assert (await client.get("/api/v1/audit_entries")).status_code == 403
            assert (await client.get(f"/api/v1/audit_entries/{one['id']}")).status_code == 403
            assert (await client.get("/api/v1/deletions")).status_code == 403
    assert await audited(service) == before


async def rules(service: Service, purpose: str, **params: str) -> dict[str, Any]:
    async with service.client("viewer") as client:
        answer = await client.get(f"/api/v1/purposes/{purpose}", params=params)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def test_what_a_purpose_needs_is_what_the_gate_says(service: Service) -> None:
    cinema = await rules(service, "audience_research")
    assert cinema["refusal_without"] is None
    assert [(w["basis"], w["jurisdiction"], w["exception"]) for w in cinema["ways"]] == [(None, False, False)]
    assert cinema["min_group"] == 5
    alone = await rules(service, "audience_research", profile="interview")
    assert {w["basis"] for w in alone["ways"]} == {"own_recording", "consent"}
    assert "own_recording" in alone["refusal_without"]
    school = await rules(service, "education", jurisdiction="de")
    assert "prohibited in DE" in school["refusal_without"]
    assert [(w["jurisdiction"], w["exception"]) for w in school["ways"]] == [(True, True)]
    unplaced = await rules(service, "education")
    assert unplaced["ways"] == []
    assert "needs a jurisdiction" in unplaced["refusal_without"]
    elsewhere = await rules(service, "workplace", jurisdiction="US")
    assert [(w["jurisdiction"], w["exception"]) for w in elsewhere["ways"]] == [(True, False)]
    nowhere = await rules(service, "workplace", jurisdiction="XX")
    assert nowhere["ways"] == []
    async with service.client("viewer") as client:
        assert (await client.get("/api/v1/purposes/fun")).status_code == 422
        assert (await client.get("/api/v1/purposes/research", params={"profile": "x"})).status_code == 404
        assert (
            await client.get("/api/v1/purposes/research", params={"jurisdiction": "Deutschland"})
        ).status_code == 422


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_way_that_is_told_is_a_way_through(purpose: Purpose, profile: str) -> None:
    for place in (None, "DE", "US"):
        for way in ways(purpose, place, PROFILES[profile]):
            assert way.grant.min_group == PROFILES[profile].audience.min_group


async def test_the_privacy_page_tells_what_the_code_keeps(service: Service) -> None:
    async with service.client("viewer") as client:
        told = (await client.get("/api/v1/privacy")).json()
    assert told["stored"]["contains_pii"] is False
    assert told["stored"]["json_schema"]["additionalProperties"] is False
    assert set(told["stored"]["json_schema"]["properties"]) == set(told["stored"]["fields"])
    assert not {"face", "box", "landmarks", "image", "embedding", "track_id"} & set(told["stored"]["fields"])
    assert told["demographic_inference"] is False
    assert (told["min_groups"]["cinema"], told["filtered_min_group"]) == (5, 10)


async def test_a_session_tells_how_private_it_is(service: Service) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        hall = await work.sessions.begin(draft())
        await work.snapshots.ingest([step(hall, n * 0.5) for n in range(4)])
        hidden = [
            step(hall, 10.0)
            .model_copy(update={"suppressed": True})
            .model_dump(include={"session_id", "media_time", "duration_seconds", "suppressed"})
        ]
        await work.snapshots.ingest([type(step(hall, 0.0)).model_validate(one) for one in hidden])
    key, agreed = await enrolled(service)
    alone = await session_of(service, key, agreed, snapshots=2)
    async with service.client("viewer") as client:
        told = (await client.get(f"/api/v1/sessions/{hall.id}/privacy")).json()
        assert (told["contains_pii"], told["privacy_level"], told["min_group"]) == (False, "anonymized", 5)
        assert (told["steps"], told["steps_suppressed"]) == (5, 1)
        one = (await client.get(f"/api/v1/sessions/{alone.id}/privacy")).json()
        assert (one["contains_pii"], one["privacy_level"]) == (True, "personal")
        assert any("personal data" in notice for notice in one["notices"])
    assert len(await audited(service, action="session.privacy_read")) == 2


async def test_how_private_a_session_is_is_told_by_reading_each_of_its_lanes_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"all": 31, "left": 12, "middle": 10, "right": 6}
    async with service.parts.store.begin(service.organisation) as work:
        hall = await work.sessions.begin(draft())
        for source, zones in (("main", ("all", "left", "middle", "right")), ("side", ("all",)), ("door", ("left",))):
            counts = {zone: dict.fromkeys(("present", "readable", "tracks"), people[zone]) for zone in zones}
            for zone in zones:
                await work.snapshots.ingest(
                    [step(hall, n * 0.5, source=source, zone=zone, **counts[zone]) for n in range(6)]
                )
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        lanes = await work.snapshots.lanes(hall.id)
        told = [await work.snapshots.told(hall.id, source=lane.source, zone=lane.zone) for lane in lanes]
    read: list[tuple[str, str]] = []
    begun: list[bool] = []
    timeline, begin = Snapshots.timeline, Store.begin

    async def reading(self: Snapshots, session_id: UUID, *, source: str, zone: str, **rest: Any) -> TimelineColumns:
        assert begun[-1], "nobody waits to write while timelines are read"
        read.append((source, zone))
        return await timeline(self, session_id, source=source, zone=zone, **rest)

    def beginning(self: Store, organisation: UUID, *, read_only: bool = False) -> Any:
        begun.append(read_only)
        return begin(self, organisation, read_only=read_only)

    monkeypatch.setattr(Snapshots, "timeline", reading)
    monkeypatch.setattr(Store, "begin", beginning)
    async with service.client("viewer") as client:
        told_of = await client.get(f"/api/v1/sessions/{hall.id}/privacy")
    answer = told_of.json()
    assert sorted(read) == sorted((lane.source, lane.zone) for lane in lanes)
    hidden = sum(int(columns["suppressed"].sum()) for columns in told)
    assert hidden > 0
    assert (answer["steps"], answer["steps_suppressed"]) == (sum(map(len, told)), hidden)

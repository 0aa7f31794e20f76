"""Sessions, snapshots and what is read of them, over HTTP."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from mien.core.findings import MetricSample, Moment, MomentKind, SampleLog
from tests.service.support import Service
from tests.store.support import step
from tests.store.test_wire import full

DECLARED = {"purpose": "audience_research", "basis": "notice"}


async def begin(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/sessions", json={**DECLARED, **changes})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def send(client: httpx.AsyncClient, *snapshots: Any) -> dict[str, Any]:
    told = [s if isinstance(s, dict) else s.model_dump(mode="json", exclude_none=True) for s in snapshots]
    answer = await client.post("/api/v1/snapshots", json=told)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def actions(service: Service) -> list[str]:
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        return [entry.action for entry in (await work.audit.list(limit=1000)).items]


async def test_a_session_whose_time_is_over_is_gone_before_it_is_deleted(service: Service) -> None:
    async with service.client("analyst") as client:
        session = UUID((await begin(client, retention_days=1))["id"])
        async with service.parts.store.begin(service.organisation) as work:
            report = await work.reports.add("report", {"demo": False}, session_id=session)
            job = await work.jobs.enqueue("session_report", {}, session_id=session)
        service.clock.advance(days=4)
    async with service.client("analyst") as client:
        at = f"/api/v1/sessions/{session}"
        assert (await client.get(at)).status_code == 404
        assert (await client.patch(at, json={"retention_days": 0})).status_code == 404
        assert (await client.post(f"{at}/end")).status_code == 404
        assert (await client.get(f"/api/v1/reports/{report.id}")).status_code == 404
        for query in ({}, {"session_id": str(session)}):
            assert (await client.get("/api/v1/reports", params=query)).json()["items"] == []
        assert (await send(client, step(session, 0.0)))["refused"][0]["reason"] == "there is no such session."
        assert (await client.get(f"/api/v1/jobs/{job.id}")).status_code == 200
        assert (await client.delete(at)).status_code == 200
        assert (await client.get(f"/api/v1/jobs/{job.id}")).status_code == 404


async def test_a_session_is_begun_ended_and_listed(service: Service) -> None:
    async with service.client("analyst") as client:
        session = await begin(client)
        assert (session["state"], session["min_group"], session["label_set"]) == ("open", 5, "cinema7")
        assert (await client.get(f"/api/v1/sessions/{session['id']}")).json() == session
        other = await begin(client, profile="interview", basis="own_recording", step_seconds=1.5, retention_days=0)
        assert (other["min_group"], other["step_seconds"], other["label_set"]) == (1, 1.5, "ferplus8")
        ended = (await client.post(f"/api/v1/sessions/{session['id']}/end")).json()
        assert ended["state"] == "ended"
        assert ended["ended_at"] is not None
        assert (await client.post(f"/api/v1/sessions/{session['id']}/end")).json() == ended
        listed = (await client.get("/api/v1/sessions", params={"state": "open"})).json()
        assert [s["id"] for s in listed["items"]] == [other["id"]]
        shorter = await client.patch(f"/api/v1/sessions/{session['id']}", json={"retention_days": 3})
        assert shorter.json()["retention_days"] == 3
        longer = await client.patch(f"/api/v1/sessions/{session['id']}", json={"retention_days": 4})
        assert longer.status_code == 409
    assert (await actions(service)).count("session.ended") == 1


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ({"purpose": "workplace", "basis": "notice"}, "jurisdiction"),
        ({"purpose": "education", "basis": "notice", "jurisdiction": "DE"}, "exception"),
        ({"purpose": "medical_or_safety", "basis": "notice"}, "exception"),
        ({"purpose": "personal", "profile": "interview"}, "basis"),
        ({"purpose": "audience_research", "min_group": 2, "basis": "notice"}, "basis"),
    ],
)
async def test_what_the_law_forbids_is_refused_and_the_answer_names_what_to_declare(
    service: Service, declared: dict[str, Any], named: str
) -> None:
    async with service.client("analyst") as client:
        answer = await client.post("/api/v1/sessions", json=declared)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert named in answer.json()["detail"]
        assert (await client.get("/api/v1/sessions")).json()["items"] == []


async def test_viewers_read_and_do_not_write(service: Service) -> None:
    async with service.client("viewer") as viewer, service.client("analyst") as analyst:
        session = await begin(analyst)
        assert (await viewer.post("/api/v1/sessions", json=DECLARED)).status_code == 403
        assert (await viewer.post("/api/v1/snapshots", json=[])).status_code == 403
        assert (await viewer.post(f"/api/v1/sessions/{session['id']}/end")).status_code == 403
        assert (await viewer.delete(f"/api/v1/sessions/{session['id']}")).status_code == 403
        assert (await viewer.get(f"/api/v1/sessions/{session['id']}")).status_code == 200


async def test_a_batch_of_several_sessions_is_kept_and_what_cannot_be_taken_is_told(service: Service) -> None:
    async with service.client("analyst") as client:
        one, two = await begin(client), await begin(client)
        ended = await begin(client)
        await client.post(f"/api/v1/sessions/{ended['id']}/end")
        snapshot = step(UUID(one["id"]), 0.0).model_dump(mode="json", exclude_none=True)
        batch = [
            snapshot,
            {**snapshot, "box": [1, 2, 3, 4]},
            step(UUID(two["id"]), 0.0),
            step(UUID(ended["id"]), 0.0),
            {**snapshot, "media_time": 0.5, "readable": 4},
            step(uuid4(), 0.0),
        ]
        assert await send(client, *batch) == {
            "accepted": 2,
            "refused": [
                {"position": 1, "reason": "it holds a field that no snapshot has."},
                {"position": 3, "reason": "the session has ended."},
                {
                    "position": 4,
                    "reason": "it tells of 4 where the session's smallest group is 5: suppress it.",
                },
                {"position": 5, "reason": "there is no such session."},
            ],
        }
        assert (await send(client, snapshot))["accepted"] == 1, "again does no harm"
        single = await client.post("/api/v1/snapshots", json={**snapshot, "media_time": 1.0})
        assert single.json() == {"accepted": 1, "refused": []}
        lanes = (await client.get(f"/api/v1/sessions/{one['id']}/lanes")).json()["lanes"]
        assert lanes == [{"source": "main", "zone": "all", "count": 2, "first_seconds": 0.0, "last_seconds": 1.0}]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"3", b"\xff"])
async def test_what_is_no_batch_is_refused(service: Service, body: bytes) -> None:
    async with service.client("analyst") as client:
        answer = await client.post("/api/v1/snapshots", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        other = await client.post("/api/v1/snapshots", content=b"[]", headers={"content-type": "text/plain"})
        assert other.status_code == 415


async def test_another_organisation_sees_nothing_and_cannot_add(service: Service) -> None:
    async with service.client("analyst") as client, service.client("other_admin") as stranger:
        session = await begin(client)
        await send(client, step(UUID(session["id"]), 0.0))
        base = f"/api/v1/sessions/{session['id']}"
        for path in ("", "/timeline", "/lanes", "/moments", "/series", "/series/shock", "/presence", "/events"):
            foreign, unknown = await stranger.get(base + path), await stranger.get(f"/api/v1/sessions/{uuid4()}{path}")
            assert foreign.status_code == unknown.status_code == 404
        for method, path in (("POST", "/end"), ("DELETE", ""), ("PATCH", "")):
            answer = await stranger.request(
                method, base + path, json={"retention_days": 0} if method == "PATCH" else None
            )
            assert answer.status_code == 404
        told = await send(stranger, step(UUID(session["id"]), 0.5))
        assert told == {"accepted": 0, "refused": [{"position": 0, "reason": "there is no such session."}]}
        assert (await stranger.get("/api/v1/sessions")).json()["items"] == []


@pytest.mark.parametrize("ends", [False, True])
async def test_a_timeline_comes_by_columns_as_json_and_as_npz(service: Service, ends: bool) -> None:
    async with service.client("analyst") as client:
        session = await begin(client)
        key = session["id"]
        snapshots = [full(i * 0.5, session_id=key, source="main", zone="all") for i in range(20)]
        gap = {"session_id": key, "media_time": 10.0, "duration_seconds": 0.5, "suppressed": True}
        await send(client, *snapshots, gap)
        if ends:
            await client.post(f"/api/v1/sessions/{key}/end")
        url = f"/api/v1/sessions/{key}/timeline"
        answer = await client.get(url, params={"intervals": True})
        told = answer.json()
        assert answer.headers["content-encoding"] == "gzip"
        assert (told["count"], told["session_id"]) == (21, key)
        columns = told["columns"]
        assert columns["time_seconds"] == [i * 0.5 for i in range(21)]
        assert columns["suppressed"] == [False] * 20 + [True]
        assert columns["readable"] == [30] * 20 + [None]
        assert columns["coverage"][-2:] == [0.75, None]
        for name in ("emotions", "low", "high"):
            assert columns[name]["fear"][-1] is None
        assert snapshots[3].emotions is not None
        assert columns["emotions"]["fear"][3] == pytest.approx(snapshots[3].emotions.fear, abs=6e-3)

        binary = await client.get(url, params={"form": "npz"})
        assert binary.headers["content-type"] == "application/x-npz"
        arrays = np.load(io.BytesIO(binary.content), allow_pickle=False)
        assert arrays["time_seconds"].tolist() == columns["time_seconds"]
        assert arrays["emotions"].shape == (21, 8)
        assert arrays["readable"].tolist() == [30] * 20 + [-1]
        assert np.isnan(arrays["emotions"][-1]).all()
        assert "low" not in arrays

        again = await client.get(url, params={"intervals": True}, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await client.get(url, params={"intervals": True}, headers={"accept-encoding": "identity"})
        assert plain.json() == told
        assert "content-encoding" not in plain.headers
        part = await client.get(url, params={"start_seconds": 2.0, "end_seconds": 3.0})
        assert part.json()["columns"]["time_seconds"] == [2.0, 2.5]
        empty = await client.get(url, params={"zone": "balcony"})
        assert empty.json()["count"] == 0
    assert (await actions(service)).count("timeline.read") == 6, "each reading is audited"


async def test_a_timeline_that_grows_has_another_tag(service: Service) -> None:
    async with service.client("analyst") as client:
        session = await begin(client)
        url = f"/api/v1/sessions/{session['id']}/timeline"
        await send(client, step(UUID(session["id"]), 0.0))
        tag = (await client.get(url)).headers["etag"]
        await send(client, step(UUID(session["id"]), 0.5))
        answer = await client.get(url, headers={"if-none-match": tag})
        assert (answer.status_code, answer.json()["count"]) == (200, 2)


async def test_a_deleted_session_is_gone_at_once_and_its_deletion_proved(service: Service) -> None:
    async with service.client("analyst") as client:
        session = await begin(client)
        url = f"/api/v1/sessions/{session['id']}"
        await send(client, step(UUID(session["id"]), 0.0))
        await client.post(url + "/end")
        assert (await client.get(url + "/timeline")).status_code == 200
        proof = (await client.delete(url)).json()
        assert proof["subjects"] == [session["id"]]
        assert (proof["rows_deleted"]["snapshots"], proof["rows_deleted"]["sessions"]) == (1, 1)
        for path in ("", "/timeline", "/lanes", "/events"):
            assert (await client.get(url + path)).status_code == 404
        assert (await client.delete(url)).status_code == 404


async def test_what_is_asked_again_with_its_key_is_carried_out_once(service: Service) -> None:
    async with service.client("analyst", headers={"idempotency-key": "once"}) as client:
        first, again = await begin(client), await begin(client)
        assert first == again
    async with service.client("analyst") as client:
        for method, path, key in (("POST", "/end", "end"), ("DELETE", "", "delete")):
            url = f"/api/v1/sessions/{first['id']}{path}"
            answers = [await client.request(method, url, headers={"idempotency-key": key}) for _ in range(2)]
            assert [a.status_code for a in answers] == [200, 200]
            assert answers[0].json() == answers[1].json()
    assert (await actions(service)).count("session.deleted") == 1


async def test_moments_and_series_are_read(service: Service) -> None:
    async with service.client("analyst") as client:
        session = await begin(client)
        key = UUID(session["id"])
        log = SampleLog("shock", "points")
        log.append(MetricSample("shock", 0.0, 12.5, low=10.0, high=15.0, tracks=30, coverage=0.5))
        log.append(MetricSample("shock", 0.5, None, withheld="nothing was read"))
        async with service.parts.store.begin(service.organisation) as work:
            scare = Moment(MomentKind.SCARE, "shock", 10.0, 11.0, 12.0, 80.0, 40.0, 0.75, 30)
            peak = Moment(MomentKind.PEAK, "fear", 1.0, 2.0, 3.0, 60.0, 20.0, 0.75, 30)
            await work.moments.add(key, [scare, peak])
            await work.samples.append(key, log)
        base = f"/api/v1/sessions/{key}"
        found = (await client.get(base + "/moments")).json()["moments"]
        assert [(m["kind"], m["peak_seconds"], m["low"]) for m in found] == [("peak", 2.0, None), ("scare", 11.0, None)]
        only = (await client.get(base + "/moments", params={"kind": "scare"})).json()["moments"]
        assert [m["subject"] for m in only] == ["shock"]
        assert (await client.get(base + "/series")).json() == {"series": ["shock"]}
        assert (await client.get(base + "/series/shock")).json() == {
            "slug": "shock",
            "unit": "points",
            "time_seconds": [0.0, 0.5],
            "value": [12.5, None],
            "low": [10.0, None],
            "high": [15.0, None],
            "tracks": [30, 0],
            "coverage": [0.5, 0.0],
            "withheld": [None, "nothing was read"],
        }
        assert (await client.get(base + "/series/other")).json()["time_seconds"] == []
    assert {"moments.read", "series.read"} <= set(await actions(service))

"""Versions of a title against each other, over sessions in the store."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest

from mien.service.studies import comparing
from mien.service.studies import comparison as comparison_of_sessions
from mien.service.work.handlers import comparison as handlers_of_comparisons
from mien.service.work.tasks import Progressed, Task, Tools
from mien.service.work.worker import Worker
from mien.store.errors import ConflictError
from tests.analysis.audiences import sessions
from tests.service.studies import Study, asked, comparison
from tests.service.support import Service


async def test_versions_are_compared_and_the_result_stays_with_the_study(
    study: Study, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12, planted=25)
    at = f"/api/v1/studies/{study.id}/comparisons"
    answer = await analyst.post(at, json=comparison(study))
    assert answer.status_code == 201
    made = answer.json()
    (found,) = made["document"]["comparisons"]
    assert found["verdict"]["shown"] is True
    assert (found["version_a"], found["version_b"]) == ("A", "B")
    (finding,) = found["findings"]
    assert 4.0 <= finding["peak_seconds"] < 8.0
    assert made["headline"] in made["document"]["headline"]
    listed = (await analyst.get(at)).json()["items"]
    assert [one["id"] for one in listed] == [made["id"]]
    kept = await analyst.get(answer.headers["location"])
    assert kept.json() == made["document"]
    again = await analyst.get(answer.headers["location"], headers={"If-None-Match": kept.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_comparison_is_made_by_a_job_too_and_comes_to_the_same(
    service: Service, study: Study, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 12, {"age_band": "25-34"})
    await study.watched("B", 12, {"age_band": "25-34"}, planted=25)
    at = f"/api/v1/studies/{study.id}"
    asked = comparison(study, series=["fear", "happiness"], segments={"age_band": ["25-34", "35-44"]})
    waited_for = (await analyst.post(f"{at}/comparisons", json=asked)).json()["document"]
    begun = await analyst.post(f"{at}/comparison_jobs", json=asked)
    assert begun.status_code == 202, begun.text
    told: list[Progressed] = []

    async def hear(progressed: Progressed) -> None:
        told.append(progressed)

    parts, stop = service.parts, asyncio.Event()
    handlers = {"comparison": handlers_of_comparisons}
    working = asyncio.create_task(Worker(Tools(parts.store, parts.spool, parts.clock), handlers, hear).run(stop))
    try:
        while not (job := (await analyst.get(begun.headers["location"])).json())["finished_at"]:
            await asyncio.sleep(0.05)
    finally:
        stop.set()
        await working
    assert job["state"] == "done", job["error"]
    assert set(job["result"]) == {"study_id", "comparison_id"}, "what was found is read where reading is audited"
    made = (await analyst.get(f"{at}/comparisons/{job['result']['comparison_id']}")).json()
    assert {**made, "created": None} == {**waited_for, "created": None}
    assert told[-1].progress == 1.0
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list(action="comparison.made")).items
    assert {entry.actor for entry in entries} == {f"user:{service.people['analyst'].number}"}


async def test_nothing_is_kept_of_a_comparison_during_which_somebody_was_erased(
    service: Service, study: Study, analyst: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12)
    async with service.parts.store.begin(service.organisation) as work:
        consent = next(iter(await work.consents.of_study(UUID(study.id), [UUID(study.versions["A"])])))
        respondent = (await work.consents.get(consent)).respondent_id
    reckon = comparing.compare_versions

    def meanwhile(*given: Any, **named: Any) -> dict[str, Any]:
        document = reckon(*given, **named)
        asyncio.run_coroutine_threadsafe(erase(), loop).result(10)
        return document

    async def erase() -> None:
        async with service.parts.store.begin(service.organisation) as work:
            await work.erasure.erase(respondent, "test")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(comparison_of_sessions, "compare_versions", meanwhile)
    at = f"/api/v1/studies/{study.id}"
    refused = await analyst.post(f"{at}/comparisons", json=comparison(study))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:mien:problem:conflict")
    assert "withdrawn" in refused.json()["detail"]
    assert (await analyst.get(f"{at}/comparisons")).json()["items"] == []


async def test_nothing_is_kept_of_a_comparison_job_during_which_a_consent_was_taken_back(
    service: Service, study: Study, analyst: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12)
    at = f"/api/v1/studies/{study.id}"
    began = await analyst.post(f"{at}/comparison_jobs", json=comparison(study))
    assert began.status_code == 202
    store = service.parts.store
    async with store.begin_system() as system:
        [lease] = await system.queue.claim("worker", ["comparison"])

    async def progress(share: float | None, note: str) -> None:
        return

    task = Task(lease, Tools(store, service.parts.spool, service.parts.clock), progress)
    finish = await handlers_of_comparisons.handle(task)
    async with store.begin(service.organisation) as work:
        consents = await work.consents.of_study(UUID(study.id), [UUID(study.versions["B"])])
        await work.consents.withdraw(next(iter(consents)))
    with pytest.raises(ConflictError, match="withdrawn"):
        async with store.finishing(lease, finish.result) as work:
            await finish.write(work)
    assert (await analyst.get(f"{at}/comparisons")).json()["items"] == []


async def test_what_takes_long_is_sent_to_a_job(
    study: Study, analyst: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("A", "B"):
        await study.watched(version, 12)
    monkeypatch.setattr(comparing, "MOST_CELLS", 100)
    refused = await analyst.post(f"/api/v1/studies/{study.id}/comparisons", json=comparison(study))
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:mien:problem:too-large")
    assert "/api/v1/studies/{study_id}/comparison_jobs" in refused.json()["detail"]


def test_a_comparison_job_that_is_stopped_stops() -> None:
    rng = np.random.default_rng(3)
    plan, sets = comparing.Plan(shuffles=19), {"fear": tuple(sessions(rng, 6, 20, version=name) for name in "ABC")}

    def tell(share: float) -> None:
        shares.append(share)
        if share:
            raise RuntimeError("nobody waits for it")

    shares: list[float] = []
    with pytest.raises(RuntimeError, match="nobody waits"):
        comparing.compare_versions(sets, sets, plan, datetime.now(UTC), tell)
    assert shares == [0.0, 0.5]


async def test_a_comparison_job_is_begun_by_analysts_about_what_is_theirs(
    service: Service, study: Study, analyst: httpx.AsyncClient
) -> None:
    at = f"/api/v1/studies/{study.id}/comparison_jobs"
    for who, status in (("viewer", 403), ("other_admin", 404)):
        async with service.client(who) as client:
            assert (await client.post(at, json=comparison(study))).status_code == status
    unknown = comparison(study)
    unknown["versions"][1]["version_id"] = str(uuid4())
    assert (await analyst.post(at, json=unknown)).status_code == 404


async def test_the_same_seed_gives_the_same_result(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12)
    at = f"/api/v1/studies/{study.id}/comparisons"
    documents = [(await analyst.post(at, json=comparison(study, seed=3))).json()["document"] for _ in range(2)]
    for document in documents:
        del document["created"]
    assert documents[0] == documents[1]


async def test_parts_are_compared_only_where_they_are_large_enough(study: Study, analyst: httpx.AsyncClient) -> None:
    for version in ("A", "B"):
        await study.watched(version, 11, {"seat": "front"})
        await study.watched(version, 11 if version == "A" else 3, {"seat": "back"})
    at = f"/api/v1/studies/{study.id}/comparisons"
    refused = await analyst.post(at, json=comparison(study, segments={"seat": ["back"]}))
    assert refused.status_code == 403
    assert (await analyst.get(at)).json()["items"] == []


async def test_part_of_both_versions(study: Study, analyst: httpx.AsyncClient) -> None:
    for version in ("A", "B"):
        await study.watched(version, 11, {"seat": "front"}, planted=20 if version == "B" else 0)
        await study.watched(version, 11, {"seat": "back"})
    at = f"/api/v1/studies/{study.id}/comparisons"
    wanted = comparison(study, segments={"seat": ["front"]}, from_seconds=2.0, to_seconds=10.0)
    made = (await analyst.post(at, json=wanted)).json()["document"]
    assert made["filtered"] == "seat is front, from 2 s, up to 10 s"
    assert [version["sessions"] for version in made["versions"]] == [11, 11]
    assert made["comparisons"][0]["start_seconds"] == 2.0
    assert made["comparisons"][0]["verdict"]["shown"] is True


async def test_a_version_with_a_scene_more_is_laid_beside_the_other(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12)
    offsets = [
        {"from_seconds": 0.0, "to_seconds": 4.0, "shift_seconds": 0.0},
        {"from_seconds": 6.0, "to_seconds": 12.0, "shift_seconds": -2.0},
    ]
    versions = [{"version_id": study.versions["A"]}, {"version_id": study.versions["B"], "offsets": offsets}]
    at = f"/api/v1/studies/{study.id}/comparisons"
    made = (await analyst.post(at, json=comparison(study, versions=versions))).json()["document"]
    (found,) = made["comparisons"]
    assert found["only_b_seconds"] == [[4.0, 6.0]]
    assert found["only_a_seconds"] == [[10.0, 12.0]]


async def test_what_cannot_be_compared_is_refused(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 2)
    at = f"/api/v1/studies/{study.id}/comparisons"
    one = [{"version_id": study.versions["A"]}]
    odd: tuple[dict[str, Any], ...] = (
        {"versions": one},
        {"versions": one * 2},
        {"series": []},
        {"series": ["fear", "fear"]},
        {"from_seconds": 5.0, "to_seconds": 5.0},
        {"shuffles": 10_000},
        {"step_seconds": math.pi * 1e9},
        {},
    )
    for changes in odd:
        answer = await analyst.post(at, json=comparison(study, **changes))
        assert answer.status_code == (422 if changes else 403), changes


async def test_another_organisation_sees_nothing_of_it(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    await study.watched("A", 12)
    await study.watched("B", 12)
    at = f"/api/v1/studies/{study.id}/comparisons"
    made = (await analyst.post(at, json=comparison(study))).json()["id"]
    async with service.client("other_admin") as other:
        assert (await asked(other, study)).status_code == 404
        assert (await other.get(at)).status_code == 404
        assert (await other.get(f"{at}/{made}")).status_code == 404
        assert (await other.post(at, json=comparison(study))).status_code == 404

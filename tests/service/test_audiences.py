"""Parts of a study's audience, and versions against each other, over sessions in the store."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest

from mien.core.audience import AudienceSnapshot, EmotionPercents
from mien.core.findings import MetricSample, SampleLog
from mien.core.labels import EMOTIONS
from mien.core.policy import Basis, Declaration, Purpose, authorise
from mien.core.settings import PROFILES
from mien.store.repositories.sessions import SessionDraft
from tests.service.support import Service

STEP = 0.5
STEPS = 24
FEAR = EMOTIONS.index("fear")


@dataclass
class Study:
    """A study of two cuts, and its sessions in the store."""

    service: Service
    title: str
    id: str
    versions: dict[str, str]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    async def watched(
        self,
        version: str,
        count: int,
        segments: dict[str, str] | None = None,
        *,
        planted: float = 0.0,
        scopes: tuple[str, ...] = ("measure", "segments"),
        ends: bool = True,
        metric: str | None = None,
    ) -> list[UUID]:
        """Respondents, each with a session of fear; ``planted`` points more from step 8 to 16."""
        grant = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT), PROFILES["panel"])
        made = []
        for _ in range(count):
            fear = np.clip(30 + self.rng.normal(0, 4) + self.rng.normal(0, 6, STEPS), 5, 60)
            fear[8:16] += planted
            async with self.service.parts.store.begin(self.service.organisation) as work:
                respondent = await work.respondents.add(segments or {})
                consent = await work.consents.give(respondent.id, bytes(32), scopes)
                draft = SessionDraft(
                    grant, "studio6", STEP, 30, UUID(self.versions[version]), UUID(self.id), respondent.id, consent.id
                )
                session = await work.sessions.begin(draft)
                told = [snapshot(str(session.id), k, float(value)) for k, value in enumerate(fear)]
                ingested = await work.snapshots.ingest(told)
                assert ingested.stored == STEPS
                if metric:
                    log = SampleLog(metric, "points")
                    for k, value in enumerate(fear):
                        log.append(MetricSample(metric, k * STEP, float(value) / 2, coverage=1.0))
                    await work.samples.append(session.id, log)
            if ends:
                async with self.service.parts.store.begin(self.service.organisation) as work:
                    await work.sessions.end(session.id)
            made.append(session.id)
        return made


def snapshot(session_id: str, step: int, fear: float) -> AudienceSnapshot:
    shares = [0.0] * len(EMOTIONS)
    shares[FEAR], shares[0] = fear, 100 - fear
    return AudienceSnapshot(
        session_id=session_id,
        media_time=step * STEP,
        duration_seconds=STEP,
        suppressed=False,
        frames=15,
        present=1,
        readable=1,
        tracks=1,
        coverage=1.0,
        emotions=EmotionPercents.of(shares),
    )


@pytest.fixture
async def analyst(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client("analyst", timeout=120) as client:
        yield client


@pytest.fixture
async def study(service: Service, analyst: httpx.AsyncClient) -> Study:
    title = (await analyst.post("/api/v1/titles", json={"name": "Night Bus"})).json()["id"]
    versions = {}
    for name in ("A", "B"):
        answer = await analyst.post(f"/api/v1/titles/{title}/versions", json={"name": name})
        versions[name] = answer.json()["id"]
    body = {"title_id": title, "name": "Which cut?", "question": "Which scares more?"}
    made = (await analyst.post("/api/v1/studies", json=body)).json()["id"]
    return Study(service, title, made, versions)


async def asked(client: httpx.AsyncClient, study: Study, version: str = "A", **query: Any) -> httpx.Response:
    params = {"version_id": study.versions[version], "series": "fear", **query}
    return await client.get(f"/api/v1/studies/{study.id}/audience", params=params)


FRONT = "seat:front"


async def test_everybody_at_every_step(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 4)
    told = (await asked(analyst, study)).json()
    assert (told["sessions"], told["step_seconds"], len(told["mean"])) == (4, STEP, STEPS)
    assert all(5 <= value <= 60 for value in told["mean"])
    assert told["coverage_share"] == [1.0] * STEPS
    assert (told["unit"], told["demo"], told["sessions_not_counted_yet"]) == ("points", False, 0)


async def test_the_mean_is_of_what_was_stored(study: Study, analyst: httpx.AsyncClient, service: Service) -> None:
    sessions = await study.watched("A", 3)
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        stored = [(await work.snapshots.timeline(key))["emotions"][:, FEAR] for key in sessions]
    told = (await asked(analyst, study)).json()
    assert told["mean"] == pytest.approx(np.mean(stored, axis=0).tolist(), abs=1e-3)


async def test_a_stretch_of_time(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 3)
    whole = (await asked(analyst, study)).json()
    part = (await asked(analyst, study, from_seconds=4.0, to_seconds=6.0)).json()
    assert part["start_seconds"] == 4.0
    assert part["mean"] == whole["mean"][8:12]
    assert (await asked(analyst, study, from_seconds=1000.0)).status_code == 422


async def test_a_metric_of_the_sessions(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 3, metric="shock")
    fear = (await asked(analyst, study)).json()
    shock = (await asked(analyst, study, series="shock")).json()
    assert shock["mean"] == pytest.approx([value / 2 for value in fear["mean"]], abs=1e-3)
    assert (await asked(analyst, study, series="unheard_of")).status_code == 422


async def test_sessions_that_are_open_do_not_count(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 2)
    await study.watched("A", 1, ends=False)
    assert (await asked(analyst, study)).json()["sessions"] == 2


async def test_a_part_by_what_was_declared(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 11, {"seat": "front"}, planted=20)
    await study.watched("A", 12, {"seat": "back"})
    told = (await asked(analyst, study, segment=FRONT)).json()
    assert (told["sessions"], told["min_group"]) == (11, 10)
    back = (await asked(analyst, study, segment="seat:back")).json()
    assert np.mean(told["mean"][8:16]) > np.mean(back["mean"][8:16]) + 10
    both = (await asked(analyst, study, segment="seat:front,back")).json()
    assert both["sessions"] == 23


async def test_nine_people_are_not_told_about_nor_what_would_leave_nine(
    study: Study, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 9, {"seat": "front"})
    await study.watched("A", 20, {"seat": "back"})
    for segment in (FRONT, "seat:back"):
        answer = await asked(analyst, study, segment=segment)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:mien:problem:not-permitted")


async def test_one_more_person_cannot_be_told_from_answers_of_two_days(
    study: Study, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 12, {"seat": "front"})
    await study.watched("A", 12, {"seat": "back"})
    before = (await asked(analyst, study, segment=FRONT)).json()
    await study.watched("A", 1, {"seat": "front"}, planted=30)
    after = (await asked(analyst, study, segment=FRONT)).json()
    assert after["mean"] == before["mean"]
    assert (after["sessions"], after["sessions_not_counted_yet"]) == (12, 1)
    await study.watched("A", 10, {"seat": "front"})
    grown = (await asked(analyst, study, segment=FRONT)).json()
    assert (grown["sessions"], grown["sessions_not_counted_yet"]) == (23, 0)


async def test_several_who_ask_at_once_are_answered_alike_and_remembered_once(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    await study.watched("A", 12, {"seat": "front"})
    await study.watched("A", 12, {"seat": "back"})
    answers = await asyncio.gather(*(asked(analyst, study, segment=FRONT) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.text for answer in answers}) == 1
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        assert len((await work.audit.list(action="audience.partitioned")).items) == 1


async def test_after_one_was_erased_parts_are_not_told_about(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    front = await study.watched("A", 12, {"seat": "front"})
    await study.watched("A", 12, {"seat": "back"})
    assert (await asked(analyst, study, segment=FRONT)).status_code == 200
    async with service.parts.store.begin(service.organisation) as work:
        await work.sessions.delete(front[0], "test")
    assert (await asked(analyst, study, segment=FRONT)).status_code == 403
    assert (await asked(analyst, study)).json()["sessions"] == 23


async def test_what_was_declared_counts_only_where_its_use_was_agreed_to(
    study: Study, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 12, {"seat": "front"})
    await study.watched("A", 12, {"seat": "front"}, scopes=("measure",))
    assert (await asked(analyst, study, segment=FRONT)).json()["sessions"] == 12
    assert (await asked(analyst, study, segment="age_band:25-34")).status_code == 422


@pytest.mark.parametrize("segment", ["seat", "seat:", ":front", "seat:front,", ["seat:front", "seat:back"]])
async def test_a_segment_that_makes_no_sense_is_refused(
    study: Study, analyst: httpx.AsyncClient, segment: str | list[str]
) -> None:
    await study.watched("A", 2)
    assert (await asked(analyst, study, segment=segment)).status_code == 422


async def test_reading_it_is_audited(study: Study, service: Service) -> None:
    await study.watched("A", 2)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 200
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list(action="audience.read")).items
    assert [(e.actor, e.subject) for e in entries] == [(f"user:{service.people['viewer'].number}", study.id)]


def comparison(study: Study, **changes: Any) -> dict[str, Any]:
    versions = [{"version_id": study.versions[name]} for name in ("A", "B")]
    return {"versions": versions, "series": ["fear"], "shuffles": 199, **changes}


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


async def test_the_same_seed_gives_the_same_result(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 6)
    await study.watched("B", 6)
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
    await study.watched("A", 6)
    await study.watched("B", 6)
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
        assert answer.status_code == 422, changes


async def test_another_organisation_sees_nothing_of_it(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    await study.watched("A", 3)
    await study.watched("B", 3)
    at = f"/api/v1/studies/{study.id}/comparisons"
    made = (await analyst.post(at, json=comparison(study))).json()["id"]
    async with service.client("other_admin") as other:
        assert (await asked(other, study)).status_code == 404
        assert (await other.get(at)).status_code == 404
        assert (await other.get(f"{at}/{made}")).status_code == 404
        assert (await other.post(at, json=comparison(study))).status_code == 404

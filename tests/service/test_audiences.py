"""Parts of a study's audience, over sessions in the store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from mien.core.errors import MediaTooLargeError
from mien.service.studies import comparing
from tests.analysis.audiences import sessions
from tests.service.studies import FEAR, FRONT, STEP, STEPS, Study, asked, comparison, snapshot
from tests.service.support import Service


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


async def test_what_would_not_fit_into_memory_is_refused_before_it_is_made(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    for version in ("A", "B"):
        [session] = await study.watched(version, 1, ends=False)
        async with service.parts.store.begin(service.organisation) as work:
            late = snapshot(str(session), 0, 30.0)
            moment = 900_000.0 if version == "A" else 2_000.0
            await work.snapshots.ingest([late.model_copy(update={"media_time": moment})])
            await work.sessions.end(session)
        await study.watched(version, 11)
    answer = await asked(analyst, study)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:mien:problem:too-large")
    assert "wrong clock" in answer.json()["detail"]
    assert (await asked(analyst, study, "B")).status_code == 200
    at = f"/api/v1/studies/{study.id}/comparisons"
    assert (await analyst.post(at, json=comparison(study))).status_code == 413


def test_versions_that_fit_by_themselves_are_not_put_on_steps_that_do_not() -> None:
    rng = np.random.default_rng(3)
    sets = {"fear": tuple(sessions(rng, 12, 60, version=name) for name in "AB")}
    with pytest.raises(MediaTooLargeError, match="cannot be looked at together"):
        comparing.compare_versions(sets, sets, comparing.Plan(step_seconds=1e-6), datetime.now(UTC))


async def test_sessions_whose_consent_was_taken_back_do_not_count(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    first, *_ = await study.watched("A", 4)
    async with service.parts.store.begin(service.organisation) as work:
        consent = (await work.sessions.get(first)).consent_id
        assert consent is not None
        await work.consents.withdraw(consent)
    assert (await asked(analyst, study)).json()["sessions"] == 3
    assert (await analyst.get(f"/api/v1/sessions/{first}/timeline")).status_code == 200


async def test_a_part_by_what_was_declared(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 11, {"seat": "front"}, planted=20)
    await study.watched("A", 12, {"seat": "back"})
    told = (await asked(analyst, study, segment=FRONT)).json()
    assert (told["sessions"], told["min_group"]) == (11, 10)
    back = (await asked(analyst, study, segment="seat:back")).json()
    assert np.mean(told["mean"][8:16]) > np.mean(back["mean"][8:16]) + 10
    both = (await asked(analyst, study, segment="seat:front,back")).json()
    assert both["sessions"] == 23


async def test_ten_sessions_of_one_person_are_one_person(study: Study, analyst: httpx.AsyncClient) -> None:
    await study.watched("A", 1, {"seat": "front"}, times=10)
    await study.watched("A", 11, {"seat": "back"})
    assert (await asked(analyst, study, segment=FRONT)).status_code == 403
    assert (await asked(analyst, study)).json()["sessions"] == 12
    await study.watched("B", 11, times=2)
    made = await analyst.post(f"/api/v1/studies/{study.id}/comparisons", json=comparison(study))
    assert [version["sessions"] for version in made.json()["document"]["versions"]] == [12, 11]


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


async def test_a_viewer_cannot_subtract_one_person_out_of_everybody(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    await study.watched("A", 9)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 403
        await study.watched("A", 3)
        before = (await asked(viewer, study)).json()
        assert (before["sessions"], before["min_group"]) == (12, 10)
        await study.watched("A", 1, planted=30)
        after = (await asked(viewer, study)).json()
        assert after["mean"] == before["mean"]
        assert (after["sessions"], after["sessions_not_counted_yet"]) == (12, 1)
        # Nor with a stretch of it, nor out of what stays with the study, whoever makes it.
        assert (await asked(viewer, study, from_seconds=2.0)).json()["mean"] == before["mean"][4:]
        await study.watched("B", 12)
        made = await analyst.post(f"/api/v1/studies/{study.id}/comparisons", json=comparison(study))
        assert [version["sessions"] for version in made.json()["document"]["versions"]] == [12, 12]
        assert (await asked(analyst, study)).json()["sessions"] == 13
        await study.watched("A", 9)
        assert (await asked(viewer, study)).json()["sessions"] == 22


async def test_nor_a_person_who_left(study: Study, service: Service) -> None:
    sessions = await study.watched("A", 14)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 200
        async with service.parts.store.begin(service.organisation) as work:
            await work.sessions.delete(sessions[0], "test")
        assert (await asked(viewer, study)).status_code == 403


async def test_everybody_and_a_part_are_remembered_together(study: Study, service: Service) -> None:
    await study.watched("A", 12, {"seat": "front"})
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).json()["sessions"] == 12
        await study.watched("A", 5, {"seat": "back"})
        assert (await asked(viewer, study, segment="seat:front,back")).json()["sessions"] == 12


async def test_reading_it_is_audited(study: Study, service: Service) -> None:
    await study.watched("A", 12)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 200
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        entries = (await work.audit.list(action="audience.read")).items
    assert [(e.actor, e.subject) for e in entries] == [(f"user:{service.people['viewer'].number}", study.id)]

"""What viewers are told of an audience, beside what they were told before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import httpx
import numpy as np
import pytest

from mien.core.findings import MetricSample, SampleLog
from mien.core.policy import Basis, Declaration, Grant, Purpose, authorise
from mien.core.settings import PROFILES
from mien.service.studies import comparing
from mien.store.repositories.sessions import SessionDraft
from tests.analysis.audiences import sessions
from tests.service.studies import FRONT, STEP, STEPS, Study, asked, comparison, snapshot
from tests.service.support import Service

ALONE = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT), PROFILES["panel"])
IN_A_HALL = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, None), PROFILES["cinema"])


async def watch(
    study: Study,
    fear: Sequence[float],
    *,
    grant: Grant = ALONE,
    people: int = 1,
    step_seconds: float = STEP,
    respondent: UUID | None = None,
    first_step: int = 0,
    attention: bool = False,
) -> UUID:
    """One session that has ended: of longer steps, of several people, of somebody who comes again or comes late."""
    async with study.service.parts.store.begin(study.service.organisation) as work:
        consent = None
        if people == 1 or respondent:
            respondent = respondent or (await work.respondents.add({})).id
            consent = (await work.consents.give(respondent, bytes(32), ("measure",))).id
        place = UUID(study.versions["A"]), UUID(study.id)
        draft = SessionDraft(grant, "studio6", step_seconds, 30, *place, respondent, consent)
        session = (await work.sessions.begin(draft)).id
        steps = [first_step + round(k * step_seconds / STEP) for k in range(len(fear))]
        told = [snapshot(str(session), k, float(value)) for k, value in zip(steps, fear, strict=True)]
        changed = {"duration_seconds": step_seconds, "present": people, "readable": people, "tracks": people}
        await work.snapshots.ingest([one.model_copy(update=changed) for one in told])
        await work.sessions.end(session)
    if attention:
        await measured(study, session, "attention", dict.fromkeys(steps, 50.0))
    return session


async def measured(study: Study, session: UUID, metric: str, values: Mapping[int, float | None]) -> None:
    """A metric's values by step, as the job puts them down that follows a session's end."""
    async with study.service.parts.store.begin(study.service.organisation) as work:
        log = SampleLog(metric, "points")
        for step, value in values.items():
            log.append(MetricSample(metric, step * STEP, value, coverage=1.0))
        await work.samples.append(session, log)


async def test_one_series_does_not_tell_of_another_what_that_withholds(study: Study, service: Service) -> None:
    """Emotions add up to 100: with two memories, the others' sum would tell of the one who came between."""
    await study.watched("A", 12)
    async with service.client("viewer") as viewer:
        fear = (await asked(viewer, study)).json()
        await study.watched("A", 1)
        neutral = (await asked(viewer, study, series="neutral")).json()
    assert (neutral["sessions"], neutral["sessions_not_counted_yet"]) == (12, 1)
    np.testing.assert_allclose(np.add(fear["mean"], neutral["mean"]), 100, atol=1e-3)


async def test_what_was_told_of_attention_is_not_known_of_emotions(study: Study, service: Service) -> None:
    """Somebody without a head pose is in no sum of attention: they stay uncounted where nobody came with them."""
    for _ in range(20):
        await watch(study, [30.0] * STEPS, attention=True)
    half = STEPS // 2
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).json()["sessions"] == 20
        await watch(study, [77.0] * STEPS)
        for _ in range(10):
            await watch(study, [30.0] * (STEPS - half), first_step=half, attention=True)
        before = (await asked(viewer, study)).json()
        attention = (await asked(viewer, study, series="attention")).json()
        after = (await asked(viewer, study)).json()
    assert attention["sessions"] == 30
    assert before["sessions_not_counted_yet"] == after["sessions_not_counted_yet"] == 11
    np.testing.assert_allclose([before["mean"], after["mean"]], 30, atol=1e-3)


async def test_a_sum_of_emotions_does_not_tell_of_the_one_who_lacks_it(study: Study, service: Service) -> None:
    """Reaction is a weighted sum of emotions: of twelve with emotions and eleven with reaction, the twelfth follows."""
    await study.watched("A", 11, metric="reaction")
    await study.watched("A", 1)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).json()["sessions"] == 12
        assert (await asked(viewer, study, series="reaction")).status_code == 403


async def test_what_is_not_reckoned_from_emotions_is_told_over_those_who_have_it(
    study: Study, service: Service
) -> None:
    await study.watched("A", 11, metric="attention")
    await study.watched("A", 1)
    async with service.client("viewer") as viewer:
        for series, sessions_told in (("fear", 12), ("attention", 11)):
            told = (await asked(viewer, study, series=series)).json()
            assert (told["sessions"], told["sessions_not_counted_yet"]) == (sessions_told, 0)


async def test_steps_at_which_somebody_with_emotions_lacks_a_metric_are_withheld(
    study: Study, service: Service
) -> None:
    *others, last = await study.watched("A", 12)
    await measured(study, last, "reaction", {k: 20.0 if k >= 4 else None for k in range(STEPS)})
    for other in others:
        await measured(study, other, "reaction", dict.fromkeys(range(STEPS), 30.0))
    async with service.client("viewer") as viewer:
        told = (await asked(viewer, study, series="reaction")).json()
    assert (told["mean"][:4], told["steps_withheld"], told["sessions"]) == ([None] * 4, 4, 12)
    assert None not in told["mean"][4:]


async def test_attention_that_is_put_down_after_an_answer_is_of_somebody_new(study: Study, service: Service) -> None:
    *others, last = await study.watched("A", 12)
    for other in others:
        await measured(study, other, "attention", dict.fromkeys(range(STEPS), 40.0))
    async with service.client("viewer") as viewer:
        before = (await asked(viewer, study, series="attention")).json()
        await measured(study, last, "attention", dict.fromkeys(range(STEPS), 90.0))
        after = (await asked(viewer, study, series="attention")).json()
    assert (before["sessions"], after["sessions"], after["sessions_not_counted_yet"]) == (11, 11, 1)
    assert before["mean"] == after["mean"] == [40.0] * STEPS


async def test_who_has_no_value_of_a_metric_does_not_shut_it_for_the_others(study: Study, service: Service) -> None:
    *others, last = await study.watched("A", 30)
    for other in others:
        await measured(study, other, "reaction", dict.fromkeys(range(STEPS), 30.0))
    await measured(study, last, "reaction", dict.fromkeys(range(STEPS)))
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study, series="reaction")).json()["sessions"] == 29


async def test_a_hall_that_a_respondent_sat_in_does_not_hide_their_own_session(study: Study, service: Service) -> None:
    async with service.parts.store.begin(service.organisation) as work:
        who = (await work.respondents.add({})).id
    await watch(study, [77.0] * STEPS, respondent=who)
    hall = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT), PROFILES["cinema"])
    await watch(study, [30.0] * STEPS, grant=hall, people=12, respondent=who)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 403
        for _ in range(9):
            await watch(study, [30.0] * STEPS)
        assert (await asked(viewer, study)).json()["sessions"] == 11


async def test_longer_steps_do_not_change_those_that_were_told_of(study: Study, service: Service) -> None:
    await study.watched("A", 12)
    async with service.client("viewer") as viewer:
        before = (await asked(viewer, study)).json()
        for _ in range(10):
            await watch(study, [30.0] * (STEPS // 2), step_seconds=2 * STEP)
        after = (await asked(viewer, study)).json()
    assert after.pop("sessions_not_counted_yet") == 10 + before.pop("sessions_not_counted_yet")
    assert after == before


async def test_a_hall_that_viewers_may_read_hides_nobody(study: Study, service: Service) -> None:
    await watch(study, study.rng.uniform(10, 40, STEPS).tolist(), grant=IN_A_HALL, people=12)
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).json()["sessions"] == 1
        await watch(study, study.rng.uniform(10, 40, STEPS).tolist())
        assert (await asked(viewer, study)).status_code == 403


async def test_watching_again_and_declaring_anew_take_nothing_away(
    study: Study, service: Service, analyst: httpx.AsyncClient
) -> None:
    sessions_of_a = await study.watched("A", 12, {"seat": "front"})
    await study.watched("B", 12)
    at = f"/api/v1/studies/{study.id}/comparisons"
    async with service.client("viewer") as viewer:
        before = (await asked(viewer, study)).json()
        async with service.parts.store.begin(service.organisation) as work:
            respondent = (await work.sessions.get(sessions_of_a[0])).respondent_id
            assert respondent is not None
            await work.respondents.declare(respondent, {"seat": "back"})
        assert (await asked(viewer, study)).json() == before
        await watch(study, study.rng.uniform(10, 40, STEPS).tolist(), respondent=respondent)
        after = (await asked(viewer, study)).json()
        assert (after["mean"], after["sessions_not_counted_yet"]) == (before["mean"], 1)
    made = (await analyst.post(at, json=comparison(study))).json()
    (found,) = made["document"]["comparisons"]
    assert (found["sessions_not_counted_a"], found["sessions_not_counted_b"]) == (1, 0)


async def test_a_comparison_says_who_is_not_counted_yet_in_each_series(
    study: Study, service: Service, analyst: httpx.AsyncClient
) -> None:
    await study.watched("A", 12, metric="shock")
    await study.watched("B", 12, metric="shock")
    async with service.client("viewer") as viewer:
        assert (await asked(viewer, study)).status_code == 200
    await study.watched("A", 9)
    wanted = comparison(study, series=["shock", "fear"])
    document = (await analyst.post(f"/api/v1/studies/{study.id}/comparisons", json=wanted)).json()["document"]
    told = {
        one["series"]: (one["sessions_not_counted_a"], one["sessions_not_counted_b"]) for one in document["comparisons"]
    }
    assert told == {"fear": (9, 0), "shock": (0, 0)}
    assert document["versions"][0]["sessions"] == 12


async def test_one_withdrawal_among_many_does_not_shut_comparisons(
    study: Study, service: Service, analyst: httpx.AsyncClient
) -> None:
    sessions_of_a = await study.watched("A", 22)
    await study.watched("B", 12)
    at = f"/api/v1/studies/{study.id}/comparisons"
    assert (await analyst.post(at, json=comparison(study))).status_code == 201
    async with service.parts.store.begin(service.organisation) as work:
        consent = (await work.sessions.get(sessions_of_a[0])).consent_id
        assert consent is not None
        await work.consents.withdraw(consent)
    made = (await analyst.post(at, json=comparison(study))).json()["document"]
    assert made["versions"][0]["sessions"] == 11
    assert made["comparisons"][0]["sessions_not_counted_a"] == 10


async def test_what_an_earlier_release_remembered_counts_for_every_series_and_step(
    study: Study, analyst: httpx.AsyncClient, service: Service
) -> None:
    front = await study.watched("A", 12, {"seat": "front"})
    async with service.parts.store.begin(service.organisation) as work:
        detail = {"series": "shock", "parts": [[[str(one), 1.0] for one in front]]}
        subject = f"{study.id}:{study.versions['A']}"
        await work.audit.record("user:1", "audience.partitioned", "study_version", subject, detail)
    await study.watched("A", 3, {"seat": "front"})
    told = (await asked(analyst, study, segment=FRONT)).json()
    assert (told["sessions"], told["sessions_not_counted_yet"]) == (12, 3)


@pytest.mark.parametrize("order", [("fear", "shock"), ("shock", "fear")])
def test_no_order_of_series_lowers_the_smallest_group(order: tuple[str, str]) -> None:
    rng, groups = np.random.default_rng(3), {"fear": 13, "shock": 5}
    sets = {}
    for series in order:
        made = (sessions(rng, 12, 20, version=version, min_group=groups[series]) for version in "AB")
        sets[series] = tuple(replace(one, series={series: one.series["fear"]}) for one in made)
    document = comparing.compare_versions(sets, sets, comparing.Plan(shuffles=19), datetime.now(UTC))
    told = {one["series"]: one["curve"]["mean_a"] for one in document["comparisons"]}
    assert set(told["fear"]) == {None}
    assert None not in told["shock"]
